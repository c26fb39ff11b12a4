"""One run of a board: what fails keeps its checkpoint, and a full disk fails nothing."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from prune_bench.board import claims, work
from prune_bench.board.board import Board
from prune_bench.board.work import do_run
from prune_bench.run import checkpoint
from prune_bench.run.episode import Episode, run
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.result import without_times
from prune_bench.run.run_id import run_id

pytestmark = pytest.mark.faults

OPTIONS = RunOptions(agent="ucb", epochs=4, limit=100)
PLACE = Place(threads=1)


@pytest.fixture
def board(tmp_path):
    return Board(tmp_path)


@pytest.fixture
def steps(monkeypatch):
    """The rounds that are run; an error that is put in place of a number is raised instead."""
    done, errors, step = [], {}, Episode.step

    def count(episode):
        number = len(episode.history) + 1
        if number in errors:
            raise errors.pop(number)
        done.append(number)
        return step(episode)

    monkeypatch.setattr(Episode, "step", count)
    return done, errors


def result_of(board):
    return without_times(json.loads(board.result_path(run_id(OPTIONS)).read_text("utf-8")))


def expected():
    return without_times(json.loads(json.dumps(run(OPTIONS, PLACE))))


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device", "board/file")


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), OSError(errno.EACCES, "no")])
def test_a_failed_run_goes_on_from_its_last_round(board, steps, error):
    done, errors = steps
    errors[3] = error
    assert do_run(OPTIONS, board.folder, PLACE).kind == "failed"
    name = run_id(OPTIONS)
    assert board.failure_path(name).exists()
    board.sweep()
    assert board.checkpoint_path(name).exists()
    board.failure_path(name).unlink()
    assert do_run(OPTIONS, board.folder, PLACE).kind == "done"
    assert done == [1, 2, 3, 4]
    result = result_of(board)
    del result["checksum"]
    assert result == expected()
    assert list(board.work.iterdir()) == []


@pytest.mark.parametrize("number", ["ENOSPC", "EDQUOT", "EIO"])
def test_a_disk_that_fails_in_a_run_is_no_failure_of_the_run(board, steps, number):
    done, errors = steps
    wrapped = ValueError("the data cannot be read")
    wrapped.__cause__ = OSError(getattr(errno, number), "disk")
    errors |= {2: OSError(getattr(errno, number), "disk"), 4: wrapped}
    for message in ("disk", "cannot be read"):
        outcome = do_run(OPTIONS, board.folder, PLACE)
        assert (outcome.kind, outcome.result) == ("paused", None)
        assert message in outcome.message
    assert do_run(OPTIONS, board.folder, PLACE).kind == "done"
    assert done == [1, 2, 3, 4]
    assert not (board.folder / "failed").exists()


def test_a_run_that_is_over_when_the_disk_is_full_hands_its_result_on(board, monkeypatch):
    with monkeypatch.context() as context:
        context.setattr(work, "write_json", full)
        outcome = do_run(OPTIONS, board.folder, PLACE)
    assert outcome.kind == "paused"
    assert outcome.message == "[Errno 28] No space left on device: 'board/file'"
    assert without_times(json.loads(json.dumps(outcome.result))) == expected()
    assert board.is_open(run_id(OPTIONS))


def test_a_claim_that_a_full_disk_refuses_pauses(board, monkeypatch):
    monkeypatch.setattr(claims, "take", full)
    assert do_run(OPTIONS, board.folder, PLACE).kind == "paused"


def test_checkpoints_that_a_full_disk_refuses_stop_no_run(board, monkeypatch):
    with monkeypatch.context() as context:
        context.setattr(checkpoint, "save", full)
        with pytest.warns(UserWarning, match="No space left"):
            assert do_run(OPTIONS, board.folder, PLACE, checkpoint_seconds=0).kind == "done"


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[: len(content) // 2], lambda content: b"", bytes.swapcase],
    ids=["cut", "empty", "changed"],
)
def test_a_damaged_checkpoint_is_not_used(board, steps, damage):
    done, errors = steps
    errors[3] = SystemExit()
    with pytest.raises(SystemExit):
        do_run(OPTIONS, board.folder, PLACE)
    path = board.checkpoint_path(run_id(OPTIONS))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match=f"beginning anew: .*{path.name} is damaged"):
        assert do_run(OPTIONS, board.folder, PLACE).kind == "done"
    assert done == [1, 2, 1, 2, 3, 4]
    result = result_of(board)
    del result["checksum"]
    assert result == expected()


def test_a_checkpoint_of_other_code_is_not_used(board, steps, monkeypatch):
    done, errors = steps
    errors[2] = SystemExit()
    with pytest.raises(SystemExit):
        do_run(OPTIONS, board.folder, PLACE)
    monkeypatch.setattr(checkpoint, "_code", lambda: "9f2c")
    with pytest.warns(UserWarning, match=r"has code '.*'; now it is '9f2c'"):
        do_run(OPTIONS, board.folder, PLACE)
    assert done == [1, 1, 2, 3, 4]


def test_a_run_does_not_go_on_with_other_threads(board, steps):
    done, errors = steps
    errors[2] = SystemExit()
    with pytest.raises(SystemExit):
        do_run(OPTIONS, board.folder, PLACE)
    assert do_run(OPTIONS, board.folder, Place(threads=2)).kind == "failed"
    assert done == [1]
    failure = board.failure_path(run_id(OPTIONS)).read_text(encoding="utf-8")
    assert "not the run of this board: 2 threads instead of 1" in failure
    assert board.checkpoint_path(run_id(OPTIONS)).exists()


def test_what_killed_writers_have_left_is_swept(board):
    board.work.mkdir(parents=True)
    old, new = board.work / ".ucb-1.tmp", Path(board.folder / ".board-2.tmp")
    for path in (old, new, board.folder / ".board-3.tmp"):
        path.touch()
    for path in (old, board.folder / ".board-3.tmp"):
        os.utime(path, (0, 0))
    board.sweep()
    assert sorted(path.name for path in board.folder.rglob(".*")) == [".board-2.tmp"]


def test_what_was_measured_of_every_arm_is_filed_where_that_is_asked_for(board):
    assert do_run(OPTIONS, board.folder, PLACE, arms=True).kind == "done"
    assert result_of(board).items() >= expected().items()
    with np.load(board.arms_path(run_id(OPTIONS))) as arms:
        assert arms["kept"].shape == (4, 90)
        np.testing.assert_array_equal(arms["kept"].sum(axis=0), arms["pulls"])
        assert arms["score"].shape == arms["position"].shape == (90,)
