"""CIFAR-10 and CIFAR-100 through torchvision, which downloads them and verifies its checksums."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from prune_env.data.dataset import Dataset, Split
from prune_env.data.source import Source
from prune_env.data.tree import fingerprint, scan

CLASSES = {"cifar10": 10, "cifar100": 100}
FOLDERS = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}
"""What the archive unpacks to, known here so that a cached copy needs no torchvision."""
MARKS = {"cifar10": ("batches.meta", "test_batch"), "cifar100": ("meta", "train", "test")}
"""Files by which a folder of another name is known."""


def downloaded(name: str) -> Source:
    """Download CIFAR when it is first read; only the decoded cache stays on disk."""

    def read() -> Dataset:
        with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
            return _read(name, Path(folder) / FOLDERS[name], download=True)

    return Source(name, {"torchvision": name}, read)


def unpacked(folder: Path, preferred: str) -> Source | None:
    """Find CIFAR in a folder in which torchvision, or the user, has unpacked the archive.

    Args:
        folder: that folder, or the one that came out of the archive, whatever it is called.
        preferred: the name to look for first.
    """
    for name in sorted(FOLDERS, key=lambda name: name != preferred):
        inside = folder / FOLDERS[name]
        if not inside.is_dir():
            inside = Path(os.path.abspath(folder))
            marked = all((inside / mark).is_file() for mark in MARKS[name])
            if not marked and inside.resolve().name != FOLDERS[name]:
                continue
        files = fingerprint(str(inside), scan(str(inside), ("",)).files)
        read = partial(_read, name, inside, download=False)
        return Source(name, {"torchvision": name, "files": files}, read)
    return None


def _read(name: str, inside: Path, download: bool) -> Dataset:
    """Have torchvision read, and before that download, what is or will be in a folder."""
    import torchvision.datasets

    reader = {"cifar10": torchvision.datasets.CIFAR10, "cifar100": torchvision.datasets.CIFAR100}
    kind: Any = type(name, (reader[name],), {"base_folder": inside.name})
    folder = inside.parent
    try:
        train = kind(folder, train=True, download=download)
        test = kind(folder, train=False)
    except OSError as error:
        if not download:
            raise
        raise OSError(
            f"{name} could not be downloaded from {kind.url} ({error}); "
            "name a folder that has it with data= or PRUNE_ENV_DATA"
        ) from error
    except RuntimeError as error:  # torchvision names no file
        bad = _damaged(kind, folder) if not download else f"{kind.filename} from {kind.url}"
        raise ValueError(
            f"{bad} is not torchvision's {name}: missing, truncated or changed (MD5 differs)"
        ) from error
    return Dataset(name, tuple(train.classes), _split(train), _split(test))


def _split(part: Any) -> Split:
    return Split(np.ascontiguousarray(part.data), np.array(part.targets, np.int64))


def _damaged(kind: Any, folder: Path) -> Path:
    """Find the first file whose checksum is not torchvision's."""
    from torchvision.datasets.utils import check_integrity

    files = [*kind.train_list, *kind.test_list, (kind.meta["filename"], kind.meta["md5"])]
    paths = [(folder / kind.base_folder / file, md5) for file, md5 in files]
    return next(path for path, md5 in paths if not check_integrity(path, md5))
