"""`full_short` at what agents cost that is not what they keep."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace

import pytest
from made_up_reports import standings
from prune_bench.board import engines
from prune_bench.board.board import Board
from prune_bench.board.grid import Grid
from prune_bench.commands.main import main
from prune_bench.standings.build import read_standings
from prune_bench.standings.own_cost import add_bars, missing_bars


@pytest.mark.parametrize(
    ("costs", "bars"),
    [
        ([0.763], [0.763]),
        ([0.7634, 0.7612, 0.7689], [0.761, 0.769]),  # 0.7634 is within a hundredth of 0.761
        ([0.302, 0.801, 0.995], []),  # full_short is there, at 0.8 too, and full
        ([1.3], []),  # dearer than all data for all epochs
        ([0.012345], [0.0123]),
    ],
)
def test_which_runs_are_missing(costs, bars):
    grid = Grid(keep_ratios=(0.3,), full_short_at=(0.8,))
    assert missing_bars(grid, dict.fromkeys(costs, 0.01)) == bars


@pytest.mark.usefixtures("_runs_here")
def test_half_an_arm_a_round_asks_for_no_bar_of_its_own(tmp_path):
    """32 of 108 arms are 1.2 % less than 30 %, which is what `full_short` has there."""
    words = "board --agents learned --controls full_short --keep-ratios 0.3 --epochs 4 --seeds 2"
    main(f"{words} --limit 120 --device cpu --threads-per-job 1 --out {tmp_path}".split())
    (grid,) = Board(tmp_path).grids()
    assert grid.full_short_at == ()
    (comparison,) = read_standings(tmp_path).comparisons
    row, bar = comparison.row("learned"), comparison.row("full_short")
    assert row.runs[0].num_arms == 108
    assert row.cost < 0.99 * 0.3
    assert row.ahead.value == pytest.approx(row.scores.mean() - bar.scores.mean())


@pytest.fixture
def _runs_here(monkeypatch):
    """Boards begin no processes, and write no pages."""

    @contextmanager
    def here(do, jobs, threads, gpus):
        def submit(options):
            future = Future()
            future.set_result(do(options))
            return future

        yield submit

    monkeypatch.setattr(engines, "processes", here)
    monkeypatch.setattr("prune_bench.report.page.write_report", lambda folder, standings: {})


@pytest.mark.usefixtures("_runs_here")
def test_an_agent_that_costs_more_than_it_keeps_is_compared_at_its_cost(tmp_path):
    """It trains on all arms first. Its bar was a curve, with an interval of up to 33 points."""
    agent = "ucb full_rounds=1"
    words = "board --agents ucb:full_rounds=1 --controls full_short full --keep-ratios 0.3 0.8"
    main(f"{words} --epochs 4 --seeds 2 --limit 200 --device cpu --out {tmp_path}".split())
    (grid,) = Board(tmp_path).grids()
    assert grid.full_short_at == (0.475, 0.85)  # (1 + 3 * 0.3) / 4, (1 + 3 * 0.8) / 4
    for comparison in read_standings(tmp_path).comparisons:
        row = comparison.row(agent)
        (bar,) = [bar for bar in comparison.bar if bar.keep_ratio == pytest.approx(row.cost, 0.01)]
        assert not row.from_curve
        assert row.ahead.value == pytest.approx(row.scores.mean() - bar.scores.mean())


@pytest.mark.usefixtures("_runs_here")
def test_a_board_ends_with_full_short_at_the_cost_of_an_agent(tmp_path, capsys):
    words = (
        "board --agents infobatch --controls full_short rs2 --keep-ratios 0.3 --epochs 4 --seeds 2"
    )
    words = f"{words} --limit 200 --device cpu --out {tmp_path}".split()
    main(words)
    (grid,) = Board(tmp_path).grids()
    (at,) = grid.full_short_at
    (comparison,) = read_standings(tmp_path).comparisons
    row = comparison.row("infobatch")
    assert at == pytest.approx(row.cost, rel=0.005)
    assert 0.5 < at < 1
    (bar,) = comparison.bar
    assert (bar.keep_ratio, len(bar.runs), bar.complete) == (at, 2, True)
    # the verdict is the difference of two means, and no curve
    assert row.ahead.value == pytest.approx(row.scores.mean() - bar.scores.mean())
    assert "now full_short at what other agents cost" in capsys.readouterr().out
    written = (tmp_path / "board.yaml").read_text(encoding="utf-8")
    main(["board", "--out", str(tmp_path)])
    assert (tmp_path / "board.yaml").read_text(encoding="utf-8") == written
    assert len(list((tmp_path / "runs").iterdir())) == 8


@pytest.fixture
def bars_of(tmp_path, made, monkeypatch):
    """Makes up where the runs of a board ended, and says at which costs it asks for bars then.

    `short` has the accuracy of `full_short` by its keep ratio, which is what it costs.
    """

    def bars(short, accuracy, cost, runs=2):
        board, further = Board(tmp_path), tuple(keep for keep in short if keep != 0.3)
        grid = Grid(agents=("ucb",), keep_ratios=(0.3,), full_short_at=further, seeds=2)
        board.add(replace(grid, controls=("full_short",)))
        results = []
        for name, run in board.runs().items():
            keep, is_short = run.keep_ratio, run.agent == "full_short"
            end = (short[keep], keep) if is_short else (accuracy, cost)
            if is_short or run.seed < runs:
                results.append(made(run.agent, run.seed, keep, *end) | {"id": name})
        found = standings(results, board.runs())
        monkeypatch.setattr("prune_bench.standings.own_cost.read_standings", lambda folder: found)
        add_bars(board)
        return [at for at in board.grids()[0].full_short_at if at not in short]

    return bars


def test_an_agent_dearer_than_it_keeps_gets_its_bar_also_where_it_loses(bars_of):
    """It ends below the next cheaper `full_short`, so that a sign is known, and no distance."""
    assert bars_of({0.3: 0.9}, accuracy=0.8, cost=0.34) == [0.34]


def test_an_agent_whose_runs_are_missing_gets_no_bar_yet(bars_of):
    """What it costs in the mean is known when all are over."""
    assert bars_of({0.3: 0.9}, accuracy=0.8, cost=0.34, runs=1) == []


def test_what_was_read_from_the_curve_gets_a_bar_of_its_own(bars_of):
    """1.3 % dearer than it keeps is the cost of its keep ratio, but not that of `full_short`."""
    assert bars_of({0.2: 0.85, 0.3: 0.9, 0.5: 0.92}, accuracy=0.91, cost=0.304) == [0.304]
