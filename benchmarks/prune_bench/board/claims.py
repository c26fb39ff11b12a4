"""Claims: which process does what, said by files in a folder that all processes see.

A claim is a file that is created exclusively, so one of many processes gets it, on any file system.
Its holder touches the file every `BEAT` seconds. A dead process stops touching its file, and so
does one that is stopped or asleep. After `STALE` seconds others may claim the next generation, and
again one of them gets it:

    ucb-k0.3-s0-9f2c.0.claim    its holder was killed
    ucb-k0.3-s0-9f2c.1.claim    the highest generation counts
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import socket
import threading
import time
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from prune_env.files import Damaged, read_json

BEAT = 10.0
"""Seconds between two signs of life."""
STALE = 60.0
"""Seconds without a sign of life after which a holder counts as dead."""


class Held(RuntimeError):
    """A live process is doing what has to be done first. Come back later."""


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
            with contextlib.suppress(OSError):  # a disk that fails for a while ends no heartbeat
                os.utime(self.path)

    def release(self) -> None:
        """Let others have it. A later generation stays: another process took over this claim."""
        self._released.set()
        self._heart.join()
        for generation in _generations(self.folder, self.name):
            if generation <= self.generation:
                with contextlib.suppress(OSError):  # it is silent from now on in any case
                    _path(self.folder, self.name, generation).unlink()

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
    """Claim a name; None while a live process holds it.

    The caller must look whether the work has been done in the meantime.
    """
    folder.mkdir(parents=True, exist_ok=True)
    generations = _generations(folder, name)
    if generations:
        last = _path(folder, name, generations[-1])
        if is_alive(last) or not last.exists():  # released this instant, and perhaps taken again
            return None
    mine = generations[-1] + 1 if generations else 0
    path = _path(folder, name, mine)
    try:
        with open(path, "x", encoding="utf-8") as file:
            json.dump(_processes() | {"pid": os.getpid(), "since": time.time()}, file)
    except FileExistsError:
        return None
    except OSError:  # a full disk: what is half written would look like a claim of somebody
        path.unlink(missing_ok=True)
        raise
    return Claim(folder, name, mine)


def wait_for(folder: Path, name: str, pause: float = 0.05) -> Claim:
    """Claim a name as soon as no other process holds it; `pause` seconds between two looks."""
    while (claim := take(folder, name)) is None:
        time.sleep(pause)
    return claim


def is_alive(path: Path) -> bool:
    """Whether the holder of a claim shows signs of life.

    Its file was touched within `STALE` seconds. A holder on this machine must also still be a
    running process, so a killed one counts as dead at once. A file that is not a whole claim may
    be one that is being written: it counts as alive for `STALE` seconds.
    """
    try:
        silent = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False
    holder = _holder(path)
    here = _processes()
    if holder is not None and "boot" in here and holder.items() >= here.items():
        return silent < STALE and _is_running(holder["pid"])
    return silent < STALE


def held(folder: Path) -> dict[str, float]:
    """The names that live processes hold, and since when, in seconds since the epoch."""
    names = {}
    for path in sorted(folder.glob("*.claim")):
        match = _NAME.fullmatch(path.name)
        if match and is_alive(path) and (holder := _holder(path)):
            names[match["name"]] = float(holder["since"])
    return names


def discard(folder: Path, name: str) -> None:
    """Remove all generations of a claim."""
    for generation in _generations(folder, name):
        _path(folder, name, generation).unlink(missing_ok=True)


def _path(folder: Path, name: str, generation: int) -> Path:
    return folder / f"{name}.{generation}.claim"


def _generations(folder: Path, name: str) -> list[int]:
    """Of the claims of a name; none where the folder is not there, as in a copy of a board."""
    matches = [_NAME.fullmatch(path.name) for path in folder.glob("*.claim")]
    return sorted(int(match["generation"]) for match in matches if match and match["name"] == name)


_NAME = re.compile(r"(?P<name>.+)\.(?P<generation>\d{1,9})\.claim", re.ASCII | re.DOTALL)


def _holder(path: Path) -> dict[str, Any] | None:
    """What a claim says of its holder; None where it is no claim, or not yet a whole one."""
    try:
        holder = read_json(path)
    except (OSError, Damaged):
        return None
    pid, since = holder.get("pid", 0), holder.get("since", math.nan)
    whole = type(pid) is int and pid > 0 and type(since) in (int, float) and math.isfinite(since)
    return holder if whole else None


@cache
def _processes() -> dict[str, Any]:
    """Where a process id means the same process: the host and, where Linux tells it, the boot and
    the PID namespace. Containers and copies of a machine may share a host name.
    """
    here: dict[str, Any] = {"host": socket.gethostname()}
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        here |= {"boot": boot, "pid_namespace": os.stat("/proc/self/ns/pid").st_ino}
    return here


def _is_running(pid: int) -> bool:
    """Whether there is a process of this id; asked only on Linux, since on Windows asking kills."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
