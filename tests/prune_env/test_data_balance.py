"""The digits, and fewer images of each class."""

from __future__ import annotations

import numpy as np
import pytest

from prune_env.data import limited, load
from prune_env.data.balance import balanced


def test_digits():
    dataset = load("digits")
    assert dataset.train.images.shape == (1437, 8, 8, 1)
    assert dataset.test.images.shape == (360, 8, 8, 1)
    assert (dataset.train.images.min(), dataset.train.images.max()) == (0, 255)
    assert np.bincount(dataset.test.labels).tolist() == [36] * 10
    assert dataset.classes == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    np.testing.assert_array_equal(dataset.test.images, load("digits").test.images)


@pytest.mark.parametrize(
    ("sizes", "count", "chosen"),
    [
        ([4, 4], 4, [2, 2]),
        ([4, 4], 5, [3, 2]),
        ([9, 1, 3], 7, [3, 1, 3]),
        ([9, 0, 3], 2, [1, 0, 1]),
        ([2, 3], 5, [2, 3]),
        ([2, 3], 0, [0, 0]),
    ],
)
def test_balanced(sizes: list[int], count: int, chosen: list[int]):
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(sizes)), sizes))
    indices = balanced(labels, count, np.random.default_rng(2))
    assert np.bincount(labels[indices], minlength=len(sizes)).tolist() == chosen
    assert indices.tolist() == sorted(set(indices.tolist()))


@pytest.mark.parametrize(
    ("limit", "train", "test"),
    [
        (10, [1] * 10, [1] * 10),
        (200, [20] * 10, [20] * 10),
        (365, [37] * 5 + [36] * 5, [36] * 10),
        (None, [142, 146, 141, 147, 145, 146, 145, 143, 138, 144], [36] * 10),
    ],
)
def test_limited(limit: int | None, train: list[int], test: list[int]):
    dataset = limited(load("digits"), limit)
    assert np.bincount(dataset.train.labels).tolist() == train
    assert np.bincount(dataset.test.labels).tolist() == test
    again = limited(load("digits"), limit)
    np.testing.assert_array_equal(dataset.train.images, again.train.images)


def test_limit_below_the_number_of_classes():
    with pytest.raises(ValueError, match="limit is 9; digits has 10 classes"):
        limited(load("digits"), 9)
