"""Dataset: labelled images in memory, and how a validation split is carved out of them."""

from __future__ import annotations

from dataclasses import dataclass

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
