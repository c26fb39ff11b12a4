"""`prune-env board`: which GPUs its runs are given, and what it takes from its folder."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from prune_bench.board import engines
from prune_bench.board.grid import Grid, as_typed
from prune_bench.board.work import file_failure
from prune_bench.commands import main
from prune_bench.commands.board import Board


@pytest.mark.parametrize(
    ("device", "pinned", "passed"),
    [
        ("auto", "cuda", ["0", "1"]),
        ("cuda", "cuda", ["0", "1"]),
        ("cuda:1", "cuda", []),
        ("cpu", "cpu", []),
    ],
)
def test_a_board_spreads_its_runs_over_the_gpus_there_are(
    tmp_path, monkeypatch, device, pinned, passed
):
    """With a device count of two and no GPU: no run is begun."""
    monkeypatch.chdir(tmp_path)
    given = []

    @contextmanager
    def processes(do, jobs, threads, gpus):
        given.append((jobs, list(gpus), do.keywords["place"].device))
        yield None

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("prune_env.learners.network.device._fault", lambda device: None)
    monkeypatch.setattr("prune_env.learners.network.device.has_bf16", lambda device: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(engines, "processes", processes)
    monkeypatch.setattr(engines, "work_off", lambda *args: None)
    monkeypatch.setattr("prune_bench.commands.board.show", lambda *args: None)
    words = ["board", "--agents", "ucb", "--keep-ratios", "0.3", "--seeds", "1", "--jobs", "4"]
    main.main([*words, "--device", device, "--out", "spread"])
    (given,) = given
    assert given == (4, passed, device if device.startswith("cuda:") else pinned)


@pytest.mark.parametrize(
    ("options", "device", "gpus", "share"),
    [
        ({"jobs": 4}, "cuda", 2, 0.5),
        ({"jobs": 1}, "cuda", 2, 1.0),
        ({"jobs": 3, "gpus_per_run": 0.25}, "cuda", 2, 0.25),
        ({"address": "auto"}, "cuda", 0, 0.5),
        ({"jobs": 4}, "cpu", 2, 0.0),
    ],
)
def test_what_ray_reserves_for_a_run(options, device, gpus, share):
    assert Board(**options)._gpus_of_a_run(device, gpus) == share


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A board of two grids, of which nothing is run."""
    from prune_bench.board.board import Board as Folder
    from prune_bench.board.pins import Pins

    monkeypatch.chdir(tmp_path)
    first = Grid(agents=("ucb",), keep_ratios=(0.3,), seeds=2, epochs=2, network="mlp")
    other = Grid(env=("prune_env/Probe-v0",), agents=("ducb",), keep_ratios=(0.5,), seeds=1)
    Folder(tmp_path / "mine").write([first, other], Pins())
    return Folder(tmp_path / "mine"), first, other


@pytest.mark.parametrize(
    ("words", "place", "changed"),
    [
        (["--agents", "swucb"], 0, {"agents": ("swucb",)}),
        (["--seeds", "3"], 0, {"seeds": 3}),
        (["--keep-ratios=0.1", "--epochs", "4"], 0, {"keep_ratios": (0.1,), "epochs": 4}),
        (["--env", "prune_env/Probe-v0"], 1, {}),
        (["--env", "prune_env/Probe-v0", "--skip-broken"], 1, {"skip_broken": True}),
    ],
)
def test_what_is_not_typed_is_as_in_the_grid_of_the_folder(folder, words, place, changed):
    chosen = main.parse_command(["board", "--out", "mine", *words])
    assert chosen.grid == replace(folder[1 + place], **changed)


def test_an_environment_that_the_folder_has_not_is_as_usual(folder):
    chosen = main.parse_command(["board", "--out", "mine", "--env", "prune_env/Synthetic-v0"])
    assert chosen.grid == Grid(env=("prune_env/Synthetic-v0",))
    chosen = main.parse_command(["board", "--out", "mine", "--preset", "demo"])
    assert chosen.grid.epochs == 10  # a preset says all


def test_an_agent_is_added_to_the_runs_of_the_folder_and_to_no_others(folder, monkeypatch, capsys):
    board, first, other = folder
    monkeypatch.setattr(engines, "work_off", lambda *args: None)
    monkeypatch.setattr("prune_bench.commands.board.show", lambda *args: None)
    main.main(["board", "--out", "mine", "--agents", "swucb"])
    assert board.grids() == [replace(first, agents=("ucb", "swucb")), other]
    told = (
        "as on mine: --env prune_env/Digits-v0 --keep-ratios 0.3 --seeds 2 --epochs 2 --network mlp"
    )
    said = capsys.readouterr().out
    assert told in said
    agents = "full, full_short, static_random, random_dynamic, rs2, ucb, ducb"
    assert f"8 runs of earlier commands too: {agents}\n" in said  # 6 on the probe, 2 of ucb
    main.main(["board", "--out", "mine", "--agents", "swucb", "--seeds", "4"])  # a grid of its own
    assert "not named, so not grown to 4 seeds: ucb\n" in capsys.readouterr().out
    both = replace(first, agents=("ucb", "swucb"))
    assert board.grids() == [both, other, replace(first, agents=("swucb",), seeds=4)]
    main.main(["board", "--out", "mine", "--seeds", "4"])  # all of them
    assert "not named" not in capsys.readouterr().out
    grids = board.grids()
    main.main(["board", "--out", "mine"])  # goes on, adds nothing and says nothing of it
    assert board.grids() == grids
    assert "as on mine" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "grid",
    [
        Grid(agents=("ucb:c=0.5",), skip_broken=True, recipe={"peak_lr": 0.1, "precision": "bf16"}),
        Grid(keep_ratios=(0.3,), label_noise=0.2, evaluate_every=4, env_kwargs={"length": 64}),
    ],
)
def test_options_that_are_written_as_typed_are_read_back(grid):
    words = as_typed(grid.unusual("env", "agents", "keep_ratios"))
    assert main.parse_command(["board", *words, "--out", "no-such-folder"]).grid == grid
    words = as_typed({"skip_broken": False})
    assert words == ["--no-skip-broken"]


def test_a_folder_without_a_board_is_said_to_have_none(tmp_path, monkeypatch, capsys):
    """Else what was to be gone on with is the digits, and data of one's own are refused. It is
    said before that, so it promises nothing.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shapes").mkdir()
    with pytest.raises(SystemExit):
        main.main(["board", "--agents", "ucb", "--out", "shpaes", "--data", "shapes"])
    told = capsys.readouterr()
    assert told.out == "no board is in shpaes yet; this one is of prune_env/Digits-v0\n"
    assert "the environment has the digits of scikit-learn" in told.err


def test_a_report_says_which_runs_failed(folder, monkeypatch, capsys):
    board, *_ = folder
    monkeypatch.setattr("prune_bench.report.page.write_report", lambda folder, standings: {})
    name, options = next((n, o) for n, o in board.runs().items() if o.agent == "ucb")
    (board.folder / "runs").mkdir()
    file_failure(board, name, options, "ValueError: no")
    main.main(["report", "mine"])
    assert "1 run failed: ucb; mine/failed says why\n" in capsys.readouterr().out
