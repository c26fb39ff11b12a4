"""Datasets that are arrays already: in memory, in an .npz file, the digits of scikit-learn."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prune_env.data.balance import balanced
from prune_env.data.dataset import Dataset, Split

KEYS = ("train_images", "train_labels", "test_images", "test_labels")


def from_arrays(arrays: Mapping[str, ArrayLike] | Sequence[ArrayLike], name: str) -> Dataset:
    """Make a dataset of four arrays.

    Args:
        arrays: train_images, train_labels, test_images, test_labels: by these names, or in
            this order. Images are (N, H, W, C) or (N, H, W) uint8, labels (N,) integers; the
            classes are 0 to the largest training label.
        name: what reports and errors call it.

    Raises:
        ValueError: which array is wrong, what came and what is allowed.
    """
    if not isinstance(arrays, Mapping):
        if len(arrays) != len(KEYS):
            raise ValueError(f"{name}: {len(arrays)} arrays came, expected {', '.join(KEYS)}")
        arrays = dict(zip(KEYS, arrays, strict=True))
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        came = ", ".join(arrays) or "nothing"
        raise ValueError(f"{name}: {', '.join(missing)} missing, came: {came}")
    train = _split(arrays["train_images"], arrays["train_labels"], f"{name}: train")
    test = _split(arrays["test_images"], arrays["test_labels"], f"{name}: test")
    classes = tuple(str(label) for label in range(int(train.labels.max(initial=-1)) + 1))
    return Dataset(name, classes, train, test)


def _split(images: ArrayLike, labels: ArrayLike, where: str) -> Split:
    images, labels = np.asarray(images), np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{where}_labels is {labels.dtype}, allowed are integers")
    if images.ndim == 3:
        images = images[..., np.newaxis]
    return Split(images, labels.astype(np.int64, copy=False))


def from_npz(file: Path) -> Dataset:
    """Read the four arrays of `from_arrays` from an .npz file; pickled objects are refused."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            read = {key: arrays[key] for key in arrays.files}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, TypeError) as error:
        raise ValueError(
            f"{file} is not a whole .npz file with the arrays {', '.join(KEYS)}: {error}"
        ) from error
    return from_arrays(read, str(file))


def digits() -> Dataset:
    """1,797 handwritten digits, (N, 8, 8, 1), that scikit-learn ships: no download.

    360 of them, 36 of each class, are the test split, always the same ones.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    grey = np.rint(images.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    labels = labels.astype(np.int64)
    test = balanced(labels, 360, np.random.default_rng(0))
    train = np.setdiff1d(np.arange(len(labels)), test)
    return Dataset(
        "digits",
        tuple("0123456789"),
        Split(grey[train], labels[train]),
        Split(grey[test], labels[test]),
    )


def checked(dataset: Dataset) -> Dataset:
    """Return the dataset if shapes, dtypes and labels are what `Dataset` says.

    Raises:
        ValueError: which array is wrong, what came and what is allowed.
    """
    for part, split in (("train", dataset.train), ("test", dataset.test)):
        _check_split(split.images, split.labels, len(dataset.classes), f"{dataset.name}: {part}")
    train, test = dataset.train.images.shape[1:], dataset.test.images.shape[1:]
    if train != test:
        raise ValueError(f"{dataset.name}: train images are {train}, test images {test}")
    if len(dataset.classes) < 2:
        raise ValueError(f"{dataset.name}: {len(dataset.classes)} class, at least 2 are needed")
    return dataset


def _check_split(images: NDArray[Any], labels: NDArray[Any], classes: int, where: str) -> None:
    if images.dtype != np.uint8:
        raise ValueError(f"{where}_images is {images.dtype}, allowed is uint8 (0 to 255)")
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            f"{where}_images has shape {images.shape}, "
            "allowed are (N, H, W), (N, H, W, 1) and (N, H, W, 3)"
        )
    if labels.dtype != np.int64:
        raise ValueError(f"{where}_labels is {labels.dtype}, allowed is int64")
    if labels.shape != images.shape[:1]:
        raise ValueError(f"{where}_labels has shape {labels.shape}, images {images.shape}")
    if images.size == 0:
        raise ValueError(f"{where}_images is empty: shape {images.shape}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"{where}_labels holds {labels.min()} to {labels.max()}, allowed is 0 to {classes - 1}"
        )
