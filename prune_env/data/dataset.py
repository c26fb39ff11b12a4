"""Dataset: labelled images in memory, and how a validation split is carved out of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from prune_env.notices import DataNotice, say


@dataclass(frozen=True)
class Split:
    """Images with their labels."""

    images: NDArray[np.uint8]
    """(N, H, W, C) uint8, C = 1 or 3; may be memory-mapped. Other inputs: see `Dataset.kind`."""
    labels: NDArray[np.int64]
    """(N,) int64 in [0, number of classes)."""
    files: NDArray[np.str_] | None = None
    """(N,) of an image folder: the path of each image in it."""
    rows: NDArray[np.int64] | None = None
    """(N,) int64: where each lies in what the user named, of which this is a part; None: it is all
    of it, in order."""

    def part(self, rows: NDArray[Any]) -> Split:
        """Some of the images: positions (n,) int64."""
        files = None if self.files is None else self.files[rows]
        named = rows if self.rows is None else self.rows[rows]
        return Split(self.images[rows], self.labels[rows], files, named)


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
    """Digest of the data set that this is a part of, or a copy; None has it worked out."""
    kind: Literal["images", "arrays"] = "images"
    """What its inputs are: images, or arrays (N, ...) float32, uint8 or int64 tokens."""

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
        num_validation: how many samples to carve out; 0: none; None: a tenth of them, or fewer
            where that would leave a class without any.
        seed: decides which.

    Returns:
        train, validation: positions in `labels`, ascending (int64); see `carve`.

    Raises:
        ValueError: num_validation leaves no sample to train on.
    """
    size = len(labels)
    if num_validation is None:
        spare = size - len(np.unique(labels))
        num_validation = max(1, min(size // 10, spare))
    if not (isinstance(num_validation, Integral) and 0 <= num_validation < size):
        raise ValueError(
            f"num_validation is {num_validation}; {size} training samples allow 0 to {size - 1}"
        )
    if num_validation == 0:
        return np.arange(size), np.arange(0)
    arms, validation = carve(labels, int(num_validation), seed)
    classes = len(np.unique(labels))
    for split, kept in (("arm", arms), ("validation sample", validation)):
        if lost := classes - len(np.unique(labels[kept])):
            say(
                f"{lost:,} of {classes:,} classes have no {split}: {size:,} training samples are "
                f"divided into {len(arms):,} arms and {len(validation):,} for validation",
                DataNotice,
            )
    return arms, validation


def carve(
    labels: NDArray[np.int64], count: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Carve so many samples out, of each class its share.

    Shares are rounded so that they sum to `count`. As far as there are samples, every class keeps
    one, and every class that has two gives one.

    Args:
        labels: (N,) int64.
        count: 1 to N - 1.
        seed: decides which.

    Returns:
        rest, carved: positions in `labels`, ascending (int64).
    """
    size = len(labels)
    shuffled = np.random.default_rng(seed).permutation(size)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    # evenly spaced positions of a list sorted by class: each class gets its share
    carved = by_class[(np.arange(count) * size + size // 2) // count]
    sizes = np.bincount(labels)
    shares = np.bincount(labels[carved], minlength=len(sizes))
    mended = _mended(shares, sizes)
    if (mended != shares).any():
        starts = np.cumsum(sizes) - sizes
        places = zip(starts, mended, strict=True)
        carved = np.concatenate([by_class[start : start + share] for start, share in places])
    return np.setdiff1d(np.arange(size), carved), np.sort(carved)


def carve_test(
    name: str, labels: NDArray[np.int64], what: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], str]:
    """Carve out a fifth, always the same one, for the test split that the data lacks.

    Args:
        name: of the data.
        labels: (N,) int64.
        what: its samples are called: "images".

    Returns:
        rest, carved: as `carve`; and what has to be said of it.
    """
    rest, carved = carve(labels, max(1, len(labels) // 5), seed=0)
    note = (
        f"{name} has no test split: {len(carved):,} of its {len(labels):,} {what}, "
        "a fifth of each class, were drawn for it, always the same ones"
    )
    return rest, carved, note


def _mended(shares: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Shares of the same sum, as near as may be: 1 to size - 1 of each class where that can be."""
    count = shares.sum()
    most = np.maximum(sizes - 1, 0)
    least = np.minimum(most, 1)
    most = most if most.sum() >= count else sizes
    least = least if least.sum() <= count else np.zeros_like(sizes)
    shares = np.clip(shares, least, most)
    while shares.sum() > count:
        shares[np.argmax(np.where(shares > least, shares, -1))] -= 1
    while shares.sum() < count:
        shares[np.argmax(most - shares)] += 1
    return shares
