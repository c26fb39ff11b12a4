"""A board that is killed again and again ends as one that was left alone."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from prune_bench.board import claims
from prune_bench.board.board import Board
from prune_bench.run.result import read_results, without_times
from tally import count

KILLS = 20
WITHOUT_REPORT = (
    "from prune_bench.commands import main; from prune_bench.report import page; "
    "page.write_report = lambda f, s: {}; main.main()"
)
COMMAND = (
    *(sys.executable, "-c", WITHOUT_REPORT, "board"),
    *("--agents", "ucb", "epsilon_greedy", "--keep-ratios", "0.3", "--epochs", "20"),
    *("--jobs", "2", "--threads-per-job", "1", "--checkpoint-seconds", "0"),
)


def begin(folder, seeds):
    """A board in a process group of its own."""
    command = [*COMMAND, "--seeds", str(seeds), "--out", str(folder)]
    return subprocess.Popen(command, process_group=0, stdout=subprocess.DEVNULL)


def wait_for(condition, seconds=300.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running(board):
    """The runs that somebody alive is at."""
    return set(claims.held(board.work)) & set(board.runs() if board.grids() else ())


def advanced(board, begun):
    """Whether a run has come further or to its end since a point of time."""
    files = [*board.work.glob("*.pt"), *board.folder.glob("runs/*.json")]
    with contextlib.suppress(FileNotFoundError):  # a run has just ended
        return any(path.stat().st_mtime > begun for path in files)
    return True


SIGNS = (None, lambda board, begun: running(board), advanced, advanced, advanced)
"""What is waited for before the random moment: nothing, the begin of runs, progress in them."""


@pytest.mark.slow
@pytest.mark.faults
def test_killed_twenty_times_over(tmp_path):
    rng = random.Random(0)
    board = Board(tmp_path / "killed")
    kills, seeds, resumable = 0, 2, 0
    while kills < KILLS:
        begun, process = time.time(), begin(board.folder, seeds)
        if sign := SIGNS[kills % len(SIGNS)]:
            wait_for(lambda: process.poll() is not None or sign(board, begun))  # noqa: B023
        time.sleep(rng.uniform(0.0, 1.0))
        if process.poll() is not None:  # it was finished before: give it more to do
            seeds += 1
            continue
        if kills % 2:
            os.killpg(process.pid, signal.SIGKILL)
        else:  # its workers have to notice by themselves
            process.kill()
        process.wait()
        kills += 1
        wait_for(lambda: not running(board))
        resumable += any(board.work.glob("*.pt"))
    begin(board.folder, seeds).wait(timeout=600)

    undisturbed = Board(tmp_path / "undisturbed")
    begin(undisturbed.folder, seeds).wait(timeout=600)
    expected = {r.id: without_times(r.content) for r in read_results(undisturbed.folder)}
    assert len(expected) == 7 * seeds
    found = {r.id: without_times(r.content) for r in read_results(board.folder)}
    count("boards killed", kills)
    count(
        "runs lost by that, or with another result",
        sum(found.get(n) != expected[n] for n in expected),
    )
    assert found == expected
    assert not list(board.folder.glob("failed/*"))
    assert resumable >= KILLS // 4  # checkpoints were there to go on from
