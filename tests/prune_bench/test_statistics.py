"""Expected numbers are worked out by hand or come from scipy.stats."""

from __future__ import annotations

import numpy as np
import pytest
from prune_bench.statistics import (
    Estimate,
    accuracy_at,
    certain_signs,
    estimate,
    estimate_improvement,
    iqm,
    mean,
    normalise,
    p_value,
    paired_differences,
    pareto_front,
    performance_profile,
    probability_of_improvement,
)
from scipy import stats


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([7], 7),
        ([1, 3], 2),
        ([1, 2, 9], 4),  # fewer than four: the mean
        ([0, 2, 4, 100], 3),
        ([100, 1, 2, 3, -50], 2),  # the middle three
        ([0, 0, 1, 2, 3, 4, 99, 99], 2.5),
    ],
)
def test_iqm_by_hand(scores, expected):
    assert iqm(scores) == pytest.approx(expected)


@pytest.mark.parametrize("n", [4, 5, 6, 10, 31])
def test_iqm_is_scipys_trimmed_mean(n, rng):
    scores = rng.normal(size=(3, n))
    np.testing.assert_allclose(iqm(scores), stats.trim_mean(scores, 0.25, axis=1))


def test_estimate_of_one_run_has_no_interval(rng):
    assert estimate([np.array([0.5])], rng) == Estimate(0.5, None, None)


def test_estimate_of_two_runs_by_hand(rng):
    # Resamples of (0, 1) have the means 0, 0.5, 1 with probabilities 1/4, 1/2, 1/4.
    assert estimate([np.array([0.0, 1.0])], rng) == Estimate(0.5, 0.0, 1.0)


def test_strata_are_not_mixed(rng):
    # Within each stratum all runs are equal, so no resample can differ.
    found = estimate([np.array([0.0, 0.0]), np.array([1.0, 1.0, 1.0])], rng, mean)
    assert found == Estimate(pytest.approx(0.6), pytest.approx(0.6), pytest.approx(0.6))


