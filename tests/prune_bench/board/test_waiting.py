"""What a board waits for: a disk that is full or fails, another board over its folder."""

from __future__ import annotations

import errno
from collections import Counter
from concurrent.futures import Future

import pytest
from prune_bench.board import engines
from prune_bench.board.board import Board
from prune_bench.board.grid import Grid
from prune_bench.board.work import Outcome
from prune_bench.run.run_id import run_id

from prune_env.files import read_json, write_json


@pytest.fixture
def board(tmp_path):
    """A board of the controls, none of which has been run."""
    board = Board(tmp_path / "board")
    board.add(Grid(agents=(), keep_ratios=(0.3,), seeds=1))
    return board


def test_a_board_waits_for_its_disk_and_goes_on(board, monkeypatch):
    """One result could not be written, five runs could not begin; then there is room again."""
    monkeypatch.setattr(engines, "PAUSE", 0.0)
    names, begun, said, tries = list(board.runs()), Counter(), [], []

    def submit(options):
        name = run_id(options)
        begun[name] += 1
        future = Future()
        outcome = Outcome("done")
        if begun[name] == 1:
            first = {"agent": options.agent} if name == names[0] else None
            outcome = Outcome("paused", "No space left on device", first)
        else:
            write_json(board.result_path(name), {"agent": options.agent})
        future.set_result(outcome)
        return future

    def try_disk():
        tries.append(sum(begun.values()))
        if len(tries) < 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(board, "try_disk", try_disk)
    engines.work_off(board, submit, said.append)
    assert begun == {name: 1 if name == names[0] else 2 for name in names}
    assert tries == [len(names)] * 3  # nothing is begun as long as the disk refuses
    assert said[0] == "the disk: No space left on device"
    assert said[-1] == ""


def test_a_board_says_once_that_it_waits_for_another_one(board, monkeypatch):
    names, said, looks = list(board.runs()), [], []

    def submit(options):
        looks.append(name := run_id(options))
        if len(looks) > 3 * len(names):  # the other one is done
            write_json(board.result_path(name), {"agent": options.agent})
        future = Future()
        future.set_result(Outcome("held"))
        return future

    monkeypatch.setattr(engines.time, "sleep", lambda seconds: None)
    engines.work_off(board, submit, said.append)
    assert list(filter(None, said)) == [
        f"{len(names)} runs that another process does, or whose prior run it makes"
    ]
    assert all(read_json(board.result_path(name)) for name in names)
    assert not (board.folder / "failed").exists()


@pytest.mark.faults
def test_a_log_or_a_folder_on_a_full_disk_ends_no_board(board, monkeypatch):
    """What a board shows may go to a file on that disk; what it reads may fail for a while."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    calls, is_open = Counter(), board.is_open

    def failing_at_first(name, act):
        def tried(*arguments):
            calls[name] += 1
            if calls[name] == 1:
                raise OSError(errno.EIO, "Input/output error")
            return act(*arguments)

        return tried

    def submit(options):
        write_json(board.result_path(board.name(options)), {})
        future = Future()
        future.set_result(Outcome("done"))
        return future

    monkeypatch.setattr(board, "is_open", failing_at_first("read", is_open))
    monkeypatch.setattr(board, "sweep", failing_at_first("sweep", board.sweep))
    ticks = []
    with pytest.warns(UserWarning, match="waiting for the disk"):
        engines.work_off(board, submit, failing_at_first("shown", ticks.append))
    assert calls["sweep"] == 2
    assert ticks[-1] == ""
    assert not any(map(is_open, board.runs()))


@pytest.mark.faults
def test_a_disk_takes_a_trial_file_or_says_why_not(board, monkeypatch):
    board.try_disk()
    assert list(board.work.iterdir()) == []
    monkeypatch.setattr("os.fsync", lambda _: exec("raise OSError(5, 'Input/output error')"))
    with pytest.raises(OSError, match="Input/output error"):
        board.try_disk()
    assert list(board.work.iterdir()) == []
