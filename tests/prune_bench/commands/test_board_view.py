"""What a terminal shows of a board that is under way."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from prune_bench.board.board import Board
from prune_bench.board.grid import Grid
from prune_bench.board.pins import Pins
from prune_bench.board.work import file_failure
from prune_bench.commands import board_view
from prune_bench.commands.board_view import BoardView, duration, label
from prune_bench.report.columns import COLUMN
from prune_bench.report.terminal import Terminal
from prune_bench.standings.build import read_standings
from rich.console import Console

from prune_env.files import write_json


@pytest.fixture
def finish(make_result):
    """File a made-up result of a run that ends at this accuracy after so many seconds."""

    def file(board, name, accuracy, seconds, **more):
        result = make_result(replace(board.runs()[name], epochs=4), num_arms=100) | more
        result["test_accuracy"] = {"last": accuracy, "best": accuracy}
        result["seconds"] = {"train": seconds, "evaluate": 0.0}
        write_json(board.result_path(name), result)

    return file


@pytest.fixture
def board(tmp_path):
    """Seven runs a seed: full, four controls and two agents at keep 0.5."""
    board = Board(tmp_path)
    board.add(Grid(agents=("ucb", "ucb1"), keep_ratios=(0.5,), seeds=2, epochs=4))
    return board


def shown(view, width=100):
    """The lines of the live view."""
    console = Terminal(file=io.StringIO(), width=width)
    view.console = console
    console.print(view.picture())
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_plain_lines_where_there_is_no_terminal(board, finish):
    console = Console(file=io.StringIO(), width=200)
    names = list(board.runs())
    finish(board, names[0], 0.9, 10.0)
    with BoardView(console, board, jobs=2) as view:
        view.tick()
        finish(board, names[1], 0.8, 5.0)
        file_failure(board, names[2], board.runs()[names[2]], "ValueError: [bold]\n\x1b[31m")
        view.tick()
        view.tick()
        finish(board, names[3], 0.1, 5.0, diverged=True)
        view.tick()
    lines = console.file.getvalue().splitlines()
    assert lines[0].endswith("14 runs, 1 of them done")
    # left: one run on everything at 10 s, ten at keep 0.5 and 5 s, two at a time
    assert lines[1:] == [
        "2/14 full_short keep 0.5 seed 0: 80.0 % in 5.0 s, about 30 s left",
        r"3/14 static_random keep 0.5 seed 0: FAILED, ValueError: [bold] \x1b[31m",
        "4/14 random_dynamic keep 0.5 seed 0: 10.0 % in 5.0 s, about 28 s left, DIVERGED",
    ]


def test_what_went_wrong_is_said_once(board, finish):
    names = list(board.runs())
    for name in names[:3]:
        file_failure(board, name, board.runs()[name], "ValueError: [bold]")
    file_failure(board, names[3], board.runs()[names[3]], "MemoryError: one\ntwo")
    for name in names[4:6]:
        finish(board, name, 0.1, 1.0, diverged=True)
    view = BoardView(Console(file=io.StringIO()), board, jobs=1)
    assert [text.plain for text in view.problems()] == [
        "failed full seed 0 and 2 more: ValueError: [bold]",
        f"failed {label(board.runs()[names[3]])}: MemoryError: one two",
        "try the failed ones again with --retry-failed",
        "diverged rs2 keep 0.5 seed 0 and 1 more: its loss is not finite; it counts with the "
        "accuracy it ended at",
    ]


def test_before_the_first_run_is_done_no_time_is_named(board):
    lines = shown(BoardView(Console(file=io.StringIO()), board, jobs=1))
    assert lines[1] == "0 of 14 done, 0 running, 0 failed, time left not known yet"


def test_the_live_view_has_the_numbers_that_the_board_ends_with(board, finish):
    for name, run in board.runs().items():
        if run.agent in ("ucb", "ucb1", "rs2", "full_short"):
            place = ("full_short", "rs2", "ucb1", "ucb").index(run.agent)
            finish(board, name, 0.5 + 0.1 * place + 0.02 * run.seed, 5.0)
    lines = shown(BoardView(Console(file=io.StringIO()), board, jobs=1))
    assert lines[1].startswith("8 of 14 done, 0 running, 0 failed, about ")
    assert lines[3].split() == [
        "Agent",
        "Test",
        "accuracy,",
        "%",
        "vs",
        "full_short",
        "Runs",
        "Keep",
    ]
    [comparison] = read_standings(board.folder).comparisons
    for line, agent in zip(lines[4:], ("ucb", "ucb1", "rs2"), strict=True):
        row = comparison.row(agent)
        assert line.startswith(agent)
        assert COLUMN["accuracy"].text(row) in line
        assert COLUMN["ahead"].text(row) in line
    assert "81.0" in lines[4]
    assert lines[4].endswith("50 %")


def test_the_live_view_knows_what_is_missing_of_a_board_with_pins(board, finish):
    board.write(board.grids(), Pins(threads=2))
    place = {"device": "cpu", "gpu": None, "processor": "any", "cores": 2, "threads": 2}
    for name, run in board.runs().items():
        if run.seed == 0:
            finish(board, name, 0.5, 5.0, place=place | {"python": "3", "versions": {}})
    lines = shown(BoardView(Console(file=io.StringIO()), board, jobs=1))[4:]
    assert [line.split()[-3:] for line in lines[:1]] == [["1/2", "50", "%"]]
    assert all(line.split()[-1] == "1/2" for line in lines[1:])


@pytest.mark.parametrize("width", [80, 60, 40])
def test_the_live_view_breaks_no_cell(board, finish, width):
    for name in board.runs():
        finish(board, name, 0.5 + 0.01 * board.runs()[name].seed, 5.0)
    lines = shown(BoardView(Console(file=io.StringIO()), board, jobs=1), width)
    [comparison] = read_standings(board.folder).comparisons
    name, ahead = (COLUMN[name].text(comparison.rows[0]) for name in ("agent", "ahead"))
    assert any(name in line and ahead in line for line in lines)
    assert max(map(len, lines)) <= width


def test_a_tick_without_news_looks_at_no_run(board, finish, monkeypatch):
    for name in list(board.runs())[:-1]:
        finish(board, name, 0.5, 5.0)
    console = Terminal(file=io.StringIO(), width=100, force_terminal=True)
    with BoardView(console, board, jobs=1) as view:
        view.tick()
        for function in ("_kind", "standings", "read_result", "RunOptions", "_middle"):
            monkeypatch.setattr(board_view, function, None)
        monkeypatch.setattr("prune_bench.standings.model.Setting.of", None)
        view.tick()
    assert shown(view)[1] == "13 of 14 done, 0 running, 0 failed, about 5 s left"


def test_the_live_table_but_for_the_first_waits_twenty_times_as_long_as_it_takes(
    board, finish, monkeypatch
):
    names, clock, made = list(board.runs()), [0.0], []
    monkeypatch.setattr(board_view.time, "perf_counter", lambda: clock[0])

    def table(view):
        clock[0] += 2.0
        made.append(len(view.finished))
        return "a table"

    monkeypatch.setattr(BoardView, "table", table)
    view = BoardView(Console(file=io.StringIO()), board, jobs=1)
    for seconds, name in zip((0.0, 1.0, 39.0, 100.0, 101.0), names, strict=False):
        clock[0] = max(clock[0], seconds)
        finish(board, name, 0.5, 5.0)
        view.refresh()
        view.picture()
    # of the first, which says nothing of how long the others take; of two at 2 s; not before
    # 4 + 20 * 2 seconds; at 100 s of all four; not again at 102 s
    assert made == [1, 2, 4]
    clock[0] = 143.0
    view.picture()
    view.picture()
    assert made == [1, 2, 4, 5]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (75, "1 min 15 s"), (3600, "1 h 0 min"), (7325, "2 h 2 min")],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


def test_of_several_settings_the_one_of_the_last_run_is_shown(tmp_path, finish):
    board = Board(tmp_path)
    console = Console(file=io.StringIO(), width=200)
    for limit in (None, 100):
        board.add(Grid(agents=("ucb",), keep_ratios=(0.5,), seeds=2, epochs=4, limit=limit))
    view = BoardView(console, board, jobs=1)
    for limit, accuracy in ((None, 0.8), (100, 0.4)):
        for name, options in board.runs().items():
            if (options.agent, options.limit) == ("ucb", limit):
                finish(board, name, accuracy, 1.0)
        view.tick()
        lines = shown(view)
        heading, *_, row = lines[lines.index("") + 1 :]
        title = "Digits, 4 epochs" + ", limit 100" * (limit is not None)
        assert heading == title
        assert row.startswith("ucb")
        assert f"{100 * accuracy:.1f}" in row
        view.console = console
    told = [line.partition(":")[0] for line in console.file.getvalue().splitlines()]
    assert told == [
        *("Digits, 4 epochs", *(f"{n}/24 ucb keep 0.5 seed {n - 1}" for n in (1, 2))),
        *("Digits, 4 epochs, limit 100", *(f"{n}/24 ucb keep 0.5 seed {n - 3}" for n in (3, 4))),
    ]


@pytest.mark.parametrize("first", ["full_short", "ucb"])
def test_a_bar_at_what_others_cost_has_no_row(first, tmp_path, finish):
    """Whether it is the last run that has ended, or all that there is."""
    board = Board(tmp_path)
    board.add(Grid(agents=("ucb",), keep_ratios=(0.5,), full_short_at=(0.6,), seeds=1, epochs=4))
    names = {(run.agent, run.keep_ratio): name for name, run in board.runs().items()}
    view = BoardView(Console(file=io.StringIO()), board, jobs=1)
    bar, ucb = names["full_short", 0.6], names["ucb", 0.5]
    for name in (bar, ucb) if first == "full_short" else (ucb, bar):
        finish(board, name, 0.8, 1.0)
        view.tick()
        assert any(line.startswith("ucb") for line in shown(view)) == (ucb in view.finished)
