"""Claims: who does what, said by files in a folder that everybody sees.

A claim is a file that was created exclusively, so one of many can have it, on any file system. Its
holder touches it every `BEAT` seconds. Who has died does not, nor who is stopped or asleep; then
the next generation may be claimed, again by one only:

    ucb-k0.3-s0-9f2c.0.claim    its holder was killed
    ucb-k0.3-s0-9f2c.1.claim    the highest generation counts
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from pathlib import Path
from types import TracebackType

from prune_env.files import read_text

BEAT = 10.0
"""Seconds between two signs of life."""
STALE = 60.0
"""Seconds without one after which a holder counts as dead."""


class Held(RuntimeError):
    """Somebody alive is doing what has to be done first. Come back later."""


class Claim:
    """A claim that is held, until `release` or the end of a `with` block.

    Args:
        folder: where the claims are.
        name: what is claimed.
        generation: which file.
    """

    def __init__(self, folder: Path, name: str, generation: int) -> None:
        self.folder, self.name, self.generation = folder, name, generation
        self.path = _path(folder, name, generation)
        self._released = threading.Event()
        self._heart = threading.Thread(target=self._beat, name=f"claim {name}", daemon=True)
        self._heart.start()

    def _beat(self) -> None:
        while not self._released.wait(BEAT):
            with contextlib.suppress(FileNotFoundError):
                os.utime(self.path)

    def release(self) -> None:
        """Let others have it. Who took it from a holder that was silent for too long keeps it."""
        self._released.set()
        self._heart.join()
        for generation in _generations(self.folder, self.name):
            if generation <= self.generation:
                _path(self.folder, self.name, generation).unlink(missing_ok=True)

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def take(folder: Path, name: str) -> Claim | None:
    """Claim a name; None while somebody alive holds it.

    Whoever gets it must look whether the work has been done in the meantime.
    """
    folder.mkdir(parents=True, exist_ok=True)
    generations = _generations(folder, name)
    if generations:
        last = _path(folder, name, generations[-1])
        if is_alive(last) or not last.exists():  # released this instant, and perhaps taken again
            return None
    mine = generations[-1] + 1 if generations else 0
    try:
        with open(_path(folder, name, mine), "x", encoding="utf-8") as file:
            holder = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
            json.dump(holder, file)
    except FileExistsError:
        return None
    return Claim(folder, name, mine)


def wait_for(folder: Path, name: str) -> Claim:
    """Claim a name as soon as nobody else holds it; for claims that are held for an instant."""
    while (claim := take(folder, name)) is None:
        time.sleep(0.05)
    return claim


def is_alive(path: Path) -> bool:
    """Whether the holder of a claim shows signs of life.

    Its heartbeat; a holder on this machine, its process too: who was killed here is known at once.
    """
    try:
        silent = time.time() - path.stat().st_mtime
        holder = json.loads(read_text(path))
    except FileNotFoundError:
        return False
    except json.JSONDecodeError:  # created this instant, or its holder was killed in between
        return silent < STALE
    if holder["host"] == socket.gethostname() and not _is_running(holder["pid"]):
        return False
    return silent < STALE


def held(folder: Path) -> dict[str, float]:
    """The names that somebody alive holds, and since when, in seconds since the epoch."""
    names = {}
    for path in sorted(folder.glob("*.claim")):
        if is_alive(path):
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
                names[path.name.rsplit(".", 2)[0]] = json.loads(read_text(path))["since"]
    return names


def discard(folder: Path, name: str) -> None:
    """Remove all generations of a claim."""
    for generation in _generations(folder, name):
        _path(folder, name, generation).unlink(missing_ok=True)


def _path(folder: Path, name: str, generation: int) -> Path:
    return folder / f"{name}.{generation}.claim"


def _generations(folder: Path, name: str) -> list[int]:
    """Of the claims of a name; none where the folder is not there, as in a copy of a board."""
    names = [path.name for path in folder.glob("*.claim")]
    return sorted(int(n.rsplit(".", 2)[1]) for n in names if n.rsplit(".", 2)[0] == name)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
