"""The map of when choosing pays: its cells, their order, and what is read from a board."""

import io
from dataclasses import replace
from itertools import product

import pytest
from prune_bench.board.board import Board
from prune_bench.commands.main import main
from prune_bench.report.charts.regimes_picture import _block, _records
from prune_bench.report.terminal import Terminal
from prune_bench.run.run_id import run_id
from prune_bench.standings.statistics import Estimate
from prune_bench.studies.regimes import (
    POLICIES,
    Cell,
    Map,
    RegimesOptions,
    grids,
    read_cells,
    sizes_of,
    table,
)

from prune_env.files import write_json

DIGITS = RegimesOptions(
    env=("prune_env/Digits-v0",),
    image_size=None,
    arms=(60, 120),
    epochs=(2, 4),
    networks=("mlp",),
    label_noise=(0.0,),
    most_passes=240,
    seeds=2,
)


SIZES = {
    "prune_env/Digits-v0": 1437,
    "prune_env/CIFAR10-v0": 50_000,
    "prune_env/CIFAR100-v0": 50_000,
}


def test_cells_go_by_noise_then_network_then_cost_and_the_large_ones_are_left_out():
    options = RegimesOptions(
        arms=(100, 300), epochs=(10, 20), networks=("small", "mlp"), most_passes=3000
    )
    cells = [(g.label_noise, g.network, g.limit, g.epochs) for g in grids(options, SIZES)]
    assert cells == [
        (noise, network, arms, epochs)
        for noise in (0.0, 0.2)
        for network in ("small", "mlp")
        for arms, epochs in ((100, 10), (100, 20), (300, 10))
    ]


def test_of_the_numbers_of_arms_above_what_the_data_have_one_is_run():
    options = replace(DIGITS, arms=(5000, 400, 1500), epochs=(2,), most_passes=10_000)
    assert sizes_of(options, None) == {"prune_env/Digits-v0": 1437}
    assert [grid.limit for grid in grids(options, SIZES)] == [400, 1500]
    both = replace(options, env=("prune_env/Digits-v0", "prune_env/CIFAR10-v0"))
    assert [(grid.limit, len(grid.env)) for grid in grids(both, SIZES)] == [
        (400, 2),
        (1500, 2),
        (5000, 1),
    ]


def test_a_cell_has_three_policies_and_the_bar_on_all_its_arms():
    (grid, *_) = grids(DIGITS, SIZES)
    runs = grid.runs()
    assert [run.agent for run in runs[:4]] == [
        "full_short",
        "random_dynamic",
        "uncertainty",
        "easiest",
    ]
    assert len(runs) == 8  # two seeds
    assert {run.keep_ratio for run in runs} == {0.3}
    assert runs[0].env_kwargs == {"num_validation": 0}


def test_a_map_is_worked_off_cell_by_cell(tmp_path):
    for grid in grids(DIGITS, SIZES):
        Map(tmp_path).add(grid)
    runs = Map(tmp_path).runs()
    cells = [(run.limit, run.epochs) for run in runs.values()]
    assert cells == 8 * [(60, 2)] + 8 * [(60, 4)] + 8 * [(120, 2)]
    assert runs == Board(tmp_path).runs()  # the same ones, there seed by seed
    assert list(runs) != list(Board(tmp_path).runs())


def test_the_numbers_of_a_cell(tmp_path, make_result):
    """Two points ahead, one behind, level, of runs that scatter by a tenth of a point."""
    board = Map(tmp_path)
    (grid, *_) = grids(DIGITS, SIZES)
    board.add(grid)
    ends = {"full_short": 0.5, "uncertainty": 0.52, "easiest": 0.49, "random_dynamic": 0.5}
    for name, run in board.runs().items():
        last = ends[run.agent] + 0.001 * run.seed
        accuracy = {"test_accuracy": {"last": last, "best": last}}
        write_json(board.result_path(name), make_result(run, num_arms=60) | accuracy)
        assert name == run_id(run)
    (cell,) = read_cells(tmp_path)
    assert cell.parts == ("Digits", "60 arms", "2 epochs", "mlp", "")
    assert (cell.arms, cell.epochs, cell.keep_ratio) == (60, 2, 0.3)
    assert cell.bar == pytest.approx(0.5005)
    ahead = {agent: round(100 * found.value, 3) for agent, found in cell.ahead.items()}
    assert ahead == {"uncertainty": 2, "easiest": -1, "random_dynamic": 0}
    assert cell.signs == {"uncertainty": 1, "easiest": -1, "random_dynamic": 0}
    columns = [next(_records(of))["column"] for of in (cell, replace(cell, image_size=16))]
    assert columns == ["Digits", "Digits: at 16 pixels"]  # else one would lie on the other
    assert 0 < cell.ahead["uncertainty"].half < 0.01
    # a square that is missing would move all that follow
    dirty = {"random_dynamic": cell.ahead["random_dynamic"]}
    chart = _block([cell, replace(cell, label_noise=0.2, ahead=dirty)]).to_dict()
    records = chart["data"]["values"]
    rows, columns = ({record[name] for record in records} for name in ("row", "column"))
    assert {(r["row"], r["column"]) for r in records} == set(product(rows, columns))
    assert sorted("text" in record for record in records) == [False] * 2 + [True] * 6