def test_interval_agrees_with_scipy(rng):
    scores = rng.normal(size=12)
    ours = estimate([scores], rng)
    theirs = stats.bootstrap(
        (scores,),
        lambda x, axis: stats.trim_mean(x, 0.25, axis=axis),
        n_resamples=50_000,
        method="percentile",
        random_state=np.random.default_rng(1),
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


def test_stratified_interval_agrees_with_scipy(rng):
    strata = [rng.normal(size=6), rng.normal(3, 2, size=9)]
    ours = estimate(strata, rng, mean)
    theirs = stats.bootstrap(
        strata,
        lambda x, y, axis: np.concatenate([x, y], axis=axis).mean(axis=axis),
        n_resamples=50_000,
        method="percentile",
        random_state=np.random.default_rng(1),
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


def test_same_seed_same_interval():
    scores = [np.array([0.1, 0.4, 0.2, 0.9, 0.5])]
    first, second = (estimate(scores, np.random.default_rng(3)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("low", "high", "sign"),
    [(0.1, 0.2, 1), (-0.2, -0.1, -1), (-0.1, 0.1, 0), (0.0, 0.1, 0), (None, None, 0)],
)
def test_sign_of_an_estimate(low, high, sign):
    assert Estimate(0.1, low, high).sign == sign


def test_p_value_is_scipys(rng):
    for n in (2, 5, 20):
        differences = rng.normal(0.3, 1.0, n)
        expected = stats.ttest_1samp(differences, 0.0).pvalue
        assert p_value(differences) == pytest.approx(expected)
    equal = [p_value(np.full(n, 0.25)) for n in (2, 3, 5)]  # t = sqrt(6 n)
    assert equal == pytest.approx([2 * stats.t.sf((6 * n) ** 0.5, n - 1) for n in (2, 3, 5)])
    assert equal[1] > 0.05 > equal[2]
    assert p_value(np.zeros(5)) == 1.0


def test_certain_signs_by_hand():
    """With p = 0.01, 0.02 and 0.04 of 3 the bounds are 0.0167, 0.0333 and 0.05: all are certain.

    Beside two without effect they are 0.01, 0.02 and 0.03, so the last one is not.
    """
    up, down, little = (sign * with_p_value(p) for sign, p in ((1, 0.009), (-1, 0.019), (1, 0.04)))
    nothing = np.array([1.0, -1.0, 0.1, -0.1, 0.0])
    assert certain_signs([up, down, little]) == [1, -1, 1]
    assert certain_signs([up, nothing, down, nothing, little]) == [1, 0, -1, 0, 0]
    assert certain_signs([np.array([0.9]), np.array([]), up]) == [0, 0, 1]  # these are no tests
    assert certain_signs([]) == []


def with_p_value(p):
    """Five differences, of a mean above 0, whose t-test has this p."""
    noise = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    return noise + stats.t.isf(p / 2, 4) * noise.std(ddof=1) / 5**0.5


def test_of_many_without_effect_few_are_certain(rng):
    """Of 40 agents two p-values are below 0.05; a corrected test finds any in one board of 20."""
    boards = [certain_signs(list(rng.normal(size=(40, 5)))) for _ in range(200)]
    assert 1 <= sum(any(signs) for signs in boards) <= 22


def test_differences_are_paired_by_seed():
    ours, theirs = {3: 0.5, 1: 0.9, 7: 0.1}, {1: 0.8, 3: 0.7, 9: 0.0}
    np.testing.assert_allclose(paired_differences(ours, theirs), [0.1, -0.2])


def test_pairing_removes_what_the_seeds_share(rng):
    seeds = rng.normal(size=20)
    ours = {i: x + 0.1 for i, x in enumerate(seeds)}
    theirs = dict(enumerate(seeds))
    found = estimate([paired_differences(ours, theirs)], rng)
    assert (found.low, found.high) == (pytest.approx(0.1), pytest.approx(0.1))


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([2, 3], [0, 1], 1.0),
        ([0, 1], [2, 3], 0.0),
        ([1], [1], 0.5),
        ([1, 3], [2, 2, 3], (0 + 0 + 0 + 1 + 1 + 0.5) / 6),
    ],
)
def test_probability_of_improvement_by_hand(ours, theirs, expected):
    assert probability_of_improvement(ours, theirs) == pytest.approx(expected)


def test_probability_of_improvement_is_mann_whitney(rng):
    ours, theirs = rng.integers(0, 5, 8).astype(float), rng.integers(0, 5, 11).astype(float)
    u = stats.mannwhitneyu(ours, theirs).statistic
    assert probability_of_improvement(ours, theirs) == pytest.approx(u / 88)


def test_improvement_averages_over_strata(rng):
    better, worse = np.array([2.0, 3.0]), np.array([0.0, 1.0])
    assert estimate_improvement([better, worse], [worse, better], rng) == Estimate(0.5, 0.5, 0.5)


def test_performance_profile_by_hand():
    strata = [np.array([0.0, 1.0]), np.array([0.5, 0.5, 0.5, 2.0])]
    profile = performance_profile(strata, np.array([-1.0, 0.25, 0.75, 3.0]))
    np.testing.assert_allclose(profile, [1.0, (0.5 + 1.0) / 2, (0.5 + 0.25) / 2, 0.0])


def test_normalised_score():
    np.testing.assert_allclose(normalise([0.6, 0.7, 0.8, 0.9], 0.6, 0.8), [0.0, 0.5, 1.0, 1.5])


@pytest.mark.parametrize(
    ("cost", "expected"),
    [(10, 0.2), (15, 0.3), (20, 0.4), (30, 0.6), (99, 0.6), (5, np.nan)],
)
def test_accuracy_at_a_cost(cost, expected):
    found = accuracy_at([10, 20, 30], [0.2, 0.4, 0.6], cost)
    assert found == pytest.approx(expected, nan_ok=True)


def test_pareto_front():
    costs, scores = [3, 1, 2, 2, 4, 1], [0.7, 0.5, 0.6, 0.4, 0.7, 0.3]
    assert pareto_front(costs, scores).tolist() == [1, 2, 0]
