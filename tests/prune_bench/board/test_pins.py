"""What does not fit the pins of a board is refused; what does not count is said."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace

import pytest
import torch
import yaml
from prune_bench.board.board import Board
from prune_bench.board.grid import CONTROLS, Grid
from prune_bench.board.pinning import hold
from prune_bench.board.pins import Pins
from prune_bench.board.work import do_run
from prune_bench.run import provenance, sources
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.run_id import run_id
from prune_bench.standings.build import read_standings

from prune_env.files import write_json
from prune_env.learners.network import device

IMAGES = "prune_env/Images-v0"
GRID = Grid(env=(IMAGES,), agents=(), keep_ratios=(0.5,), seeds=1, epochs=1)


@pytest.fixture
def board(tmp_path):
    return Board(tmp_path / "board")


def do_all(board, new, place, trusted=None):
    """What the command does, in this process; what is said."""
    place, said = hold(board, new, place, trusted)
    for name, options in board.runs().items():
        if board.is_open(name):
            assert do_run(options, board.folder, place).kind == "done", board.failure_path(name)
    return said


def pins_of(board):
    return yaml.safe_load((board.folder / "board.yaml").read_text(encoding="utf-8")).get("pins")


def test_a_board_pins_its_data(board, write_data):
    data = write_data()
    do_all(board, GRID, Place(data))
    digest = pins_of(board)["data"][IMAGES]
    for path in (board.folder / "runs").iterdir():
        assert json.loads(path.read_text(encoding="utf-8"))["trained"]["data"] == digest
    assert len(read_standings(board.folder).runs) == len(CONTROLS)
    before = (board.folder / "board.yaml").read_text(encoding="utf-8")
    assert do_all(board, None, Place(data)) == []
    assert (board.folder / "board.yaml").read_text(encoding="utf-8") == before


def test_the_first_network_is_pinned_where_only_named_ones_have_run(board, write_data, monkeypatch):
    monkeypatch.setitem(provenance.FIRST_NETWORKS, IMAGES, "small")
    data = write_data()
    do_all(board, replace(GRID, network="mlp"), Place(data))
    assert "networks" not in pins_of(board)
    do_all(board, replace(GRID, network=None), Place(data))
    pinned = pins_of(board)["networks"]
    assert list(pinned) == [IMAGES]
    assert {run.trained["network"] for run in read_standings(board.folder).runs} == {
        "mlp", *pinned.values()
    }  # fmt: skip


@pytest.mark.parametrize("grid", [None, replace(GRID, seeds=2)])
def test_other_data_are_refused_and_change_nothing(board, write_data, grid):
    """In another folder, and in the same one, where labels are the same."""
    do_all(board, GRID, Place(write_data()))
    before = (board.folder / "board.yaml").read_text(encoding="utf-8")
    for other in (write_data("other.npz", shade=9), write_data(shade=9)):
        with pytest.raises(
            ValueError, match=r"has runs of .*Images-v0 on other data: their digest"
        ):
            hold(board, grid, Place(other), None)
    with pytest.raises(FileNotFoundError, match="no/such/folder"):
        hold(board, grid, Place("/no/such/folder"), None)
    assert (board.folder / "board.yaml").read_text(encoding="utf-8") == before


def test_data_that_nothing_was_run_on_may_be_others(board, write_data):
    hold(board, GRID, Place(write_data()), None)
    first = pins_of(board)
    hold(board, None, Place(write_data("other.npz", shade=9)), None)
    assert pins_of(board) != first


def test_data_that_change_while_a_board_runs_are_not_mixed_in(board, write_data):
    place, _ = hold(board, GRID, Place(write_data()), None)
    write_data(shade=9)
    name, options = next(iter(board.runs().items()))
    assert do_run(options, board.folder, place).kind == "failed"
    failure = json.loads(board.failure_path(name).read_text(encoding="utf-8"))
    assert failure["error"] == "ValueError: not the run of this board: other data"


def test_threads_do_not_follow_from_jobs_and_stay_what_they_were(board, write_data):
    data = write_data()
    place, _ = hold(board, GRID, Place(data), None)
    assert place.threads == 1
    do_all(board, None, Place(data))
    with pytest.raises(ValueError, match="has runs with 1 threads on a cpu"):
        hold(board, replace(GRID, seeds=2), Place(data, threads=2), None)
    with pytest.raises(ValueError, match="2 threads"):
        hold(board, None, Place(threads=2), None)

    two = Board(board.folder.parent / "two")
    do_all(two, GRID, Place(data, threads=2))
    assert pins_of(two)["threads"] == 2
    assert hold(two, None, Place(), None)[0].threads == 2
    assert set(two.runs()).isdisjoint(board.runs())
    titles = {s.title for b in (board, two) for s in read_standings(b.folder).settings}
    assert len(titles) == 2
    assert any("threads 2" in title for title in titles)


def test_a_board_on_a_gpu_names_its_precision(board, write_data, monkeypatch):
    """GPUs that are counted, tried and never used: with bf16, then one without."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(device, "_fault", lambda device: None)
    monkeypatch.setattr(device, "has_bf16", lambda device: True)
    place, _ = hold(board, GRID, Place(write_data()), None)
    assert place.device == pins_of(board)["device"] == "cuda"
    assert pins_of(board)["precision"] == "bf16"
    name, run = next(iter(board.runs().items()))
    of_run = board.read()[1].of(run)
    assert (of_run.device, of_run.precision) == ("cuda", "bf16")
    assert name == run_id(run, of_run) != run_id(run, replace(of_run, precision="fp32"))
    board.result_path(name).parent.mkdir(exist_ok=True)
    board.result_path(name).touch()  # as if it were done
    monkeypatch.setattr(device, "has_bf16", lambda device: False)
    with pytest.raises(ValueError, match=r"on a cuda in bf16, .* 1 threads on a cuda in fp32"):
        hold(board, None, Place(write_data()), None)


