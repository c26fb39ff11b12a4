"""What belongs to a board, in which order, and how board.yaml says it."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import prune_agents
import pytest
from prune_bench.board import presets
from prune_bench.board.board import Board, read_board, runs_of
from prune_bench.board.grid import CONTROLS, Grid
from prune_bench.board.pins import Pins
from prune_bench.commands import main
from prune_bench.run.episode import run
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.run_id import run_id

SMALL = Grid(agents=("ucb",), keep_ratios=(0.1, 0.5), seeds=2, epochs=3)


def brief(runs):
    return [(run.seed, run.agent, run.keep_ratio) for run in runs]


def test_seeds_first_then_controls_and_full_once():
    of_seed_0 = [
        (0, "full", 1.0),
        (0, "full_short", 0.1),
        (0, "full_short", 0.5),
        (0, "static_random", 0.1),
        (0, "static_random", 0.5),
        (0, "random_dynamic", 0.1),
        (0, "random_dynamic", 0.5),
        (0, "rs2", 0.1),
        (0, "rs2", 0.5),
        (0, "ucb", 0.1),
        (0, "ucb", 0.5),
    ]
    of_seed_1 = [(1, agent, keep_ratio) for _, agent, keep_ratio in of_seed_0]
    assert brief(SMALL.runs()) == of_seed_0 + of_seed_1


def test_an_agent_that_does_not_read_its_keep_ratio_is_there_once():
    runs = brief(replace(SMALL, agents=("infobatch",), seeds=1).runs())
    assert [run for run in runs if run[1] == "infobatch"] == [(0, "infobatch", 1.0)]


def test_a_control_that_is_named_is_there_once():
    assert replace(SMALL, agents=("rs2", "full", "ucb")).runs() == SMALL.runs()


def test_a_study_may_leave_out_all_controls_but_full_short(tmp_path):
    grid = replace(SMALL, controls=("full_short",), keep_ratios=(0.1,), seeds=1)
    assert brief(grid.runs()) == [(0, "full_short", 0.1), (0, "ucb", 0.1)]
    assert brief(replace(grid, agents=("rs2",)).runs())[1:] == [(0, "rs2", 0.1)]
    Board(tmp_path).add(grid)
    assert "controls: [full_short]" in (tmp_path / "board.yaml").read_text()
    for bad in ((), ("rs2",), ("full_short", "ucb")):
        with pytest.raises(ValueError, match=r"controls are .*; allowed are full_short, which "):
            replace(SMALL, controls=bad)


def test_full_short_alone_runs_at_further_ratios(tmp_path):
    board = Board(tmp_path)
    board.add(SMALL)
    board.add(replace(SMALL, full_short_at=(0.5, 0.8)))  # 0.5 is there already
    assert board.grids() == [replace(SMALL, full_short_at=(0.5, 0.8))]
    further = set(brief(board.runs().values())) - set(brief(SMALL.runs()))
    assert further == {(0, "full_short", 0.8), (1, "full_short", 0.8)}
    with pytest.raises(ValueError, match="keep_ratio"):
        replace(SMALL, full_short_at=(1.8,))


def test_every_setting_reaches_the_runs():
    grid = Grid(
        env=("prune_env/Digits-v0", "prune_env/CIFAR10-v0"),
        agents=(),
        keep_ratios=(0.2,),
        seeds=1,
        epochs=7,
        network="mlp",
        recipe={"peak_lr": 0.1},
        feedback="full",
        refresh=2,
        limit=500,
        evaluate_every=3,
    )
    runs = grid.runs()
    assert [run.env for run in runs] == ["prune_env/Digits-v0"] * 5 + ["prune_env/CIFAR10-v0"] * 5
    assert runs[-1] == RunOptions(
        env="prune_env/CIFAR10-v0",
        agent="rs2",
        keep_ratio=0.2,
        epochs=7,
        seed=0,
        network="mlp",
        recipe={"peak_lr": 0.1},
        feedback="full",
        refresh=2,
        limit=500,
        evaluate_every=3,
    )


def test_a_board_grows_in_one_direction_at_a_time(tmp_path):
    board = Board(tmp_path)
    board.add(SMALL)
    board.add(replace(SMALL, agents=("ucb1", "ucb")))
    assert board.grids() == [replace(SMALL, agents=("ucb", "ucb1"))]
    board.add(replace(SMALL, agents=("ucb", "ucb1"), seeds=5))
    assert board.grids() == [replace(SMALL, agents=("ucb", "ucb1"), seeds=5)]
    # More agents and other ratios: one grid of both would hold runs that nobody asked for.
    other = replace(SMALL, agents=("epsilon_greedy",), keep_ratios=(0.3,))
    board.add(other)
    assert board.grids() == [replace(SMALL, agents=("ucb", "ucb1"), seeds=5), other]
    longer = replace(SMALL, epochs=30)
    board.add(longer)
    assert board.grids()[2] == longer


def test_the_runs_of_all_grids_go_seed_by_seed(tmp_path):
    board = Board(tmp_path)
    board.add(SMALL)
    board.add(replace(SMALL, agents=("ucb1",), keep_ratios=(0.3,), seeds=1))
    runs = list(board.runs().values())
    assert len(runs) == 22 + 5  # `full` is the same run in both
    assert [run.seed for run in runs] == [0] * 16 + [1] * 11
    assert [run.agent for run in runs[13:16]] == ["ucb", "ucb", "ucb1"]
    assert list(board.runs()) == [run_id(run) for run in runs]


def test_board_yaml_is_short_and_read_back(tmp_path):
    grid = replace(SMALL, recipe={"peak_lr": 0.1}, full_short_at=(0.8,))
    Board(tmp_path).add(grid)
    assert (tmp_path / "board.yaml").read_text() == (
        "grids:\n"
        "- env: [prune_env/Digits-v0]\n"
        "  agents: [ucb]\n"
        "  keep_ratios: [0.1, 0.5]\n"
        "  full_short_at: [0.8]\n"
        "  seeds: 2\n"
        "  epochs: 3\n"
        "  recipe: {peak_lr: 0.1}\n"
        "  evaluate_every: auto\n"
    )
    assert Board(tmp_path).grids() == [grid]


def test_a_finished_board_that_was_copied_without_its_work_is_reported(fake_board, capsys):
    for name in Board(fake_board).runs():  # finish it, as far as files go
        if Board(fake_board).is_open(name):
            Board(fake_board).failure_path(name).write_text(
                json.dumps({"options": vars(Board(fake_board).runs()[name]), "error": "gone"})
            )
    shutil.rmtree(fake_board / "work", ignore_errors=True)
    with pytest.raises(SystemExit):  # 1, for there are failures
        main.main(["board", "--out", str(fake_board)])
    assert "report: file://" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "allowed"),
    [("jobs", "1 or more"), ("threads-per-job", "1 <= threads_per_job <= 1024")],
)
def test_a_number_below_one_is_refused(option, allowed, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main.main(["board", "--out", str(tmp_path / "board"), "--seeds", "1", f"--{option}", "0"])
    assert end.value.code == 2
    assert f"is 0; allowed is {allowed}" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "board").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grids: [", "does not describe a board"),
        ("- 1", "does not describe a board"),
        ("", "it is None; expected a dict"),
        ("pins: {}", "it has no grids"),
        ("grids:", "grids is None; expected a list"),
        ("grids: {seeds: 3}", "grids is {'seeds': 3}; expected a list"),
        ("grids: [seeds]", "grids[0] is 'seeds'; expected a dict"),
        ("grids: [{}, null]", "grids[1] is None; expected a dict"),
        ("grids: [{1: 2}]", "unknown option of a grid 1"),
        ("grids: []\npins:", "pins is None; expected a dict"),
        ("grids: [{seeds: 3000000}]", "it makes up to 81,000,000 runs; allowed are 50,000"),
        ("grids: [{sedes: 3}]", "unknown option of a grid 'sedes' (did you mean seeds?)"),
        ("grids: [{agents: ucb}]", "agents is 'ucb'; expected a list"),
        ("grids: [{agents: [ucbb]}]", "unknown agent 'ucbb'"),
        ("grids: [{keep_ratios: [2.0]}]", "keep_ratio is 2.0"),
        ("grids: [{keep_ratios: []}]", "keep_ratios is empty"),
        ("grids: [{seeds: 0}]", "seeds is 0"),
        ("grids: [{env_kwargs: {seed: 1}}]", "env_kwargs name seed, an option of the run"),
        ("grids: [{agents: [], env_kwargs: {data: x}}]", "env_kwargs name data, an option of the"),
        ("grids: [{env: [prune_env/Nothing-v0]}]", "unknown environment 'prune_env/Nothing-v0'"),
    ],
)
def test_a_bad_board_yaml_is_named(tmp_path, text, message):
    path = tmp_path / "board.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="does not describe a board") as error:
        read_board(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_grids_have_no_more_runs_together_than_a_board_has():
    grids = [Grid(seeds=1000, epochs=epochs, keep_ratios=(0.1,)) for epochs in range(1, 7)]
    with pytest.raises(ValueError, match="it makes up to 54,000 runs; allowed are 50,000 or fewer"):
        runs_of(grids, Pins())


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_names_its_network(name):
    """A machine with a GPU would have another one where none is named."""
    assert presets.read(name)["network"] in ("mlp", "small", "cpu90", "resnet18")


@pytest.mark.parametrize("name", presets.names())
def test_presets_are_boards(name):
    chosen = presets.read(name)
    grid = Grid(**{field: chosen[field] for field in chosen if field not in ("jobs", "device")})
    assert grid.runs()


def test_the_papers_preset_is_as_the_ports_and_trains_on_every_image():
    runs = Grid(**{k: v for k, v in presets.read("paper").items() if k != "device"}).runs()
    assert all(run.env_kwargs == {"num_validation": 0} for run in runs)
    bandits = {run.agent for run in runs if run.agent_options == {"period": 10, "full_rounds": 1}}
    assert bandits == {"uncertainty", "epsilon_greedy", "ucb", "ucb1"}
    trainings = sum(0.75 if run.agent == "infobatch" else run.keep_ratio for run in runs)
    priors = 5 * 2 * (1 + 20 / 200)  # el2n's and forgetting's, shared by the keep ratios
    assert trainings + priors == pytest.approx(190, abs=2)  # what its header says


@pytest.mark.parametrize(
    ("name", "runs", "dirt"),
    [
        # 5 seeds of 5 controls and 10 policies, each at one ratio
        ("cifar10-noisy", 5 * (5 + 10), (0.2, 1.0)),
        ("cifar10-imbalanced", 5 * (5 + 10), (0.0, 50.0)),
        ("digits-noisy", 5 * (5 + 10), (0.2, 1.0)),
        ("digits-imbalanced", 5 * (5 + 10), (0.0, 50.0)),
        # full, infobatch, seta once; 4 controls and 9 others at two ratios
        ("cifar10-long", 5 * (3 + 2 * 13), (0.0, 1.0)),
        ("cifar100", 5 * (5 + 13), (0.0, 1.0)),
        # full, infobatch, seta, ies, data_agent ... once; all at one ratio
        ("cifar10-short", 5 * (5 + 18), (0.0, 1.0)),
    ],
)
def test_the_boards_of_the_evidence(name, runs, dirt):
    chosen = presets.read(name)
    grid = Grid(**{field: chosen[field] for field in chosen if field != "jobs"})
    made = grid.runs()
    assert len(made) == runs
    assert {(run.label_noise, run.imbalance) for run in made} == {dirt}
    assert {run.keep_ratio for run in made if run.agent == "ucb"} == set(grid.keep_ratios)


def test_a_device_that_is_not_there_is_one_line_before_any_work(tmp_path, capsys):
    """Asked for, or pinned by a board that was begun where there was a GPU."""
    line = "prune-env: device 'cuda:99' is not there; this machine has "
    with pytest.raises(SystemExit) as end:
        main.main(
            ["board", "--preset", "demo", "--device", "cuda:99", "--out", str(tmp_path / "new")]
        )
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(line)
    assert not (tmp_path / "new").exists()


def test_a_board_that_was_begun_on_a_gpu_is_not_gone_on_with_on_a_cpu(tmp_path, capsys):
    text = "grids: [{env: [prune_env/Digits-v0], agents: [ucb], keep_ratios: [0.3], epochs: 2}]"
    (tmp_path / "board.yaml").write_text(text + "\npins: {device: cuda}\n")
    with pytest.raises(SystemExit) as end:
        main.main(["board", "--device", "cuda", "--out", str(tmp_path)])
    assert end.value.code == 2
    assert "device 'cuda' is not there; this machine has cpu" in capsys.readouterr().err
    assert not (tmp_path / "failed").exists()


def test_an_unknown_preset():
    allowed = "cifar10-cpu, cifar10-imbalanced, .*, demo, digits-imbalanced, .*, paper"
    with pytest.raises(ValueError, match=rf"'dem' \(did you mean demo\?\); allowed are {allowed}"):
        presets.read("dem")


def test_a_preset_has_every_policy():
    """But for class_quota, which is another policy, and three that have boards of their own."""
    named = presets.read("digits-policies")["agents"]
    elsewhere = ("class_balanced", "class_quota", "easiest", "learned")
    assert sorted((*named, *CONTROLS, *elsewhere)) == prune_agents.names()


def test_the_agent_of_ones_own_in_the_manual(tmp_path, monkeypatch):
    manual = Path(__file__).parents[3] / "benchmarks" / "README.md"
    (code,) = re.findall(r"```python\n(.*?)```", manual.read_text(), re.DOTALL)
    (tmp_path / "my_agent.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    grid = replace(SMALL, agents=("my_agent:Hardest",), limit=100)
    result = run(grid.runs()[-1], Place(threads=1))
    sys.modules.pop("my_agent")
    assert result["options"]["agent"] == "my_agent:Hardest"
    assert [row["kept"] for row in result["history"]] == [45, 45, 45]


def test_a_preset_sets_defaults_and_options_take_precedence(monkeypatch):
    commands = []
    monkeypatch.setattr(main.Board, "main", lambda self, console: commands.append(self))
    main.main(["board", "--preset", "demo", "--seeds", "2", "--agents", "ucb"])
    (command,) = commands
    expected = {name: v for name, v in presets.read("demo").items() if name != "jobs"}
    assert command.grid == Grid(**(expected | {"seeds": 2, "agents": ("ucb",)}))
    assert command.jobs == 2
    assert command.out == Path("board-demo")


def test_an_unknown_preset_ends_with_one_clear_error(capsys):
    with pytest.raises(SystemExit) as end:
        main.main(["board", "--preset", "dem"])
    assert end.value.code == 2
    assert "did you mean demo?); allowed are cifar10-cpu, " in " ".join(
        capsys.readouterr().err.split()
    )


@pytest.mark.parametrize("env", ["prune_env/Synthetic-v0", "prune_env/Digits-v0"])
def test_a_device_is_for_environments_that_train_on_one(env):
    """A board pins its device, and a rung of formulas has none."""
    options = RunOptions(env=env, agent="rs2", epochs=1)
    assert run(options, Place(device="cpu", threads=1))["options"]["env"] == env


def test_a_trained_agent_is_on_a_board_by_its_path(tmp_path, monkeypatch):
    """Elsewhere its name alone would be that of a policy that there is not."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "preset.yaml").write_text("")
    assert RunOptions(agent="mine").agent == "./mine"
    assert Grid(agents=("ucb", "mine:deterministic=false")).agents == (
        "ucb",
        "./mine:deterministic=false",
    )
