"""Class-balanced choices: the same number of every class, as far as there are that many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from prune_env.checks import check_argument
from prune_env.data.dataset import Dataset, Split
from prune_env.notices import DataNotice, say


def balanced(labels: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose `count` samples at random, as many of one class as of another.

    A class that runs out is made up for by the others.

    Args:
        labels: (N,) int64.
        count: how many to choose, at most N.
        rng: the only source of chance.

    Returns:
        (count,) int64, ascending indices into labels.

    >>> balanced(np.array([0, 0, 0, 0, 1, 1]), 4, np.random.default_rng(0)).tolist()
    [2, 3, 4, 5]
    """
    by_class, turn = shuffled_by_class(labels, rng)
    # the first of every class are chosen before the second of any
    return np.sort(by_class[np.argsort(turn, kind="stable")[:count]])


def shuffled_by_class(
    labels: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Shuffle samples within their classes.

    Returns:
        by_class: (N,) int64, positions in labels, class by class.
        turn: (N,) int64, how many of its own class stand before each of them.
    """
    order = rng.permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    sizes = np.bincount(labels)
    return by_class, np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def limited(dataset: Dataset, limit: int | None) -> Dataset:
    """Keep `limit` training samples and at most `limit` test samples, for a quick try.

    Always the same ones, class-balanced. None, or more than there are, keeps them all. That the
    test split was cut is said and noted.

    Raises:
        ValueError: if the limit does not leave one sample for every class.
    """
    if limit is None:
        return dataset
    check_argument("limit", limit, int)
    if limit < len(dataset.classes):
        raise ValueError(
            f"limit is {limit}; {dataset.name} has {len(dataset.classes)} classes, "
            "and at least one sample of each is needed"
        )

    def few(split: Split) -> Split:
        if limit >= len(split.labels):
            return split
        kept = balanced(split.labels, limit, np.random.default_rng(0))
        return split.part(kept)

    train, test, notes = few(dataset.train), few(dataset.test), dataset.notes
    if limit > len(train.labels):
        found = f"{dataset.name} has {len(train.labels):,} training samples"
        say(f"limit is {limit:,}, but {found}; all are taken", DataNotice)
    if test is not dataset.test:
        note = f"limit={limit} cuts the test split of {dataset.name} too: {limit:,} of "
        what = "images" if dataset.kind == "images" else "samples"
        notes = (*notes, f"{note}{len(dataset.test.labels):,} {what}")
        say(notes[-1], DataNotice)
    return replace(dataset, train=train, test=test, notes=notes, part_of=dataset.digest)
