"""Files: the one place that writes and reads what this project keeps.

A file is written under a temporary name, synced and renamed, so it is whole or not there. What is
read back carries a checksum: a sealed file ends with one, a JSON file holds one, and a reader
refuses what is not as it was written, by the file's name. Text is UTF-8 on every system.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import logging
import os
import sys
import time
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prune_env import notices
from prune_env.checks import in_words

_log = logging.getLogger(__name__)
_MARK = b"\nsealed1"
_SEAL = len(_MARK) + hashlib.sha256().digest_size
_CHECKSUM = "checksum"
_MOST_NODES = 100_000
_DISK_TROUBLE = {
    getattr(errno, name, 0) for name in ("ENOSPC", "EDQUOT", "EIO", "EROFS", "ESTALE")
} - {0}


_NO_ZIP = (
    zipfile.BadZipFile,
    KeyError,  # what should be in it is not
    zlib.error,
    OSError,  # it says that something begins before the file does
    EOFError,
    ValueError,
    TypeError,
    RuntimeError,  # it is encrypted, or compressed in a way that there is not
    MemoryError,
    OverflowError,
)


class Damaged(ValueError):
    """A file is not what was written, or not of the kind that is expected; the message names it."""


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path whose ~ stands for a home folder.

    Raises:
        FileNotFoundError: nobody knows that folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise FileNotFoundError(f"{os.fspath(path)}: ~ stands for no folder here") from error


def is_disk_trouble(error: BaseException) -> bool:
    """Whether a disk that is full or fails is behind an error: it may pass by itself."""
    cause = error.__cause__ or error.__context__
    return (isinstance(error, OSError) and error.errno in _DISK_TROUBLE) or (
        cause is not None and is_disk_trouble(cause)
    )


def patiently(
    act: Callable[[], Any], pause: float = 3.0, until: Callable[[], bool] = lambda: False
) -> Any:
    """Write or read what must be: a disk that is full or fails is waited for, with a warning.

    Args:
        act: raises an OSError where it cannot.
        pause: seconds between two tries.
        until: whether to give up, asked after each.

    Returns:
        What `act` returns.

    Raises:
        OSError: it cannot be done for another reason, or was given up.
    """
    while True:
        try:
            return act()
        except OSError as error:
            if not is_disk_trouble(error) or until():
                raise
            notices.say(f"waiting for the disk: {error}")
            time.sleep(pause)


def try_disk(folder: Path) -> None:
    """Write some kilobytes into a folder and remove them.

    Raises:
        OSError: the disk is full or refuses.
    """
    path = folder / "disk"
    with replacing(path) as temporary:
        temporary.write_bytes(bytes(1 << 18))
    path.unlink()


def sweep(folder: Path, older: float = 60.0) -> None:
    """Remove what writers that were killed have left in a folder, so many seconds ago."""
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > older:
                path.unlink()


@contextlib.contextmanager
def replacing(path: Path, *, sealed: bool = False) -> Iterator[Path]:
    """A temporary name to write to; it becomes `path` at the end of the `with` block.

    What was written is on the disk by then, so a power cut leaves a whole file too.

    Args:
        path: the file; its folder is made.
        sealed: append a checksum, which `verify` and `read_sealed` check.

    Raises:
        OSError: the disk is full or refuses; `path` is what it was before.
    """
    path = path.resolve()  # a link stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem[:50]}-{uuid.uuid4().hex[:12]}.tmp")
    try:
        temporary.touch(exist_ok=False)  # who may read it is what the user's umask says
        with contextlib.suppress(OSError):  # or what was said of the file that it replaces
            temporary.chmod(path.stat().st_mode & 0o777)
        yield temporary
        with open(temporary, "r+b") as file:  # Windows syncs only what is open for writing
            if sealed:
                digest = hashlib.file_digest(file, "sha256").digest()
                file.seek(0, os.SEEK_END)
                file.write(_MARK + digest)
                file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _log.debug("wrote %s", path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename == os.fspath(temporary):
            error.filename = os.fspath(path)  # the name that somebody knows
        raise


def verify(path: Path) -> str:
    """Check a sealed file and return its checksum, in hex; arrays in it may then be memory-mapped.

    Raises:
        Damaged: its checksum is missing or wrong.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return _check(path, file.seek(0, os.SEEK_END), file)


