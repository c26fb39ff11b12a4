"""What a terminal shows of a board that is under way."""

from __future__ import annotations

import io
import json

import pytest
from prune_bench.board import Board, Grid
from prune_bench.live import BoardView, duration, label
from prune_bench.work import file_failure
from rich.console import Console

from prune_env.files import write_json


def finish(board, name, accuracy, seconds):
    """File a result of which only that is known which the view reads."""
    options = board.runs()[name]
    content = {
        "num_arms": 100,
        "options": {"epochs": options.epochs},
        "test_accuracy": {"last": accuracy},
        "seconds": {"train": seconds, "evaluate": 0.0},
        "passes": {"charged": 3 * 100 * options.epochs * options.keep_ratio},
    }
    write_json(board.result_path(name), json.loads(json.dumps(content)))


@pytest.fixture
def board(tmp_path):
    """Seven runs a seed: full, four controls and two agents at keep 0.5."""
    board = Board(tmp_path)
    board.add(Grid(agents=("ucb", "ucb1"), keep_ratios=(0.5,), seeds=2, epochs=4))
    return board


def shown(view):
    """The lines of the live view."""
    console = Console(file=io.StringIO(), width=100)
    console.print(view.picture())
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_plain_lines_where_there_is_no_terminal(board):
    console = Console(file=io.StringIO(), width=200)
    names = list(board.runs())
    finish(board, names[0], 0.9, 10.0)
    with BoardView(console, board, jobs=2) as view:
        view.tick()
        finish(board, names[1], 0.8, 5.0)
        file_failure(board, board.runs()[names[2]], "ValueError: [bold]")
        view.tick()
        view.tick()
    lines = console.file.getvalue().splitlines()
    assert lines[0].endswith("14 runs, 1 of them done")
    # left: one run on everything at 10 s, ten at keep 0.5 and 5 s, two at a time
    assert lines[1:] == [
        "2/14 full_short keep 0.5 seed 0: 80.00% in 5.0 s, 30 s left",
        "3/14 static_random keep 0.5 seed 0: FAILED, ValueError: [bold]",
    ]


def test_the_end_has_every_error_once(board):
    names = list(board.runs())
    for name in names[:3]:
        file_failure(board, board.runs()[name], "ValueError: [bold]")
    file_failure(board, board.runs()[names[3]], "MemoryError: one")
    console = Console(file=io.StringIO(), width=200)
    BoardView(console, board, jobs=1).print_end()
    failed = [line for line in console.file.getvalue().splitlines() if line.startswith("failed")]
    assert failed == [
        "failed full keep 1 seed 0 and 2 more: ValueError: [bold]",
        f"failed {label(board.runs()[names[3]])}: MemoryError: one",
    ]


def test_the_picture_counts_and_ranks(board):
    names = list(board.runs())
    finish(board, names[0], 0.9, 10.0)
    for name in names:
        agent = board.runs()[name].agent
        if agent in ("ucb", "ucb1", "rs2", "full_short"):
            place = ("full_short", "rs2", "ucb1", "ucb").index(agent)
            finish(board, name, 0.5 + 0.1 * place + 0.02 * board.runs()[name].seed, 5.0)
    lines = shown(BoardView(Console(file=io.StringIO()), board, jobs=1))
    assert "9 of 14 done   0 running   0 failed   about 30 s left" in lines[1]
    body = [line.split() for line in lines[-4:]]
    assert body == [
        ["0.5", "ucb", "81.00%", "±", "1.41%", "2", "50%", "5.0"],
        ["ucb1", "71.00%", "±", "1.41%", "2", "50%", "5.0"],
        ["rs2", "61.00%", "±", "1.41%", "2", "50%", "5.0"],
        ["1", "full", "90.00%", "1", "100%", "10.0"],
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (75, "1 min 15 s"), (3600, "1 h 0 min"), (7325, "2 h 2 min")],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


def test_two_settings_are_not_averaged(tmp_path):
    board = Board(tmp_path)
    for limit, accuracy, seconds in ((None, 0.8, 10.0), (100, 0.4, 2.0)):
        board.add(Grid(agents=("ucb",), keep_ratios=(0.5,), seeds=2, epochs=4, limit=limit))
        for name, options in board.runs().items():
            if (options.agent, options.seed, options.limit) == ("ucb", 0, limit):
                finish(board, name, accuracy, seconds)
    lines = shown(BoardView(Console(file=io.StringIO()), board, jobs=1))
    found = [line.split() for line in lines if "ucb" in line]
    assert sorted((words[-4], words[-3]) for words in found) == [("40.00%", "1"), ("80.00%", "1")]
