"""Comparing the order of agents on a rung, or on another board, with that on a board."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import prune_agents
import pytest
from prune_agents.policies.learned import CONTEXTS, ROWS, named
from prune_bench.commands.main import main
from prune_bench.run.options import RunOptions
from prune_bench.run.run_id import run_id
from prune_bench.run.sources import env_source
from prune_bench.standings.model import Setting
from prune_bench.studies import fidelity

from prune_env.files import write_json

THREE = {"uncertainty": [0.9], "full_short": [0.6], "static_random": [0.5]}
KIND = "keep 0.3, 3 rounds"


@pytest.fixture
def write_board(make_result):
    """The function that makes up a board whose runs end with these accuracies."""

    def write(folder, accuracies, keep_ratio=0.3, epochs=3):
        for agent, values in accuracies.items():
            for seed, value in enumerate(values):
                options = RunOptions(
                    env="a/b", agent=agent, keep_ratio=keep_ratio, epochs=epochs, seed=seed
                )
                result = make_result(options) | {"test_accuracy": {"last": value, "best": value}}
                write_json(folder / "runs" / f"{run_id(options)}.json", result)

    return write


@pytest.fixture
def only_replay(monkeypatch):
    """One rung, which takes no time."""
    monkeypatch.setattr(fidelity, "RUNGS", {"replay": ("prune_env/Replay-v0", {"trace": "digits"})})


@pytest.fixture
def no_runs(monkeypatch):
    """Nothing is run on a rung; the list of what would have been."""
    ran = []
    monkeypatch.setattr(
        fidelity, "last_accuracy", lambda run, more: ran.append((run.label, run.seed)) or 0.5
    )
    return ran


def compare(folder, out, *arguments):
    words = ["fidelity", "--boards", str(folder), "--runs", "2", "--resamples", "20"]
    main([*words, "--out", str(out), *arguments])
    return json.loads(Path(out).read_text(encoding="utf-8"))


def test_a_board_is_read_and_its_agents_run_on_every_rung(
    write_board, tmp_path, only_replay, capsys
):
    write_board(tmp_path / "real", THREE | {"uncertainty": [0.9, 0.8]})
    result = compare(tmp_path / "real", tmp_path / "out.json")
    rungs = {"replay": ["prune_env/Replay-v0", {"trace": "digits"}]}
    assert result["settings"] == {"runs": 2, "seed": 0, "rungs": rungs}
    runs = result["runs"]["replay"][KIND]
    assert runs.keys() == THREE.keys()
    assert all(len(values) == 2 for values in runs.values())
    (of,) = result["comparisons"]
    assert (of["board"], of["setting"], of["epochs"]) == ("real", "a/b, 3 epochs", 3)
    assert of["accuracies"]["uncertainty"] == [0.9, 0.8]
    found = of["tau"]["all"]["replay"]
    assert found["agents"] == 3
    assert -1 <= found["low"] <= found["tau"] <= found["high"] <= 1
    assert of["tau"]["good"]["replay"] is None  # static_random is 10 points below full_short
    shown = " ".join(capsys.readouterr().out.split())
    for text in ("real: a/b, 3 epochs, keep 30 %, all", "Kendall's tau", "95 % interval"):
        assert text in shown


def test_good_is_who_ends_near_full_short_at_the_same_cost():
    accuracies = {"full_short": [0.8, 0.9], "a": [0.9], "b": [0.831], "c": [0.829], "dear": [0.95]}
    of = "board", Setting("a/b", 3), 0.3
    assert fidelity.Side(*of, accuracies, frozenset(["full_short", *"abc"])).good == [
        "full_short",
        "a",
        "b",
    ]
    del accuracies["full_short"]  # near what?
    assert fidelity.Side(*of, accuracies, frozenset("abc")).good == []


def test_runs_that_were_done_twice_count_once(make_result, tmp_path):
    """As with other evaluations on the way: two halves of such runs would be the same."""
    for agent, evaluate_every in product(("full_short", "ucb", "rs2"), (1, "auto")):
        for seed in (0, 1):
            options = RunOptions(
                env="a/b", agent=agent, epochs=3, seed=seed, evaluate_every=evaluate_every
            )
            write_json(tmp_path / "runs" / f"{run_id(options)}.json", make_result(options))
    (side,) = fidelity.read_sides(tmp_path, (0.3,))
    assert {name: len(values) for name, values in side.accuracies.items()} == {
        "full_short": 2, "ucb": 2, "rs2": 2,
    }  # fmt: skip


@pytest.mark.parametrize(("num_arms", "good"), [(48, {"full_short", "ucb"}), (480, {"full_short"})])
def test_half_an_arm_a_round_is_no_cost(make_result, tmp_path, num_arms, good):
    """30 % of 48 arms are 14 of 14.4, 3 % less; of 480 arms 3 % are another amount."""
    for agent, share in {"full_short": 14.4 / 48, "ucb": 14 / 48, "rs2": 16 / 48}.items():
        options = RunOptions(env="a/b", agent=agent, keep_ratio=0.3, epochs=3)
        result = make_result(options, num_arms) | {"test_accuracy": {"last": 0.9, "best": 0.9}}
        result["passes"]["charged"] = share * 3 * num_arms * 3
        for row in result["history"]:
            row["kept"] = int(0.3 * num_arms)
        write_json(tmp_path / "runs" / f"{run_id(options)}.json", result)
    (side,) = fidelity.read_sides(tmp_path, (0.3,))
    assert set(side.good) == good


def test_a_board_predicts_another_one(write_board, tmp_path, no_runs):
    """Of six pairs one is the other way round, and none of the rungs is asked."""
    order = {"full_short": 0.5, "ucb": 0.6, "rs2": 0.52, "ucb1": 0.55}
    write_board(tmp_path / "real", {name: [value] for name, value in order.items()})
    small = order | {"rs2": 0.56, "ucb_std": 0.1}
    write_board(tmp_path / "mini", {name: [value] for name, value in small.items()}, epochs=9)
    result = compare(tmp_path / "real", tmp_path / "out.json", "--by", str(tmp_path / "mini"))
    (of,) = result["comparisons"]
    itself, title = sorted(of["tau"]["all"])
    assert of["tau"]["all"][itself] is None  # one run of each has no halves
    assert title == "mini: a/b, 9 epochs, keep 30 %"
    assert of["tau"]["all"][title]["tau"] == pytest.approx(4 / 6, abs=1e-6)
    assert of["tau"]["all"][title]["agents"] == 4
    assert no_runs == []


def test_half_of_the_runs_of_a_board_predict_the_other_half(write_board, tmp_path, no_runs):
    """Of three pairs one is the other way round: 0.7 0.6 0.5 beside 0.6 0.7 0.5."""
    runs = {"full_short": [0.7, 0.6, 0.7, 0.6], "ucb": [0.6, 0.7, 0.6, 0.7], "rs2": [0.5, 0.5]}
    write_board(tmp_path / "real", runs)
    result = compare(tmp_path / "real", tmp_path / "out.json", "--by", str(tmp_path / "real"))
    (of,) = result["comparisons"]
    assert of["tau"]["all"].keys() == {fidelity.ITSELF}
    assert of["tau"]["all"][fidelity.ITSELF]["tau"] == pytest.approx(1 / 3, abs=1e-6)


def test_several_boards_and_keep_ratios_are_compared_each_for_itself(
    write_board, tmp_path, only_replay, no_runs
):
    for keep_ratio in (0.1, 0.3):
        write_board(tmp_path / "a", THREE, keep_ratio)
    write_board(tmp_path / "b", THREE | {"rs2": [0.4]}, epochs=4)
    folders = [str(tmp_path / "a"), str(tmp_path / "b")]
    result = compare(*folders[:1], tmp_path / "out.json", "--keep-ratios", "0.3", "0.1")
    assert [(of["board"], of["keep_ratio"]) for of in result["comparisons"]] == [
        ("a", 0.1),
        ("a", 0.3),
    ]
    del no_runs[:]
    main(["fidelity", "--boards", *folders, "--runs", "2", "--out", str(tmp_path / "out.json")])
    # those of a are in the file
    assert {name for name, _ in no_runs} == THREE.keys() | {"rs2"}
    assert len(no_runs) == 8
    runs = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["runs"]["replay"]
    assert runs.keys() == {"keep 0.1, 3 rounds", KIND, "keep 0.3, 4 rounds"}


def test_an_agent_with_options_is_run_with_them(make_result, tmp_path, only_replay, no_runs):
    for agent in ("ucb:c=0.5", "ucb", "full_short"):
        options = RunOptions(env="a/b", agent=agent, epochs=3)
        write_json(tmp_path / "real/runs" / f"{run_id(options)}.json", make_result(options))
    result = compare(tmp_path / "real", tmp_path / "out.json")
    assert result["runs"]["replay"][KIND].keys() == {"ucb:c=0.5", "ucb", "full_short"}
    assert ("ucb c=0.5", 1) in no_runs


def test_what_is_in_the_file_is_not_run_again(tmp_path, only_replay, write_board, no_runs):
    write_board(tmp_path / "real", THREE)
    before = compare(tmp_path / "real", tmp_path / "out.json")
    assert len(no_runs) == 6
    assert compare(tmp_path / "real", tmp_path / "out.json") == before
    assert len(no_runs) == 6
    write_board(tmp_path / "real", THREE | {"rs2": [0.55]})
    result = compare(tmp_path / "real", tmp_path / "out.json")
    assert no_runs[6:] == [("rs2", 0), ("rs2", 1)]
    assert result["runs"]["replay"][KIND]["rs2"] == [0.5, 0.5]


def test_a_policy_that_was_mended_since_is_run_again(
    tmp_path, only_replay, monkeypatch, write_board, no_runs
):
    write_board(tmp_path / "real", THREE)
    compare(tmp_path / "real", tmp_path / "out.json")
    del no_runs[:]
    monkeypatch.setattr(prune_agents, "revision", lambda name, of: 1 + (name == "uncertainty"))
    write_board(tmp_path / "real", {"uncertainty": [0.8]})  # under its new name
    result = compare(tmp_path / "real", tmp_path / "out.json")
    assert no_runs == [("uncertainty", 0), ("uncertainty", 1)]
    assert result["versions"] == {"uncertainty": "revision 2"}
    # its old runs do not count
    assert result["comparisons"][0]["accuracies"]["uncertainty"] == [0.8]


def test_weights_that_were_trained_on_are_another_agent(tmp_path):
    """They lie in a folder, whose name stays; those of the zoo mean one thing for ever."""
    versions = []
    for value in (0.1, 0.2, 0.1):
        table = named(np.full((len(ROWS), len(CONTEXTS)), value))
        write_json(tmp_path / "weights.json", {"weights": table})
        env_source.cache_clear()  # a process looks once
        agents = {f"learned:weights={tmp_path}/", "learned:weights=mixed-1"}
        rungs = fidelity.OnRungs(fidelity.FidelityOptions(), agents, lambda rung, agent: None)
        versions.append(rungs.versions)
    assert versions[0] == versions[2] != versions[1]
    assert versions[0].keys() == {f"learned:weights={tmp_path}/"}


def test_an_agent_that_a_rung_cannot_run_is_left_out(tmp_path, only_replay, capsys, write_board):
    write_board(tmp_path / "real", THREE | {"grand": [0.7]})
    result = compare(tmp_path / "real", tmp_path / "out.json")
    assert "ReplayLearner cannot" in result["left_out"]["replay"]["grand"]
    assert result["runs"]["replay"][KIND].keys() == THREE.keys()
    assert "left out: grand:" in " ".join(capsys.readouterr().out.split())


def test_agents_with_prior_runs_are_run():
    run = RunOptions(env="prune_env/Replay-v0", agent="el2n", epochs=2, evaluate_every=2)
    assert 0 < fidelity.last_accuracy(run, {"trace": "digits"}) < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep-ratios", "0.5"], "has no agents; expected three or more of one setting at keep"),
        (["--by", "prob"], "unknown rung 'prob' (did you mean probe?); allowed are replay, probe"),
        (["--runs", "0"], "runs is 0; allowed is 1 or more"),
        (["--seed", "1"], "out.json has a comparison with other settings"),
        (["--out", "half.json"], "half.json is not what this command wrote: it has no versions"),
    ],
)
def test_bad_input_ends_with_one_clear_error(
    tmp_path, capsys, monkeypatch, arguments, message, write_board
):
    monkeypatch.chdir(tmp_path)
    write_json(Path("half.json"), {"settings": {}})
    write_board(tmp_path / "real", {"ucb": [0.5], "rs2": [0.6], "full_short": [0.4]})
    runs = {name: {} for name in fidelity.RUNGS}
    write_json(tmp_path / "out.json", {"settings": {}, "versions": {}, "runs": runs})
    with pytest.raises(SystemExit) as end:
        compare(tmp_path / "real", tmp_path / "out.json", *arguments)
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.replace("\n", "").split())


def test_a_board_that_is_not_there_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        compare(tmp_path / "nowhere", tmp_path / "out.json")
    assert end.value.code == 2
    said = " ".join(capsys.readouterr().err.replace("\n", "").split())
    assert "nowhere does not exist; expected the folder of a board" in said


def test_a_board_with_too_few_agents_and_one_with_two_settings(tmp_path, write_board):
    write_board(tmp_path, {"ucb": [0.5], "full": [0.6]})
    with pytest.raises(ValueError, match=r"has 2 at 0\.3 agents; expected three or more"):
        fidelity.read_sides(tmp_path, (0.3,))
    write_board(tmp_path, {"rs2": [0.5]})
    write_board(tmp_path, THREE, epochs=4)
    titles = [side.title.partition(": ")[2] for side in fidelity.read_sides(tmp_path, (0.3,))]
    assert titles == ["a/b, 3 epochs, keep 30 %", "a/b, 4 epochs, keep 30 %"]