def test_cells_of_the_same_runs_are_one(tmp_path, make_result):
    """Of a board that was made with several numbers of arms above what the data have."""
    board = Map(tmp_path)
    (grid, *_) = grids(DIGITS, SIZES)
    for limit in (1500, 5000, 400):
        board.add(replace(grid, limit=limit))
    for name, run in board.runs().items():
        write_json(board.result_path(name), make_result(run, num_arms=min(run.limit, 1437)))
    assert sorted(cell.arms for cell in read_cells(tmp_path)) == [400, 1437]


def test_the_command_runs_what_is_missing_and_shows_every_cell(tmp_path, capsys):
    words = "regimes --env prune_env/Digits-v0 --image-size None --networks mlp --label-noise 0"
    words += f" --epochs 2 --arms 60 90 --seeds 1 --device cpu --out {tmp_path}"
    main(words.split())
    assert len(list((tmp_path / "runs").iterdir())) == 8
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    main(words.split())
    shown = capsys.readouterr().out
    assert "8 runs, 8 of them done" in shown
    for text in ("Digits, 2 epochs, mlp: points", "hardest first", "easiest first", "random"):
        assert text in shown
    assert {"60 arms ", "90 arms "} <= {line[:8] for line in shown.splitlines()}


def test_the_table_of_the_map_fits_80_columns():
    """With what all cells share said above it, and intervals of tens of points."""
    ahead = dict.fromkeys(POLICIES, Estimate(-0.155, -0.416, 0.106))
    of = {"env": "prune_env/CIFAR100-v0", "image_size": 16, "epochs": 33, "network": "mlp"}
    of |= {"keep_ratio": 0.3, "bar": 0.77, "bar_loss": 1.0, "classes": 10, "ahead": ahead}
    cells = [
        Cell(arms=arms, label_noise=noise, signs=dict.fromkeys(POLICIES, int(not noise)), **of)
        for arms, noise in ((150, 0.2), (1500, 0.0))
    ]
    terminal = Terminal(file=io.StringIO(), width=80)
    terminal.print(table(cells))
    lines = [" ".join(line.split()) for line in terminal.file.getvalue().splitlines()]
    assert lines[0].startswith("CIFAR100 at 16 pixels, 33 epochs, mlp: points ahead")
    assert lines[-2:] == [
        "150 arms, noise 0.2 77.0" + 3 * " −15.5 ±26.1",
        "1,500 arms 77.0" + 3 * " −15.5 ±26.1*",
    ]
    alone = replace(cells[1], ahead={"uncertainty": Estimate(0.02)}, signs={})
    terminal.print(table([alone]))
    assert terminal.file.getvalue().splitlines()[-1].split()[:4] == [
        "1,500",
        "arms",
        "77.0",
        "+2.0",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--arms", "0"], "arms has 0; allowed are whole numbers from 1"),
        (["--most-passes", "9"], "most_passes is 9; the smallest of these cells has 50,000"),
        (["--networks"], "networks is empty; name at least one"),
        (
            ["--env", "prune_env/Digits-v0", "--image-size", "None", "--networks", "mpl"],
            "unknown network 'mpl'",
        ),
    ],
)
def test_bad_input_ends_with_one_clear_line(words, message, capsys, tmp_path):
    with pytest.raises(SystemExit) as end:
        main(["regimes", "--out", str(tmp_path / "map"), *words])
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "map").exists()
