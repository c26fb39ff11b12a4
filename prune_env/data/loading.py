"""`load`: find out what kind of data a user has named, read it, check it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from numpy.typing import ArrayLike

from prune_env.checks import In, check_argument
from prune_env.data import cifar, parquet
from prune_env.data.arrays import checked, digits, from_arrays, from_npz
from prune_env.data.cache import cache_folder, cached
from prune_env.data.dataset import Dataset
from prune_env.data.folder import image_folder
from prune_env.data.source import Reading, Source
from prune_env.files import expanded
from prune_env.notices import DataNotice, say

NAMES = ("digits", "cifar10", "cifar100", "images")

EXPECTED = (
    "expected is one of: train-*.parquet and test-*.parquet, as the HuggingFace hub has them; "
    "train/<class>/* beside test/<class>/* or val/<class>/*; <class>/* alone, a fifth of "
    "which is then the test split; cifar-10-batches-py or cifar-100-python, as torchvision unpacks "
    "them; a file .npz with train_images, train_labels, test_images, test_labels"
)

Data = str | os.PathLike[str] | Dataset | Mapping[str, ArrayLike] | Sequence[ArrayLike]
"""What a user may name: a file, a folder, a dataset on the hub, arrays in memory."""


def load(
    name: str,
    data: Data | None = None,
    *,
    image_size: int | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    skip_broken: bool = False,
    cache: str | Path | None = None,
) -> Dataset:
    """Load labelled images, decoded: from the cache if they have been loaded before.

    ==================  ================================================================
    name                what comes
    ==================  ================================================================
    ``"digits"``        (N, 8, 8, 1), 10 classes; scikit-learn ships them
    ``"cifar10"``       (N, 32, 32, 3), 10 classes; without data, downloaded once
    ``"cifar100"``      (N, 32, 32, 3), 100 classes; without data, downloaded once
    ``"images"``        whatever data holds
    ==================  ================================================================

    >>> load("digits").train.images.shape
    (1437, 8, 8, 1)

    Args:
        name: one of the above. What data holds must be what the name says.
        data: a folder of parquet files, an image folder, a folder in which torchvision has
            unpacked CIFAR, a folder with one of these called cifar10 or cifar100, an .npz file,
            "owner/name" on the HuggingFace hub, a Dataset, or the four arrays of
            `prune_env.data.arrays.from_arrays`.
        image_size: resize encoded images to a square of so many pixels.
        image_column: the column of images of parquet files, where that is not clear.
        label_column: that of the labels.
        skip_broken: go on without images that cannot be decoded, and say how many they are.
        cache: folder of decoded images; see `prune_env.data.cache.cache_folder`.

    Returns:
        A Dataset whose images may be memory-mapped and read-only. Its classes are those that have
        training images; train and test are matched by the names of classes.

    Warns:
        Notice: what `Dataset.notes` says, such as how a folder without splits was divided.

    Raises:
        ValueError: data is damaged, empty, or not what the name says; names the file.
        FileNotFoundError: there is nothing at that path.
        ImportError: the data needs an extra that is not installed.
        OSError: CIFAR could not be downloaded.
    """
    if name not in NAMES:
        raise ValueError(f"name is {name!r}, allowed are {', '.join(NAMES)}")
    if image_size is not None:
        check_argument("image_size", image_size, Annotated[int, In("[1, inf)")])
        image_size = int(image_size)
    reading = Reading(image_size, image_column, label_column, skip_broken)
    source = _find(name, data, reading)
    if (image_column or label_column) and not source.has_columns:
        raise ValueError(
            f"{source.name} has no columns; image_column and label_column are parquet's"
        )

    def read() -> Dataset:
        return _expected(name, checked(source.read()), image_size)

    if source.key is None:
        dataset = read()
    else:
        dataset = _expected(name, cached(source.key, read, cache_folder(cache)), image_size)
    notes = (*source.notes, *dataset.notes)
    for note in notes:
        say(note, DataNotice)
    return replace(dataset, name=name if name in cifar.CLASSES else source.name, notes=notes)


def _find(name: str, data: Data | None, reading: Reading) -> Source:
    if name == "digits":
        if data is not None:
            raise ValueError(
                f"data is {data!r}, and the environment has the digits of scikit-learn; other data "
                "take prune_env/Images-v0 or Arrays-v0 (--env)"
            )
        return Source("digits", None, digits)
    if data is None:
        if name == "images":
            raise ValueError(f"images need data (--data): a path, a hub name or arrays; {EXPECTED}")
        return cifar.downloaded(name)
    if isinstance(data, Dataset):
        return Source(data.name, None, lambda: data)
    if isinstance(data, str | os.PathLike):
        return _find_place(name, os.fspath(data), reading)
    if isinstance(data, Mapping | Sequence):
        return Source("arrays", None, lambda: from_arrays(data, "arrays"))
    raise TypeError(f"data is a {type(data).__name__}; {EXPECTED}, or the same arrays in memory")


def _find_place(name: str, place: str, reading: Reading) -> Source:
    path = expanded(place)
    if path.suffix == ".npz" and path.is_file():
        return Source(path.stem, None, lambda: from_npz(path))
    if path.suffix == ".parquet" and path.is_file():
        raise ValueError(f"{path} is one file of a dataset; name its folder, {path.parent}")
    if path.is_file():
        raise ValueError(f"{path} is not a dataset; {EXPECTED}")
    if path.is_dir():
        return _find_in_folder(name, path, reading)
    if path.exists():
        raise ValueError(f"{path} is neither a file nor a folder; {EXPECTED}")
    if re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", place) and path.suffix != ".npz":
        return parquet.on_hub(place, reading)
    raise FileNotFoundError(f"{path} does not exist; {EXPECTED}")


def _find_in_folder(name: str, folder: Path, reading: Reading) -> Source:
    if name in cifar.CLASSES and (folder / name).is_dir():
        folder = folder / name  # one folder may hold the data sets of a whole board
    source = (
        cifar.unpacked(folder, name)
        or parquet.in_folder(folder, reading)
        or image_folder(folder, reading)
    )
    if source is None:
        found = ", ".join(sorted(file.name for file in folder.iterdir())[:5]) or "nothing"
        raise ValueError(f"{folder} is not a dataset, it holds {found}; {EXPECTED}")
    return source


def _expected(name: str, dataset: Dataset, image_size: int | None) -> Dataset:
    """Return the dataset if it is what its name says and of the size that was asked for."""
    shape, classes = dataset.train.images.shape[1:], len(dataset.classes)
    if image_size and shape[:2] != (image_size, image_size):
        raise ValueError(
            f"image_size is {image_size}, but {dataset.name} is {shape}: arrays are not resized, "
            "so leave it out, or say None"
        )
    expected = (image_size or 32, image_size or 32, 3)
    if name in cifar.CLASSES and (shape, classes) != (expected, cifar.CLASSES[name]):
        raise ValueError(
            f"{dataset.name} has {classes} classes of images {shape}, "
            f"{name} has {cifar.CLASSES[name]} classes of images {expected}"
        )
    return dataset
