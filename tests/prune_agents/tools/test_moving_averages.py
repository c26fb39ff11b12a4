"""The shared mathematics, with the numbers laid out."""

import numpy as np
import pytest
from prune_agents.tools.moving_averages import (
    UNSEEN,
    batch_mean,
    begins_before,
    ema,
    ema_variance,
    ends_by,
    latest,
    rank_within,
    schedule,
)

I = UNSEEN  # noqa: E741, so that the rows below line up


def row(*values):
    return np.array([values], np.float32)


def of_run(*values):
    return np.array(values, np.float32)[:, None]


def test_schedule_is_0_in_the_first_round_and_1_in_the_last():
    rounds = np.array([0, 1, 3, 6, 7])
    along = schedule(rounds, of_run(*rounds / 8))
    np.testing.assert_allclose(along[:, 0], [0, 1 / 7, 3 / 7, 6 / 7, 1], atol=1e-6)
    assert schedule(np.array([0]), of_run(0)) == [[0]]  # a run of one round
    # By the budget: 3 rounds have spent 0.75, so the fourth is the last; 0.9 is beyond it.
    along = schedule(np.array([3, 3]), of_run(0.75, 0.9))
    np.testing.assert_allclose(along[:, 0], [1, 1], atol=1e-6)


def test_ends_by_is_epoch_plus_one_at_most_the_share_of_all():
    """7 epochs of 8 end by 0.875; the eighth does not; of 10, eight do (8.75); of 9, six by 2/3."""
    rounds, of = np.array([6, 7, 7, 8, 5, 6]), np.array([8, 8, 10, 10, 9, 9])
    share = np.array([0.875] * 4 + [2 / 3] * 2)
    found = [
        bool(ends_by(s, r[None], of_run(r / t))[0, 0])
        for s, r, t in zip(share, rounds, of, strict=True)
    ]
    assert found == [True, False, True, False, True, False]


@pytest.mark.parametrize("tenths", range(1, 10))
def test_begins_before_is_not_fooled_by_float32(tenths):
    """Round 7 of 10 begins at 0.7, which as float32 is 0.69999999 and below 0.7."""
    progress = of_run(*np.arange(10) / 10)
    assert begins_before(tenths / 10, progress).sum() == tenths
    assert begins_before(1e-9, progress).sum() == 1


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
