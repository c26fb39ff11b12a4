"""Claims: one holder at a time, and the dead hold nothing."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time

import pytest
from prune_bench.board import claims


@pytest.fixture
def dead_pid():
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left_by(folder, pid, silent=0.0, generation=0, **where):
    """A claim as a process that is gone, or elsewhere, has left it."""
    path = folder / f"run.{generation}.claim"
    content = claims._processes() | where | {"pid": pid, "since": 0}
    path.write_text(
        json.dumps({name: value for name, value in content.items() if value is not None})
    )
    os.utime(path, (time.time() - silent, time.time() - silent))
    return path


def test_one_holder_at_a_time(tmp_path):
    with claims.take(tmp_path, "run"):
        assert claims.take(tmp_path, "run") is None
        assert list(claims.held(tmp_path)) == ["run"]
        claims.take(tmp_path, "other").release()
    assert list(tmp_path.iterdir()) == []
    claims.take(tmp_path, "run").release()


def test_of_many_at_once_one_gets_it(tmp_path, dead_pid):
    left_by(tmp_path, dead_pid)
    barrier, taken = threading.Barrier(16), []

    def try_it():
        barrier.wait()
        taken.append(claims.take(tmp_path, "run"))

    threads = [threading.Thread(target=try_it) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    holders = [claim for claim in taken if claim is not None]
    assert len(holders) == 1
    holders[0].release()
    assert list(tmp_path.iterdir()) == []


def test_a_claim_that_is_released_in_between_is_not_taken_over(tmp_path, monkeypatch):
    """It may be taken again in the meantime, as generation 0: then two would hold it."""
    first = claims.take(tmp_path, "run")

    def release_first(path):
        first.release()
        return False

    with monkeypatch.context() as context:
        context.setattr(claims, "is_alive", release_first)
        assert claims.take(tmp_path, "run") is None
    claims.take(tmp_path, "run").release()


def test_who_was_silent_too_long_does_not_release_the_claim_of_the_next(tmp_path, monkeypatch):
    sleeper = claims.take(tmp_path, "run")
    with monkeypatch.context() as context:
        context.setattr(claims, "is_alive", lambda path: False)
        successor = claims.take(tmp_path, "run")
    sleeper.release()
    assert claims.take(tmp_path, "run") is None
    successor.release()
    assert list(tmp_path.iterdir()) == []


def test_a_dead_process_of_this_machine_holds_nothing(tmp_path, dead_pid):
    left_by(tmp_path, dead_pid)
    assert claims.held(tmp_path) == {}
    with claims.take(tmp_path, "run") as claim:
        assert claim.path.name == "run.1.claim"
        assert list(claims.held(tmp_path)) == ["run"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("silent", "free"), [(50, False), (70, True)])
def test_a_process_of_this_machine_that_is_stopped_is_dead_after_a_minute(tmp_path, silent, free):
    left_by(tmp_path, os.getpid(), silent)
    claim = claims.take(tmp_path, "run")
    assert (claim is not None) == free
    if claim is not None:
        claim.release()


@pytest.mark.parametrize(("silent", "free"), [(0, False), (50, False), (70, True)])
@pytest.mark.parametrize(
    "where",
    [{"host": "elsewhere"}, {"boot": "another"}, {"pid_namespace": 1}, {"boot": None}],
    ids=lambda where: next(iter(where)),
)
def test_elsewhere_one_is_dead_when_silent_for_a_minute(tmp_path, dead_pid, where, silent, free):
    """A container may have the name of its host, and its process 7 is another one's."""
    left_by(tmp_path, dead_pid, silent, **where)
    claim = claims.take(tmp_path, "run")
    assert (claim is not None) == free
    if claim is not None:
        claim.release()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"null", b"[1]", b'{"pid": 7', b"{}", b"\xff", b'{"pid": "7", "since": 0}'),
        *(b'{"pid": 1, "since": NaN}', b'{"pid": -1, "since": 0}', b"[" * 100_000),
    ],
    ids=lambda content: content[:12].decode("latin-1"),
)
def test_what_is_no_whole_claim_counts_as_one_for_a_minute(tmp_path, content):
    path = tmp_path / "run.0.claim"
    path.write_bytes(content)
    assert claims.held(tmp_path) == {}
    assert claims.take(tmp_path, "run") is None
    os.utime(path, (0, 0))
    claims.take(tmp_path, "run").release()


def test_the_holder_shows_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "BEAT", 0.02)
    with claims.take(tmp_path, "run") as claim:
        os.utime(claim.path, (0, 0))
        deadline = time.monotonic() + 10
        while claim.path.stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert claims.is_alive(claim.path)


@pytest.mark.parametrize("name", ["run.claim", "run.x.claim", "run.-1.claim", ".claim"])
def test_a_file_that_is_named_otherwise_is_no_claim(tmp_path, name):
    (tmp_path / name).write_text("{}")
    assert claims.held(tmp_path) == {}
    with claims.take(tmp_path, "run") as claim:
        assert claim.path.name == "run.0.claim"
    claims.discard(tmp_path, "run")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.faults
def test_a_claim_that_a_full_disk_refuses_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(json, "dump", full)
        with pytest.raises(OSError, match="No space left"):
            claims.take(tmp_path, "run")
    claims.take(tmp_path, "run").release()
