"""The shared mathematics, with the numbers laid out."""

import numpy as np
import pytest
from prune_agents.maths import UNSEEN, best_k, ema, ema_variance

I = UNSEEN  # noqa: E741, so that the rows below line up


def row(*values):
    return np.array([values], np.float32)


def test_ema():
    #                      seen before, seen now | first time | not seen now
    mean, loss, seen = row(2.0, I, 1.0), row(1.0, 3.0, 9.0), row(1, 1, 0) == 1
    np.testing.assert_allclose(ema(mean, loss, 0.25, seen), row(1.75, 3.0, 1.0))
    np.testing.assert_allclose(ema(mean, loss, 1.0, seen), row(1.0, 3.0, 1.0))
    np.testing.assert_array_equal(ema(row(I), row(5.0), 0.5, row(0) == 1), row(I))


def test_ema_variance_is_about_the_old_mean():
    variance, mean = row(4.0, 0.0, 4.0), row(2.0, I, 1.0)
    loss, seen = row(1.0, 3.0, 9.0), row(1, 1, 0) == 1
    # 0.75 * 4 + 0.25 * (1 - 2)^2 = 3.25
    np.testing.assert_allclose(ema_variance(variance, mean, loss, 0.25, seen), row(3.25, 0.0, 4.0))


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
