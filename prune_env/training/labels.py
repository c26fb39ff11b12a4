"""Labels: the class of every sample of somebody's data set, where that can be read without it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch.utils.data import Subset, TensorDataset

NAMES = ("targets", "labels")
"""Where torchvision's data sets and many others keep them."""
COLUMNS = ("label", "labels")
"""Where HuggingFace's data sets do."""


MOST = 2**20
"""Whole numbers of a data set that are larger, and more than there are samples, are no classes."""


def labels_of(dataset: Any) -> NDArray[np.int64] | None:
    """(N,) int64, or None where the data set does not say, or says something else than classes."""
    if isinstance(dataset, Subset):
        whole = labels_of(dataset.dataset)
        return None if whole is None else whole[np.asarray(dataset.indices)]
    if isinstance(dataset, TensorDataset):
        return as_classes(dataset.tensors[-1], len(dataset))
    for name in NAMES:
        if (found := as_classes(getattr(dataset, name, None), len(dataset))) is not None:
            return found
    for name in COLUMNS:
        if name in (getattr(dataset, "column_names", None) or ()):
            bare = getattr(dataset, "with_format", lambda none: dataset)(None)  # no transform runs
            return as_classes(bare[name], len(dataset))
    return None


def as_classes(values: Any, num_arms: int) -> NDArray[np.int64] | None:
    """Values as classes, (N,) int64 of 0 or more, or None where they are none, or too large."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError):
        return None
    whole = array.shape == (num_arms,) and array.dtype.kind in "iu"
    fits = whole and array.min(initial=0) >= 0 and int(array.max(initial=0)) < 2**63
    return array.astype(np.int64) if fits else None


def find_classes(
    dataset: Any, labels: ArrayLike | None, num_classes: int | None
) -> tuple[NDArray[np.int64] | None, int | None]:
    """The class of each sample and how many classes there are, as far as is known.

    Raises:
        ValueError: the data set is empty, the labels are no classes, or more than there are.
    """
    if len(dataset) == 0:
        raise ValueError("the data set is empty; at least 1 sample is needed")
    known = labels_of(dataset) if labels is None else as_classes(labels, len(dataset))
    if labels is None and known is not None and known.max() >= max(len(dataset), MOST):
        known = None  # prices, times or numbers of something
    if labels is not None and known is None:
        came = np.asarray(labels)
        raise ValueError(
            f"labels are {came.dtype} of shape {came.shape}; expected ({len(dataset)},) integers, "
            "0 or more, below 2**63"
        )
    needed = None if known is None else int(known.max()) + 1
    if num_classes is not None and num_classes < (needed or 1):
        raise ValueError(f"num_classes is {num_classes}; allowed is {needed or 1} or more")
    return known, needed if num_classes is None else num_classes
