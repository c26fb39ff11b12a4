"""Batches dealt at random and ranks within groups, by hand."""

import numpy as np
from prune_agents.tools.groups import batch_mean, rank_within


def row(*values):
    return np.array([values], np.float32)


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


def test_rank_within(rng):
    score = np.array([5.0, 1.0, 7.0, 3.0, 2.0, 9.0])
    group = np.array([0, 0, 2, 2, 0, 2])  # nobody is in group 1
    assert rank_within(score, group, rng).tolist() == [0, 2, 1, 2, 1, 0]


def test_equal_ones_are_ranked_by_lot(rng):
    score, group = np.array([0.0, 5.0, 0.0, 0.0, 0.0]), np.array([0, 0, 0, 0, 1])
    drawn = np.array([rank_within(score, group, rng) for _ in range(900)])
    assert (drawn[:, 1] == 0).all()
    assert (drawn[:, 4] == 0).all()
    for arm in (0, 2, 3):
        np.testing.assert_allclose(np.bincount(drawn[:, arm]), [0, 300, 300, 300], atol=60)