def read_sealed(path: Path) -> bytes:
    """The content of a sealed file, without the seal.

    Raises:
        Damaged: its checksum is missing or wrong.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    _check(path, len(content), io.BytesIO(content))
    return content[:-_SEAL]


def _check(path: Path, size: int, file: Any) -> str:
    _log.debug("reading %s, %d bytes", path, size)
    digest, left = hashlib.sha256(), max(0, size - _SEAL)
    file.seek(0)
    while left and (block := file.read(min(left, 1 << 20))):
        digest.update(block)
        left -= len(block)
    if file.read() != _MARK + digest.digest():
        raise Damaged(f"{path} is damaged: its checksum is missing or wrong")
    return digest.hexdigest()


@contextlib.contextmanager
def opened_zip(path: Path, kind: str) -> Iterator[zipfile.ZipFile]:
    """A zip to read from; what is wrong with it, inside the block too, is said by the file's name.

    Args:
        path: the file.
        kind: what it should be, for the message.

    Raises:
        Damaged: it is not such a file.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except _NO_ZIP as error:
            if is_disk_trouble(error):
                raise
            raise Damaged(f"{path} is not {kind}: {in_words(error)}") from error


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file so that it is whole or not there."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def read_text(path: Path) -> str:
    """A UTF-8 text file, whatever the locale.

    Raises:
        Damaged: it is no UTF-8.
        OSError: it cannot be read.
    """
    _log.debug("reading %s", path)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Damaged(f"{path} is not a text in UTF-8: {error}") from error


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object with a checksum so that it is whole or not there.

    Raises:
        ValueError: it has an entry of the checksum's name.
    """
    if _CHECKSUM in content:
        raise ValueError(f"{path} cannot have an entry {_CHECKSUM!r}, which is its checksum")
    as_read = json.loads(json.dumps(content))  # its keys are texts
    sealed = content | {_CHECKSUM: _digest(as_read)}
    write_text(path, json.dumps(sealed, indent=1, sort_keys=True) + "\n")


def read_json(path: Path, expected: str = "a JSON object") -> dict[str, Any]:
    """What `write_json` wrote, or an object without a checksum, as committed before there were any.

    Args:
        path: the file.
        expected: what it should be, for the message.

    Raises:
        Damaged: it is not an object, or its checksum is wrong.
        OSError: it cannot be read.
    """
    text = read_text(path)
    try:
        content = json.loads(text, object_pairs_hook=_interned)
    except (ValueError, RecursionError) as error:  # also of a number of 5,000 digits
        raise Damaged(f"{path} is not JSON ({error}); expected {expected}") from error
    if not isinstance(content, dict):
        raise Damaged(f"{path} is a {type(content).__name__}; expected {expected}")
    if (checksum := content.pop(_CHECKSUM, None)) is not None and checksum != _digest(content):
        raise Damaged(f"{path} is damaged: its checksum is wrong; expected {expected}")
    return content


def _interned(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys are in memory once, however many files have them."""
    return {sys.intern(key): value for key, value in pairs}


def read_yaml(path: Path) -> Any:
    """A YAML file of plain values.

    Raises:
        Damaged: it is not such a file.
        OSError: it cannot be read.
    """
    import yaml

    text = read_text(path)
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        too_large = root is not None and _size(root, {}) > _MOST_NODES
        content = None if too_large else yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Damaged(f"{path} is not YAML: {in_words(error)}") from error
    if too_large:
        raise Damaged(f"{path} has over {_MOST_NODES} values when its aliases are written out")
    return content


def _size(node: Any, known: dict[int, int]) -> int:
    """How many values a YAML node has with its aliases written out: a few lines can mean millions.

    Args:
        node: where to count.
        known: the sizes of nodes by their `id`; a node that is inside itself counts as too large.
    """
    if id(node) not in known:
        known[id(node)] = _MOST_NODES + 1
        inside = node.value if isinstance(node.value, list) else []
        parts = [part for pair in inside for part in (pair if isinstance(pair, tuple) else [pair])]
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def _digest(content: dict[str, Any]) -> str:
    """12 bytes in hex, of what JSON was read as."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]
