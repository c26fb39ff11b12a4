"""Drawing arms: exact counts, and frequencies against chances worked out by hand."""

import numpy as np
import pytest
from prune_agents.tools.sampling import inclusion, logistic, systematic, weighted_k

from prune_env.core.moving_averages import UNSEEN
from prune_env.core.selection import best_k, random_k

I = UNSEEN  # noqa: E741, so that the rows below line up
MANY = 4000
"""Rows drawn at once; the deviation of a frequency is below 0.008."""


def row(*values):
    return np.array([values], np.float32)


@pytest.mark.parametrize(
    ("scores", "k", "expected"),
    [
        ([3, 1, 2, 0], 2, [1, 0, 1, 0]),
        ([3, 1, 2, 0], 0, [0, 0, 0, 0]),
        ([3, 1, 2, 0], 4, [1, 1, 1, 1]),
        ([I, 9, I, 1], 3, [1, 1, 1, 0]),
        ([-1, -3, -2, -4], 1, [1, 0, 0, 0]),
    ],
)
def test_best_k(scores, k, expected, rng):
    assert best_k(row(*scores), k, rng).astype(int).tolist() == [expected]


def test_best_k_draws_among_equal_scores(rng):
    """One place is left for the three arms of score 1: each gets it a third of the time."""
    counts = best_k(np.tile(row(1, 5, 1, 0, 1), (3000, 1)), 2, rng).sum(axis=0)
    assert counts[[1, 3]].tolist() == [3000, 0]
    np.testing.assert_allclose(counts[[0, 2, 4]], 1000, atol=100)


def test_best_k_takes_another_number_in_each_row(rng):
    scores = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 1.0, 1.0]])
    mask = best_k(scores, np.array([1, 2, 0]), rng)
    assert mask.astype(int).tolist() == [[0, 0, 1], [1, 1, 0], [0, 0, 0]]


def test_random_part(rng):
    allowed = np.tile([True, False, True, True], (MANY, 1))
    mask = random_k(allowed, np.full(MANY, 2), rng)
    assert (mask.sum(axis=1) == 2).all()
    np.testing.assert_allclose(mask.mean(axis=0), [2 / 3, 0, 2 / 3, 2 / 3], atol=0.03)


def test_weighted_k_is_a_draw_without_replacement(rng):
    """Weights 1, 2, 3; two of three. P(i is left out) = sum over both orders of the other two.

    left out 0: 2/6 * 3/4 + 3/6 * 2/3 = 0.5833
    left out 1: 1/6 * 3/5 + 3/6 * 1/3 = 0.2667
    left out 2: 1/6 * 2/5 + 2/6 * 1/4 = 0.1500
    """
    log_weight = np.tile(np.log([1.0, 2.0, 3.0]), (MANY, 1))
    kept = weighted_k(log_weight, 2, rng)
    assert (kept.sum(axis=1) == 2).all()
    np.testing.assert_allclose(1 - kept.mean(axis=0), [0.5833, 0.2667, 0.15], atol=0.03)


@pytest.mark.parametrize(
    ("weight", "total", "expected"),
    [
        ([1, 1, 1, 1], 2, [0.5, 0.5, 0.5, 0.5]),
        ([8, 1, 1], 2, [1, 0.5, 0.5]),  # 2 * 8 / 10 exceeds 1: capped, the others share 1
        ([8, 5, 1, 1], 2.5, [1, 1, 0.25, 0.25]),  # capping 8 pushes 5 over 1 as well
        ([1, 2, 3, 4], 1, [0.1, 0.2, 0.3, 0.4]),
        ([5, 1, 7], 3, [1, 1, 1]),
        ([5, 1, 7], 0.5, [5 / 26, 1 / 26, 7 / 26]),
    ],
)
def test_inclusion(weight, total, expected):
    np.testing.assert_allclose(inclusion(row(*weight), total), [expected], rtol=1e-6)


@pytest.mark.parametrize(
    ("odds", "total", "expected"),
    [
        ([1, 1, 1, 1], 1, [1 / 4, 1 / 4, 1 / 4, 1 / 4]),
        ([9, 1 / 9, 1], 1.5, [9 / 10, 1 / 10, 1 / 2]),  # nothing to shift
        ([18, 2 / 9, 2], 1.5, [9 / 10, 1 / 10, 1 / 2]),  # odds are halved
        ([1, 1, 5], 3, [1, 1, 1]),
    ],
)
def test_logistic(odds, total, expected):
    np.testing.assert_allclose(logistic(np.log(row(*odds)), total), [expected], rtol=1e-6)


def test_systematic_keeps_each_with_its_chance_and_always_as_many(rng):
    chance = np.array([1.0, 0.5, 0.3, 0.7, 0.25, 0.25])
    mask = systematic(np.tile(chance, (MANY, 1)), rng)
    assert (mask.sum(axis=1) == 3).all()
    np.testing.assert_allclose(mask.mean(axis=0), chance, atol=0.03)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_systematic_is_exact_at_full_size(rng, kind):
    weight = (rng.gamma(0.5, size=(1, 50_000)) + 0.01).astype(kind)
    for k in (5_000, 15_000, 49_999, 50_000):
        assert systematic(inclusion(weight, k).astype(kind), rng).sum() == k
        assert systematic(logistic(np.log(weight), k), rng).sum() == k


def test_inclusion_of_weights_that_differ_by_30_orders():
    """The heaviest are sure; the light ones share the rest, however light they are."""
    found = inclusion(row(1, 1, 1e-30, 3e-30, 1e-30).astype(np.float64), 3)
    np.testing.assert_allclose(found, [[1, 1, 0.2, 0.6, 0.2]], rtol=1e-6)
    rows = np.exp(np.random.default_rng(0).normal(0, 3, (20, 500)))
    np.testing.assert_allclose(inclusion(rows, 150).sum(axis=1), 150)
