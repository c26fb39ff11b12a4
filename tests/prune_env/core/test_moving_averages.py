"""Moving averages of arms, with the numbers laid out."""

import numpy as np

from prune_env.core.moving_averages import UNSEEN, ema, ema_variance, latest

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
