"""Checkpoints: a nested state in one file, read back without running any code that is in it.

`torch.load(weights_only=True)` reads tensors and plain Python values. Beside the state a file says
what it is of, and nothing else goes on from it.
"""

from __future__ import annotations

import hashlib
import io
import time
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

import prune_agents
import torch

import prune_env
from prune_env import notices
from prune_env.checks import difference
from prune_env.core.tensors import to_arrays, to_tensors
from prune_env.files import Damaged, read_sealed, replacing
from prune_env.learners.ranks import Ranks

State = dict[str, Any]


class Unfit(ValueError):
    """A checkpoint is of something else: another run, other code, other threads."""


def save(path: Path, state: State, of: dict[str, Any]) -> None:
    """Write a state of tensors, NumPy arrays and plain values; the file is whole or not there.

    Args:
        path: the file.
        state: what `load` gives back.
        of: what the state is of, plain values; `load` must be given equal ones.

    Raises:
        OSError: the disk is full or refuses; the file is what it was before.
    """
    content = io.BytesIO()  # to a file PyTorch would raise a RuntimeError when the disk is full
    torch.save({"of": of, "state": to_tensors(state)}, content)
    with replacing(path, sealed=True) as temporary:
        temporary.write_bytes(content.getbuffer())


def load(path: Path, of: dict[str, Any]) -> State:
    """What `save` has written, tensors on the CPU.

    Raises:
        Damaged: it is not as it was written.
        Unfit: it is of something else.
        OSError: it cannot be read.
    """
    file = io.BytesIO(read_sealed(path))
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        found, state = content["of"], content["state"]
    except Exception as error:  # a dozen kinds; the checksum is right, so it was written otherwise
        raise Damaged(f"{path} is not a checkpoint of this version") from error
    if differing := difference(found, of):
        raise Unfit(f"{path} has {differing}")
    return to_arrays(state)


def circumstances(learner: Any) -> dict[str, Any]:
    """What else decides the bits of a run, so that it ends as if it had never been cut off."""
    return {
        "code": _code(),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "threads": torch.get_num_threads(),
        "processes": Ranks.here().size,
        "device": getattr(learner, "device", torch.device("cpu")).type,
    }


@cache
def _code() -> str:
    """A digest of the source that decides what comes out of a run."""
    folders = [Path(place) for package in (prune_env, prune_agents) for place in package.__path__]
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    digest = hashlib.sha256()
    for path in (*files, Path(__file__).with_name("episode.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


class Keeper:
    """Keeps the state of something that advances in rounds, to go on from it after any end.

    ```python
    with Keeper(path, of, seconds=60) as keeper:
        while not run.over:
            run.advance()
            keeper.keep(run.state_dict())
    ```

    An error or a signal that ends the block has the last round written before.

    Args:
        path: the file.
        of: see `save`.
        seconds: at least so long between two writes.
    """

    def __init__(self, path: Path, of: dict[str, Any], seconds: float) -> None:
        self.path, self.of, self.seconds = path, of, seconds
        self._written = time.monotonic()
        self._state: State | None = None
        """What is not written yet."""

    def load(self) -> State | None:
        """The state to go on from; None, with a warning, where the file is of no use."""
        try:
            return load(self.path, self.of)
        except FileNotFoundError:
            return None
        except (Damaged, Unfit) as error:
            notices.say(f"beginning anew: {error}")
            return None

    def keep(self, state: State) -> None:
        """Take over a state that nobody changes any more, and write it if that is due."""
        self._state = state
        if time.monotonic() - self._written >= self.seconds:
            self.write()

    def write(self) -> None:
        """Write what has been kept. If the disk refuses, warn and leave the old file."""
        if self._state is None:
            return
        try:
            save(self.path, self._state, self.of)
            self._state = None
        except (OSError, RuntimeError) as error:  # the disk, or a device that has failed
            notices.say(f"{self.path} was not written, what was there stays: {error}")
        self._written = time.monotonic()

    def __enter__(self) -> Keeper:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.write()
