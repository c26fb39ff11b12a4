"""The shared mathematics, with the numbers laid out."""

import numpy as np
from prune_agents.maths import UNSEEN, batch_mean, ema, ema_variance, latest, rank_within

I = UNSEEN  # noqa: E741, so that the rows below line up


def row(*values):
    return np.array([values], np.float32)


def test_latest():
    stored, value, seen = row(2.0, I, I), row(1.0, 3.0, 9.0), row(1, 1, 0) == 1
    np.testing.assert_array_equal(latest(stored, value, seen), row(1.0, 3.0, I))


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


def test_batch_mean_pairs_each_arm_with_another(rng):
    """Four arms seen, batches of two: 1 with 2, 3 or 4, and the other two together."""
    loss, seen = row(1, 2, 3, 9, 4), row(1, 1, 1, 0, 1) == 1
    drawn = {tuple(batch_mean(loss, seen, 2, rng)[0].tolist()) for _ in range(60)}
    assert drawn == {
        (1.5, 1.5, 3.5, 0, 3.5),
        (2.0, 3.0, 2.0, 0, 3.0),
        (2.5, 2.5, 2.5, 0, 2.5),
    }


def test_batch_mean_of_a_last_short_batch(rng):
    """Three arms in batches of two: one of them is alone."""
    drawn = {tuple(batch_mean(row(1, 2, 3), row(1, 1, 1) == 1, 2, rng)[0]) for _ in range(60)}
    assert drawn == {(1.5, 1.5, 3), (2, 2, 2), (1, 2.5, 2.5)}
    assert batch_mean(row(1, 2), row(0, 0) == 1, 2, rng).tolist() == [[0, 0]]


def test_rank_within():
    score = np.array([5.0, 1.0, 7.0, 3.0, 2.0, 9.0])
    group = np.array([0, 0, 2, 2, 0, 2])  # nobody is in group 1
    assert rank_within(score, group).tolist() == [0, 2, 1, 2, 1, 0]
