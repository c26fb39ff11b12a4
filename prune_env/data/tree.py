"""Files of a folder: one walk, which whoever reads and whoever fingerprints them share.

Links are followed. No folder is entered twice, so loops end; hidden entries are passed over, and so
is what is no file (FIFOs, sockets, devices): opening one could wait for ever.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

JUNK = (
    "__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir", "lost+found", "$RECYCLE.BIN", "__pycache__",
)  # fmt: skip
"""What systems leave in folders, beside names that begin with a dot."""


class File(NamedTuple):
    """A file, and what tells whether it is still the same one."""

    path: str
    size: int
    modified: int
    changed: int
    inode: int


@dataclass
class Found:
    """What a folder holds, by name."""

    files: list[File] = field(default_factory=list)
    """Those with one of the endings that were asked for; links that lead nowhere too."""
    folders: dict[str, str] = field(default_factory=dict)
    """Name -> path of the folders in it."""
    others: list[str] = field(default_factory=list)
    """Paths of what is neither."""


def scan(folder: str, endings: tuple[str, ...], deep: bool = False) -> Found:
    """Look into a folder, or through all of it, by alphabet.

    Args:
        folder: where.
        endings: of the names of the files wanted, in lower case.
        deep: look into its folders too; their files follow, and `folders` is empty then.
    """
    found = Found()
    here = {Path(os.path.abspath(folder)), Path(os.path.realpath(folder))}
    entered = {_identity(path) for start in here for path in (start, *start.parents)}
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            visible = [entry for entry in entries if _is_visible(entry.name)]
        folders = {}
        for entry in sorted(visible, key=_name):
            if entry.name.lower().endswith(endings) and (file := _file(entry)) is not None:
                found.files.append(file)
            elif not _is_folder(entry):
                found.others.append(entry.path)
            elif (identity := _identity(entry.path)) not in entered:
                if deep:
                    entered.add(identity)
                folders[_name(entry)] = entry.path
        if not deep:
            found.folders = folders
            break
        waiting += reversed(folders.values())
    return found


def _name(entry: os.DirEntry[str]) -> str:
    """The name of an entry as UTF-8 has it, whatever the locale decodes names by."""
    return os.fsencode(entry.name).decode("utf-8", "surrogateescape")


def _is_visible(name: str) -> bool:
    return name[0] != "." and name not in JUNK


def _file(entry: os.DirEntry[str]) -> File | None:
    """A file, or a link that leads nowhere, which whoever reads it names; None for all else."""
    try:
        status = entry.stat()
    except OSError:
        status = entry.stat(follow_symlinks=False)
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
        return None
    times = status.st_mtime_ns, status.st_ctime_ns
    return File(entry.path, status.st_size, *times, status.st_ino)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _identity(path: str | Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def fingerprint(folder: str, files: Iterable[File]) -> list[str]:
    """Identify files without reading them: where they are, sizes, times, inodes.

    Args:
        folder: the files are in it; links in its own path are resolved, those below are not.
        files: as `scan` found them.
    """
    start = len(folder)
    lines = [f"{path[start:]}\0{numbers}" for path, *numbers in files]
    digest = hashlib.sha256("\n".join(lines).encode(errors="surrogateescape"))
    return [os.path.realpath(folder), digest.hexdigest()]


def holds(folder: str, endings: tuple[str, ...]) -> bool:
    """Whether a folder itself has such a file, by its name alone."""
    with os.scandir(folder) as entries:
        return any(_is_visible(e.name) and e.name.lower().endswith(endings) for e in entries)
