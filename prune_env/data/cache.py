"""The cache: decoded images as memory-mapped uint8 .npy files.

    $PRUNE_ENV_CACHE/3f2a.../dataset.json        what it was made from, class names, checksums
                             train_images.npy    (N, H, W, C) uint8
                             train_labels.npy    (N,) int64
                             train_files.npy     (N,) text, of an image folder
                             train_rows.npy      (N,) int64, where they lie in what was named
                             test_images.npy, test_labels.npy, test_files.npy, test_rows.npy

A folder is written under a temporary name and renamed when it is complete, so that it is there as a
whole or not at all, whoever is killed and however many processes write at once. Every file carries
a checksum that is verified before it is used; an entry that is not as it was written is moved aside
and built again. What cannot be kept, on a full disk say, is used from memory.
CIFAR-10 from parquet: 9 CPU-seconds to decode, 0.1 to verify and open again (2 cores, no GPU).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from prune_env import files
from prune_env.data.dataset import Dataset, Split
from prune_env.notices import DataNotice, say

VERSION = 3
"""Raised whenever decoding, or the layout of the folder, changes."""

PARTS = ("train", "test")
OPTIONAL = ("files", "rows")
KINDS = ("images", "labels", *OPTIONAL)
"""The fields of a `Split`, of which not every one has the optional ones."""
ABOUT = "dataset.json"
NO_LOCKS = -1
STALE = 3600.0
"""Seconds after which what is being written counts as left behind, where nothing can be locked."""


def cache_folder(cache: str | Path | None = None) -> Path | None:
    """The argument, else $PRUNE_ENV_CACHE, else prune_env in the user's cache folder.

    None for a user without a home, as in some containers.
    """
    if chosen := cache or os.environ.get("PRUNE_ENV_CACHE"):
        return files.expanded(chosen)
    with suppress(FileNotFoundError):
        return files.expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "prune_env"
    return None


def cached(key: dict[str, Any], build: Callable[[], Dataset], cache: Path | None) -> Dataset:
    """Open what was built for this key before, or build it and keep it.

    When build raises, nothing is kept. When it cannot be kept, that is said once.

    Args:
        key: JSON that determines what build returns.
        build: called only if there is no whole entry.
        cache: the folder of all entries, made when first needed; None: nothing is kept.
    """
    if cache is None:
        say(
            "no folder keeps decoded images, each process decodes them: this user has no home; "
            "PRUNE_ENV_CACHE names one",
            DataNotice,
        )
        return build()
    text = json.dumps({"version": VERSION, **key}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    entry = cache / digest[:20]
    _sweep(cache)
    if (found := _open(entry, digest)) is not None:
        return found
    dataset = build()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _writing(cache) as folder:
            _write(folder / "entry", dataset, digest)
            return _put(folder, entry, digest) or dataset
    except OSError as error:
        say(f"{cache} keeps no decoded images, each process decodes them: {error}", DataNotice)
        return dataset


def _put(folder: Path, entry: Path, digest: str) -> Dataset | None:
    """Move a new entry to its place. A whole one that others have put there meanwhile stays."""
    for attempt in range(3):
        with suppress(OSError):  # a folder replaces no folder that holds something
            (folder / "entry").rename(entry)
            break
        if (found := _open(entry, digest)) is not None:
            return found
        with suppress(FileNotFoundError):  # others have just moved it aside
            entry.rename(folder / f"damaged-{attempt}")
    return _open(entry, digest)


def _write(entry: Path, dataset: Dataset, digest: str) -> None:
    checksums: dict[str, str] = {}
    for part in PARTS:
        split = getattr(dataset, part)
        for kind in KINDS:
            if (array := getattr(split, kind)) is None:
                continue
            path = entry / f"{part}_{kind}.npy"
            with files.replacing(path, sealed=True) as temporary, open(temporary, "wb") as file:
                np.save(file, array)
            checksums[path.name] = files.verify(path)
    about: dict[str, Any] = {"key": digest, "files": checksums}
    about |= {name: getattr(dataset, name) for name in ("name", "classes", "notes", "digest")}
    with files.replacing(entry / ABOUT, sealed=True) as temporary:
        temporary.write_text(json.dumps(about), encoding="utf-8")


def _open(entry: Path, digest: str) -> Dataset | None:
    """Open an entry; None if there is none, or none that is as it was written."""

    def array(part: str, kind: str) -> Any:
        path = entry / f"{part}_{kind}.npy"
        if kind in OPTIONAL and path.name not in about["files"]:
            return None
        if files.verify(path) != about["files"][path.name]:
            raise files.Damaged(f"{path} is of another entry")
        return np.load(path, mmap_mode="r" if kind == "images" else None)

    try:
        about = json.loads(files.read_sealed(entry / ABOUT))
        if about["key"] != digest:
            raise files.Damaged(f"{entry} is another entry")
        train, test = (Split(*(array(part, kind) for kind in KINDS)) for part in PARTS)
        classes, notes = tuple(about["classes"]), tuple(about["notes"])
        return Dataset(about["name"], classes, train, test, notes, part_of=about["digest"])
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None


@contextmanager
def _writing(cache: Path) -> Iterator[Path]:
    """A new folder `writing-*` that is locked while this process lives, and removed at the end."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix="writing-", dir=cache))
        lock = _lock(folder)
        if lock is not None and folder.exists():
            break  # otherwise others have swept it before it was locked
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unlock(lock)


def _sweep(cache: Path) -> None:
    """Remove the folders of writers that are dead."""
    for folder in cache.glob("writing-*"):
        lock = _lock(folder)
        with suppress(OSError):
            if lock is not None and (lock != NO_LOCKS or _age(folder) > STALE):
                shutil.rmtree(folder, ignore_errors=True)
        _unlock(lock)


def _age(folder: Path) -> float:
    """Seconds since something in it was last written or renamed."""
    return time.time() - max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))


def _lock(folder: Path) -> int | None:
    """A descriptor that holds a folder; None if another process does, `NO_LOCKS` if none can.

    The system lets go of what a dead process held, also in another container.
    """
    if fcntl is None:
        return NO_LOCKS
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # gone, or somebody else's
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # some network file systems lock no folders
        os.close(handle)
        return None if isinstance(error, BlockingIOError) else NO_LOCKS
    return handle


def _unlock(lock: int | None) -> None:
    if lock is not None and lock != NO_LOCKS:
        os.close(lock)
