"""From actions and scores to arms."""

import numpy as np
import pytest

from prune_env.core.selection import (
    affordable_arms,
    best_k,
    decode,
    quotas,
    random_k,
    within_budget,
)


def test_decode_a_mask_of_two_runs():
    selection = decode([[1, 0, 1], [0, 1, 0]], "keep", num_runs=2, num_arms=3)
    assert selection.indices.tolist() == [0, 2, 4]  # run * 3 + arm
    assert selection.counts.tolist() == [2, 1]
    assert selection.weights is None


def test_decode_weights():
    selection = decode([[0.5, 0, 2]], "weights", num_runs=1, num_arms=3)
    assert selection.indices.tolist() == [0, 2]
    assert selection.weights.tolist() == [0.5, 2]
    assert selection.weights.dtype == np.float32


def test_a_weight_that_float32_cannot_tell_from_zero_prunes():
    selection = decode([[0.5, 1e-50, 2]], "weights", num_runs=1, num_arms=3)
    assert selection.indices.tolist() == [0, 2]
    assert (selection.weights > 0).all()


def test_decode_names_the_run_that_keeps_nothing():
    with pytest.raises(ValueError, match="run 1 keeps no arm"):
        decode([[1, 0], [0, 0]], "keep", num_runs=2, num_arms=2)


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (0, [[0, 0, 0, 0], [0, 0, 0, 0]]),
        (1, [[0, 0, 1, 0], [1, 0, 0, 0]]),
        (2, [[0, 1, 1, 0], [1, 0, 0, 1]]),
        (4, [[1, 1, 1, 1], [1, 1, 1, 1]]),
    ],
)
def test_best_k(k, expected):
    scores = np.array([[-1.0, 5, 9, 0], [np.inf, 1, 2, 3]])
    rng = np.random.default_rng(0)
    assert best_k(scores, k, rng).astype(int).tolist() == expected
    assert rng.random() == np.random.default_rng(0).random()  # nothing was to be decided


@pytest.mark.parametrize("k", [-1, 5])
def test_best_k_bounds(k):
    with pytest.raises(ValueError, match=f"k is {k}; allowed is 0 to 4"):
        best_k(np.zeros((1, 4)), k, np.random.default_rng(0))


def test_random_k_draws_from_the_allowed_arms_only_and_evenly():
    allowed = np.array([[True, False, True, True, True]])
    rng = np.random.default_rng(0)
    draws = np.sum([random_k(allowed, 2, rng)[0] for _ in range(4000)], axis=0)
    assert draws[1] == 0
    assert draws.sum() == 8000
    np.testing.assert_allclose(draws[[0, 2, 3, 4]] / 4000, 0.5, atol=0.03)


def test_random_k_asks_for_enough_arms():
    with pytest.raises(ValueError, match="k is 3, but only 2 arms"):
        random_k(np.array([[True, True, False]]), 3, np.random.default_rng(0))


def test_float32_costs_no_arm():
    """0.8 of 45,000 arms is 36,000, though float32 knows no 0.8; a third of an arm buys none."""
    budget_left = np.array([[0.8], [1 / 45_000], [0.3 / 45_000], [2.0]], np.float32)
    assert affordable_arms(budget_left, 45_000).tolist() == [36_000, 1, 0, 90_000]


@pytest.mark.parametrize(
    ("weights", "sizes", "k", "counts"),
    [
        ([1, 1], [5, 5], 4, [2, 2]),
        ([1, 3], [5, 5], 4, [1, 3]),
        ([1, 3], [5, 5], 8, [3, 5]),
        ([0, 1], [5, 5], 7, [2, 5]),
        ([0, 0], [5, 5], 4, [2, 2]),
        ([1, 1, 1], [4, 3, 3], 1, [1, 0, 0]),
        ([0.2, 1, 1], [4, 3, 3], 10, [4, 3, 3]),
    ],
)
def test_quotas(weights, sizes, k, counts):
    share, capacity = np.array(weights) * np.array(sizes), np.array(sizes)
    assert quotas(share, capacity, k, None).tolist() == counts


@pytest.mark.parametrize("k", [2, 7, 13, 30])
def test_over_many_rounds_a_group_has_its_share(k):
    """Where there are fewer places than groups too; largest remainders would pass some by for ever.
    A group has the whole part of its share or one more, k in all.
    """
    sizes, rng = np.array([6, 7, 6, 7, 6, 7, 20, 1, 0]), np.random.default_rng(0)
    drawn = np.array([quotas(sizes, sizes, k, rng) for _ in range(4000)])
    assert (drawn.sum(axis=1) == k).all()
    expected = k * sizes / sizes.sum()
    assert (abs(drawn - expected) < 1).all()
    np.testing.assert_allclose(drawn.mean(axis=0), expected, atol=0.04)


def test_whole_shares_draw_nothing():
    rng = np.random.default_rng(3)
    assert quotas(np.ones(4), np.full(4, 9), 20, rng).tolist() == [5] * 4
    assert rng.random() == np.random.default_rng(3).random()


@pytest.mark.parametrize(
    ("budget_left", "kept"), [([2.0, 1.0], [4, 2]), ([0.5, 0.25], [2, 1]), ([0.999, 7.0], [3, 2])]
)
def test_within_budget_prunes_what_cannot_be_paid_for(budget_left, kept):
    chosen = np.array([[1, 1, 1, 1], [0, 1, 0, 1]])
    left = np.array(budget_left, np.float32)[:, None]
    allowed = within_budget(chosen, left, np.random.default_rng(0))
    assert allowed.sum(axis=1).tolist() == kept
    assert (allowed <= chosen).all()
    assert chosen.sum() == 6


@pytest.mark.filterwarnings("error")
def test_a_weight_that_float32_cannot_hold_is_refused_without_a_warning():
    for most in (10.0, np.inf):
        with pytest.raises(ValueError, match=r"the action has weights from 0\.0 to inf"):
            decode(np.array([[0, 1e300]]), "weights", 1, 2, most)
    assert decode(np.array([[0, 3e38]]), "weights", 1, 2).weights[0] == np.float32(3e38)
