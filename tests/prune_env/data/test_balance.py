"""The digits, and fewer images of each class."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits

from prune_env.data import limited, load
from prune_env.data.balance import balanced
from prune_env.data.dataset import split_validation
from prune_env.notices import DataNotice, Notice


def test_digits():
    dataset = load("digits")
    assert dataset.train.images.shape == (1437, 8, 8, 1)
    assert dataset.test.images.shape == (360, 8, 8, 1)
    assert (dataset.train.images.min(), dataset.train.images.max()) == (0, 255)
    assert np.bincount(dataset.test.labels).tolist() == [36] * 10
    assert dataset.classes == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    np.testing.assert_array_equal(dataset.test.images, load("digits").test.images)


def test_digits_are_those_of_scikit_learn_and_do_not_import_it():
    code = "import sys; from prune_env.data import load; load('digits')"
    code += "; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    images, labels = load_digits(return_X_y=True)
    ours = load("digits")
    pixels = np.concatenate([ours.train.images, ours.test.images]).reshape(-1, 64)
    expected = np.rint(images * (255 / 16)).astype(np.uint8)
    both = np.concatenate([ours.train.labels, ours.test.labels])
    assert sorted(map(bytes, np.column_stack([pixels, both.astype(np.uint8)]))) == sorted(
        map(bytes, np.column_stack([expected, labels.astype(np.uint8)]))
    )


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
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        dataset = limited(load("digits"), limit)
    cut = f"limit={limit} cuts the test split of digits too: {limit} of 360 images"
    assert [str(warning.message) for warning in said] == ([cut] if (limit or 360) < 360 else [])
    assert dataset.notes == tuple(str(warning.message) for warning in said)
    assert np.bincount(dataset.train.labels).tolist() == train
    assert np.bincount(dataset.test.labels).tolist() == test
    again = limited(load("digits"), limit)
    np.testing.assert_array_equal(dataset.train.images, again.train.images)


def test_a_limit_above_what_there_is_is_said():
    """Else a study of 100,000 arms would be one of 1,437."""
    said = "limit is 100,000, but digits has 1,437 training samples; all are taken"
    with pytest.warns(DataNotice, match=said):
        dataset = limited(load("digits"), 100_000)
    assert (len(dataset.train.labels), dataset.notes) == (1437, ())


def test_limit_below_the_number_of_classes():
    with pytest.raises(ValueError, match="limit is 9; digits has 10 classes"):
        limited(load("digits"), 9)


@pytest.mark.parametrize(
    ("sizes", "num_validation", "arms", "validation"),
    [
        ([50, 30, 20], 20, [40, 24, 16], [10, 6, 4]),
        ([10, 1, 10], 2, [9, 1, 9], [1, 0, 1]),  # who has one sample keeps it
        ([30, 2, 30], 3, [29, 1, 29], [1, 1, 1]),  # who has two gives one
        ([95, 3, 2], None, [87, 2, 1], [8, 1, 1]),
        ([2, 2, 1, 1, 1], 2, [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]),
        ([3, 1, 1, 1, 1, 1, 1, 1], None, [2] + [1] * 7, [1] + [0] * 7),
        ([4, 0, 4], 2, [3, 0, 3], [1, 0, 1]),
    ],
)
def test_validation_leaves_every_class_an_arm(sizes, num_validation, arms, validation):
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(sizes)), sizes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        found = split_validation(labels, num_validation)
    counts = [np.bincount(labels[kept], minlength=len(sizes)).tolist() for kept in found]
    assert counts == [arms, validation]
    assert sorted([*found[0], *found[1]]) == list(range(len(labels)))


def test_the_usual_validation_split_is_what_it_has_always_been():
    """Committed runs rest on it."""
    _, validation = split_validation(load("digits").train.labels)
    assert validation[:8].tolist() == [2, 4, 7, 13, 19, 31, 32, 38]
    assert len(validation) == 143


@pytest.mark.parametrize(
    ("sizes", "num_validation", "message"),
    [
        ([1, 1, 1], 1, "1 of 3 classes have no arm: 3 training samples are divided into 2 arms"),
        ([9, 9, 9], 2, "1 of 3 classes have no validation sample: .*25 arms and 2 for validation"),
    ],
)
def test_a_class_that_is_lost_is_said(sizes, num_validation, message):
    with pytest.warns(Notice, match=message):
        split_validation(np.repeat([0, 1, 2], sizes), num_validation)
