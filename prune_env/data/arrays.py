"""Datasets that are arrays already: in memory, in an .npz file, the digits of scikit-learn."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prune_env.data import npz
from prune_env.data.balance import balanced
from prune_env.data.dataset import Dataset, Split
from prune_env.data.labels import matched, read_labels
from prune_env.text import number

KEYS = ("train_images", "train_labels", "test_images", "test_labels")


def from_arrays(arrays: Mapping[str, ArrayLike] | Sequence[ArrayLike], name: str) -> Dataset:
    """Make a dataset of four arrays.

    Args:
        arrays: train_images, train_labels, test_images, test_labels: by these names, or in
            this order. Images are (N, H, W, C) or (N, H, W) uint8, labels (N,) integers from 0 or
            text; the classes are those of the training labels.
        name: what reports and errors call it.

    Raises:
        ValueError: which array is wrong, what came and what is allowed.
    """
    if not isinstance(arrays, Mapping):
        if len(arrays) != len(KEYS):
            came = number(len(arrays), "array")
            raise ValueError(f"{name}: {came} came, expected {', '.join(KEYS)}")
        arrays = dict(zip(KEYS, arrays, strict=True))
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        came = ", ".join(arrays) or "nothing"
        raise ValueError(f"{name}: {', '.join(missing)} missing, came: {came}")
    pixels, labels = {}, {}
    for part in ("train", "test"):
        where = f"{name}: {part}"
        images, values = (np.asarray(arrays[f"{part}_{kind}"]) for kind in ("images", "labels"))
        pixels[part] = images[..., np.newaxis] if images.ndim == 3 else images
        _check_images(pixels[part], values, where)
        labels[part] = read_labels(values, None, f"{where}_labels")
    classes, train, test = matched(labels["train"], labels["test"], name)
    return Dataset(name, classes, Split(pixels["train"], train), Split(pixels["test"], test))


def from_npz(file: Path) -> Dataset:
    """Read the four arrays of `from_arrays` from an .npz file; pickled objects are refused."""
    return from_arrays(npz.read(file, KEYS), str(file))


def digits() -> Dataset:
    """1,797 handwritten digits, (N, 8, 8, 1), that scikit-learn ships: no download.

    360 of them, 36 of each class, are the test split, always the same ones. scikit-learn's file is
    read without importing scikit-learn, which takes 1.1 s.
    """
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise ImportError("the digits need: pip install scikit-learn")
    file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    table = np.loadtxt(file, np.int64, delimiter=",")  # (N, 65): pixels from 0 to 16, the label
    grey = np.rint(table[:, :-1].reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    labels = table[:, -1].copy()
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
        if dataset.kind == "images":
            _check_images(split.images, split.labels, f"{dataset.name}: {part}")
        _check_split(split.images, split.labels, len(dataset.classes), f"{dataset.name}: {part}")
    train, test = dataset.train.images.shape[1:], dataset.test.images.shape[1:]
    if train != test:
        raise ValueError(f"{dataset.name}: train images are {train}, test images {test}")
    if len(dataset.classes) < 2:
        raise ValueError(f"{dataset.name}: {len(dataset.classes)} class, at least 2 are needed")
    return dataset


def _check_split(images: NDArray[Any], labels: NDArray[Any], classes: int, where: str) -> None:
    if labels.dtype != np.int64:
        raise ValueError(f"{where}_labels is {labels.dtype}, allowed is int64")
    if labels.shape != images.shape[:1] or images.size == 0:
        raise ValueError(f"{where}_labels has shape {labels.shape}, inputs {images.shape}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"{where}_labels holds {labels.min()} to {labels.max()}, allowed is 0 to {classes - 1}"
        )


def _check_images(images: NDArray[Any], labels: NDArray[Any], where: str) -> None:
    if images.dtype != np.uint8:
        raise ValueError(f"{where}_images is {images.dtype}, allowed is uint8 (0 to 255)")
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            f"{where}_images has shape {images.shape}, "
            "allowed are (N, H, W), (N, H, W, 1) and (N, H, W, 3)"
        )
    if labels.shape != images.shape[:1]:
        raise ValueError(f"{where}_labels has shape {labels.shape}, images {images.shape}")
    if images.size == 0:
        raise ValueError(f"{where}_images is empty: shape {images.shape}")
