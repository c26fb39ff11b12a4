"""An image folder: train/<class>/* and test/<class>/*, as torchvision's ImageFolder reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prune_env.data.dataset import Dataset, Split
from prune_env.data.decode import Encoded, decode
from prune_env.data.source import Source, fingerprint

PARTS = ("train", "test")


def image_folder(folder: Path, image_size: int | None) -> Source | None:
    """Find train/ and test/ in a folder; the classes are their subfolders, by alphabet."""
    if not any((folder / part).is_dir() for part in PARTS):
        return None
    for part in PARTS:
        if not (folder / part).is_dir():
            raise FileNotFoundError(f"{folder / part} is missing: expected is {part}/<class>/*")
    files = [file for part in PARTS for file in (folder / part).rglob("*") if file.is_file()]
    key = {"folder": fingerprint(files), "image_size": image_size}
    return Source(folder.resolve().name, key, lambda: _read(folder, image_size))


def _read(folder: Path, image_size: int | None) -> Dataset:
    from torchvision.datasets import ImageFolder

    try:
        train, test = (ImageFolder(str(folder / part)) for part in PARTS)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{folder} is not train/<class>/* and test/<class>/*: {error}"
        ) from error
    if train.classes != test.classes:
        odd = ", ".join(sorted(set(train.classes) ^ set(test.classes)))
        raise ValueError(f"{folder}: train and test must have the same classes, not in both: {odd}")
    images = [[Encoded(path, Path(path)) for path, _ in part.samples] for part in (train, test)]
    train_pixels, test_pixels = decode(images[0], images[1], image_size)
    return Dataset(
        str(folder),
        tuple(train.classes),
        Split(train_pixels, np.array(train.targets, np.int64)),
        Split(test_pixels, np.array(test.targets, np.int64)),
    )
