"""Dataset: labelled images in memory, and how a validation split is carved out of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """Images with their labels."""

    images: NDArray[np.uint8]
    """(N, H, W, C) uint8, C = 1 or 3; may be memory-mapped."""
    labels: NDArray[np.int64]
    """(N,) int64 in [0, number of classes)."""


@dataclass(frozen=True)
class Dataset:
    """A named image-classification problem."""

    name: str
    """What reports call it, such as "cifar10"."""
    classes: tuple[str, ...]
    """The name of each class."""
    train: Split
    """What arms and the validation split are carved from."""
    test: Split
    """Never shown to an agent: test accuracy is reported at the end of an episode only."""
    notes: tuple[str, ...] = ()
    """What was done to it that a reader of results has to know, a line each."""
    part_of: str | None = None
    """Digest of the data set that this is a part of; None where it is a whole one."""

    @cached_property
    def digest(self) -> str:
        """12 hex digits: the same exactly where images, labels, class names and order are.

        A part of a data set has the digest of the whole. CIFAR-10 takes 0.1 s.
        """
        if self.part_of is not None:
            return self.part_of
        return digest_of(
            json.dumps(self.classes),
            *(split.images for split in (self.train, self.test)),
            *(split.labels.astype("<i8") for split in (self.train, self.test)),
        )


def digest_of(*parts: str | NDArray[Any]) -> str:
    """12 hex digits of texts and arrays: of their shapes, types and values."""
    digest = hashlib.sha256()
    for part in parts:
        array = np.frombuffer(part.encode(), np.uint8) if isinstance(part, str) else part
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:12]


def split_validation(
    labels: NDArray[np.int64], num_validation: int | None = None, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Carve a class-balanced validation split out of a training set.

    The split depends on the labels and the seed alone, so every run of a problem shares it.

    Args:
        labels: (N,) int64.
        num_validation: how many samples to carve out; a tenth of them by default.
        seed: decides which.

    Returns:
        train, validation: positions in `labels`, ascending (int64). Each class has its share of
        the validation split, rounded so that the sizes sum to num_validation.

    Raises:
        ValueError: num_validation leaves one of the two empty.
    """
    size = len(labels)
    num_validation = size // 10 if num_validation is None else num_validation
    if not (isinstance(num_validation, Integral) and 0 < num_validation < size):
        raise ValueError(
            f"num_validation is {num_validation}; {size} training samples allow 1 to {size - 1}"
        )
    shuffled = np.random.default_rng(seed).permutation(size)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    # evenly spaced positions of a list sorted by class: each class gets its share
    spaced = (np.arange(num_validation) * size + size // 2) // num_validation
    validation = np.sort(by_class[spaced])
    return np.setdiff1d(np.arange(size), validation), validation