@pytest.mark.parametrize("rung", ["Synthetic-v0", "Replay-v0", "Probe-Scores-v0"])
def test_formulas_have_no_device_and_no_precision(rung):
    run = RunOptions(env=f"prune_env:prune_env/{rung}")
    assert Pins(device="cuda", precision="bf16").of(run) == Pins().of(run)


AGENT = """
from dataclasses import dataclass
import prune_agents

@dataclass(frozen=True, kw_only=True)
class Mine(prune_agents.find("random_dynamic")):
    "Random."
    reads_keep_ratio = {reads}
"""
OWN = Grid(agents=("pinned_agent:Mine",), keep_ratios=(0.5,), seeds=1, epochs=1, limit=60)


@pytest.fixture
def write_agent(tmp_path, monkeypatch):
    """Writes the module of an agent as if this process had not seen it before."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(text=AGENT, reads=True):
        (tmp_path / "pinned_agent.py").write_text(text.format(reads=reads), encoding="utf-8")
        sys.modules.pop("pinned_agent", None)
        importlib.invalidate_caches()
        sources.agent_source.cache_clear()

    yield write
    sys.modules.pop("pinned_agent", None)


def test_an_agent_whose_source_has_changed_is_run_again(board, write_agent):
    write_agent()
    do_all(board, OWN, Place())
    (first,) = (board.folder / "runs").glob("pinned_agent*")
    write_agent(AGENT + "# changed")
    said = do_all(board, None, Place())
    assert said == ["the source of pinned_agent:Mine has changed: its runs are done anew"]
    assert len(list((board.folder / "runs").glob("pinned_agent*"))) == 2
    found = read_standings(board.folder)
    assert len(found.runs) == len(CONTROLS) + 1
    assert found.note == (
        "1 result does not count: 1 of pinned_agent:Mine with another source of the agent."
    )
    first.unlink()
    assert read_standings(board.folder).note == ""


def test_an_edit_that_is_undone_does_nothing_anew_and_is_not_said_to(board, write_agent):
    write_agent()
    do_all(board, OWN, Place())
    write_agent(AGENT + "# changed")
    do_all(board, None, Place())
    write_agent()
    assert do_all(board, None, Place()) == []
    assert len(list((board.folder / "runs").glob("pinned_agent*"))) == 2


def test_a_board_that_began_before_does_not_do_the_runs_of_the_new_source(board, write_agent):
    """Nor does it file a failure in their place."""
    write_agent()
    place, _ = hold(board, OWN, Place(), None)
    begun_with = board.read()[1]
    (options,) = (o for o in board.runs().values() if o.agent == "pinned_agent:Mine")
    write_agent(AGENT + "# changed")
    hold(board, None, Place(), None)
    assert do_run(options, board.folder, place, pins=begun_with).kind == "failed"
    assert not board.failure_path(board.name(options)).exists()
    assert do_run(options, board.folder, place).kind == "done"


def test_results_of_two_sources_without_a_board_are_two_agents(board, write_agent):
    write_agent()
    do_all(board, OWN, Place())
    write_agent(AGENT + "# changed")
    do_all(board, None, Place())
    (board.folder / "board.yaml").unlink()
    failed = replace(OWN.runs()[-1], seed=7)
    write_json(board.failure_path("x"), {"options": vars(failed), "error": "RuntimeError: x"})
    (comparison,) = read_standings(board.folder).comparisons
    rows = [row for row in comparison.rows if row.agent.startswith("pinned_agent:Mine")]
    assert sorted(len(row.runs) for row in rows) == [0, 1, 1]  # and one that failed, of neither
    assert len({row.agent for row in rows}) == 3


def test_an_own_agent_is_asked_once_whether_it_reads_its_keep_ratio(board, write_agent):
    write_agent(reads=False)
    do_all(board, replace(OWN, keep_ratios=(0.1, 0.5)), Place())
    assert pins_of(board)["own_amount"] == ["pinned_agent:Mine"]
    assert len(list((board.folder / "runs").glob("pinned_agent*"))) == 1
    write_agent(reads=True)
    do_all(board, None, Place())
    assert "own_amount" not in pins_of(board)
    assert len(list((board.folder / "runs").glob("pinned_agent*"))) == 3


REWARD = "def mine(outcome):\n    return outcome.kept_loss\n"


def test_a_reward_of_ones_own_is_in_the_name_by_its_source(board, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    grid = replace(GRID, env=("prune_env/Digits-v0",), env_kwargs={"reward": "pinned_reward:mine"})
    ids = []
    for text in (REWARD, REWARD + "# changed"):
        (tmp_path / "pinned_reward.py").write_text(text, encoding="utf-8")
        sources.env_source.cache_clear()
        hold(board, grid, Place(), None)
        ids.append(set(board.runs()))
    assert ids[0].isdisjoint(ids[1])
    with pytest.raises(ValueError, match=r"where it is typed: pinned_reward:mine; --trust"):
        hold(board, None, Place(), ())


def test_data_are_pinned_for_each_way_to_read_them(board, write_data):
    """As a column of labels or a size chooses them: one environment, several data."""
    data = write_data()
    hold(board, GRID, Place(data), None)
    hold(board, replace(GRID, env_kwargs={"num_validation": 9}), Place(data), None)
    assert list(pins_of(board)["data"]) == [IMAGES, IMAGES + ' {"num_validation": 9}']


def test_a_result_under_another_name_does_not_count(board, write_data):
    do_all(board, GRID, Place(write_data()))
    (rs2,) = (board.folder / "runs").glob("rs2*")
    (random,) = (board.folder / "runs").glob("random_dynamic*")
    random.write_bytes(rs2.read_bytes())
    found = read_standings(board.folder)
    assert len(found.runs) == len(CONTROLS) - 1
    assert found.note == "1 result does not count: 1 of rs2 under the name of another run."


@pytest.mark.parametrize(
    ("pins", "message"),
    [
        ("{threads: 0}", "threads is 0"),
        ("{threads: x}", "threads is 'x'"),
        ("{data: [1]}", r"data is \[1\]"),
        ("{sedes: 1}", "unknown pin 'sedes'"),
        ("[]", r"pins is \[\]; expected a dict"),
    ],
)
def test_bad_pins_are_named(tmp_path, pins, message):
    (tmp_path / "board.yaml").write_text(f"grids: []\npins: {pins}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=f"board.yaml does not describe a board: .*{message}"):
        Board(tmp_path).read()


def test_pins_that_say_nothing_are_the_usual():
    run = RunOptions(env="prune_env/CIFAR10-v0")
    assert Pins().of(run) == Pins(data={run.env: provenance.KNOWN[run.env]}).of(run)
    assert Pins().of(run) == provenance.Provenance()


def test_a_grid_of_other_settings_is_said_to_stand_apart(tmp_path):
    board, place = Board(tmp_path), Place(device="cpu", threads=1)
    grid = Grid(agents=("ucb",), seeds=1, epochs=2)
    assert hold(board, grid, place, None)[1] == []
    assert hold(board, replace(grid, seeds=2), place, None)[1] == []
    said = ["new runs have --epochs 3, the others --epochs 2: they get tables of their own"]
    assert hold(board, replace(grid, epochs=3), place, None)[1] == said
    assert hold(board, replace(grid, epochs=3, seeds=2), place, None)[1] == []
    said = [
        "new runs have --evaluate-every 1, the others --evaluate-every auto: they train the same"
    ]
    assert hold(board, replace(grid, evaluate_every=1), place, None)[1][0].startswith(said[0])
