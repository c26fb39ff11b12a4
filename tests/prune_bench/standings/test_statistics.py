"""Expected numbers are worked out by hand or come from scipy.stats."""

from __future__ import annotations

import numpy as np
import pytest
from prune_bench.standings.statistics import (
    NO_NOISE,
    Estimate,
    Noise,
    accuracy_at,
    certain_signs,
    estimate,
    mean_of,
    normalise,
    paired_differences,
    pareto_front,
    performance_profile,
    pool,
    pool_variances,
    probability_of_improvement,
)
from scipy import stats


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_mean_and_interval_are_scipys(rng):
    for n in (2, 5, 31):
        scores = rng.normal(0.3, 1.0, n)
        found = mean_of(scores)
        theirs = stats.ttest_1samp(scores, 0.0)
        interval = theirs.confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
        assert (found.value, found.p) == pytest.approx((scores.mean(), theirs.pvalue))


def test_no_accuracy_is_above_100_percent():
    found = mean_of([0.9, 1.0])
    assert found.high > 1.5
    assert found.within(0, 1) == Estimate(0.95, pytest.approx(found.low), 1)
    assert Estimate(0.5).within(0, 1) == Estimate(0.5)


def test_one_run_has_no_interval():
    assert mean_of([0.5]) == Estimate(0.5, None, None)
    assert mean_of([0.5]).p is None


def test_a_difference_of_two_pooled_groups_is_students_t_test(rng):
    ours, theirs = rng.normal(0.3, 1.0, 5), rng.normal(0.0, 1.0, 8)
    noise = pool([ours, theirs])[0]
    found = estimate(ours.mean() - theirs.mean(), [(1 / 5, noise), (1 / 8, noise)])
    expected = stats.ttest_ind(ours, theirs)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.low == pytest.approx(expected.confidence_interval().low)


def test_a_difference_of_two_noises_is_welchs_test(rng):
    ours, theirs = rng.normal(0.3, 1.0, 5), rng.normal(0.0, 3.0, 8)
    parts = [(1 / len(runs), Noise(runs.var(ddof=1), len(runs) - 1)) for runs in (ours, theirs)]
    expected = stats.ttest_ind(ours, theirs, equal_var=False)
    assert estimate(ours.mean() - theirs.mean(), parts).p == pytest.approx(expected.pvalue)


def test_the_pooled_variance_is_that_of_an_analysis_of_variance(rng):
    """The square root of F is t for two groups: F has the pooled variance below the line."""
    groups = [rng.normal(i, 1.0, 5) for i in range(4)]
    noises = pool(groups)
    assert len(set(noises)) == 1
    means = np.array([group.mean() for group in groups])
    f = 5 * means.var(ddof=1) / noises[0].variance
    assert f == pytest.approx(stats.f_oneway(*groups).statistic)
    assert noises[0].dof == 16


def test_a_group_that_scatters_far_more_keeps_its_own_noise(rng):
    groups = [rng.normal(0, 1.0, 5) for _ in range(10)] + [rng.normal(0, 30.0, 5), np.array([7.0])]
    noises = pool(groups)
    assert noises[10] == Noise(pytest.approx(groups[10].var(ddof=1)), 4)
    assert noises[:10] == [noises[0]] * 10
    assert noises[0].dof == 40
    assert noises[0].variance == pytest.approx(np.mean([g.var(ddof=1) for g in groups[:10]]))
    assert noises[11] == noises[0]  # one run alone scatters as the others do


@pytest.mark.parametrize("constant", [1.0, 35 / 36])
def test_agents_that_never_scatter_are_pooled_alike_whatever_rounding_makes_of_them(constant):
    """The variance of five times 35/36 is 1e-32 in float64, that of five times 1 is 0."""
    scores = [np.full(5, constant)] * 3 + [np.array([0.90, 0.92, 0.94, 0.96, 0.98])] * 3
    variances = np.array([of.var(ddof=1) for of in scores])
    pooled, alike = pool_variances(variances, np.full(6, 4.0))
    assert alike.all()
    assert pooled == pytest.approx(0.0005)


def test_of_three_the_two_that_scatter_less_are_pooled_whatever_they_are_like():
    pooled, alike = pool_variances(np.array([1.0, 100.0, 100.0]), np.full(3, 4.0))
    assert alike.all()
    assert pooled == pytest.approx(67)


@pytest.mark.parametrize(("times", "expected"), [(0.99, True), (1.01, False)])
def test_a_variance_is_too_large_by_the_degrees_of_freedom_below_it(times, expected):
    largest = times * stats.f.isf(0.001, 4, 8)  # 9.6 where its own were counted below it, not 14.4
    _, alike = pool_variances(np.array([1.0, 1.0, largest]), np.full(3, 4.0))
    assert alike.tolist() == [True, True, expected]


def test_a_part_whose_noise_nobody_knows_leaves_no_interval():
    assert estimate(0.5, [(0.2, Noise(0.01, 4)), (1.0, NO_NOISE)]) == Estimate(0.5)


def test_runs_that_are_all_alone_have_no_noise():
    assert [noise.dof for noise in pool([np.array([1.0]), np.array([2.0])])] == [0, 0]
    assert pool([]) == []


@pytest.mark.parametrize(
    ("low", "high", "sign"),
    [(0.1, 0.2, 1), (-0.2, -0.1, -1), (-0.1, 0.1, 0), (0.0, 0.1, 0), (None, None, 0)],
)
def test_sign_of_an_estimate(low, high, sign):
    assert Estimate(0.1, low, high).sign == sign


def equal_runs(value, n):
    return estimate(value, [(2 / n, Noise(0.0, 2 * n - 2))])


def test_equal_runs_are_rounded_ones():
    """A difference of d between equal runs may be one step of a small test set: t = sqrt(6 n)."""
    for n in (2, 3, 5):
        assert equal_runs(0.25, n).p == pytest.approx(2 * stats.t.sf((6 * n) ** 0.5, 2 * n - 2))
    assert equal_runs(0.25, 5) == Estimate(0.25, 0.25, 0.25)
    assert equal_runs(0.0, 5).p == 1.0


def of(value, p):
    return Estimate(value, p=p)


def test_certain_signs_by_hand():
    """Of three ahead with p = 0.01, 0.02 and 0.04 the bounds are 0.0167, 0.0333 and 0.05: all are
    certain. Beside two more they are 0.01, 0.02 and 0.03: the third is not. Of three behind, all
    are below 0.0167 or not certain.
    """
    three = [of(1, 0.009), of(1, 0.019), of(1, 0.04)]
    assert certain_signs(three) == [1, 1, 1]
    assert certain_signs([*three, of(1, 0.6), of(1, 0.9)]) == [1, 1, 0, 0, 0]
    assert certain_signs([of(-1, 0.016), of(-1, 0.017), of(-1, 1e-9)]) == [-1, 0, -1]
    assert certain_signs([]) == []


def test_losers_make_no_winner():
    """With 8 obvious losers in one family 0.04 would be below the bound of 0.05."""
    losers = [of(-1, 1e-9)] * 8
    assert certain_signs([of(1, 0.04), of(1, 0.7), *losers]) == [0, 0, *[-1] * 8]


def test_what_is_not_known_is_certain_of_nothing():
    assert certain_signs([None, Estimate(0.9), of(1, 0.001)]) == [0, 0, 1]


def test_differences_are_paired_by_seed():
    ours, theirs = {3: 0.5, 1: 0.9, 7: 0.1, 8: 0.6}, {1: 0.8, 8: 0.9, 3: 0.7, 9: 0.0}
    np.testing.assert_allclose(paired_differences(ours, theirs), [0.1, -0.2, -0.3])


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


def test_probability_of_improvement_of_many_runs_needs_no_table_of_pairs(rng):
    ours, theirs = rng.normal(0.1, 1, 1_000_000), rng.normal(0, 1, 1_000_000)
    assert probability_of_improvement(ours, theirs) == pytest.approx(0.5282, abs=0.002)


def test_performance_profile_by_hand():
    strata = [np.array([0.0, 1.0]), np.array([0.5, 0.5, 0.5, 2.0])]
    profile = performance_profile(strata, np.array([-1.0, 0.25, 0.75, 3.0]))
    np.testing.assert_allclose(profile, [1.0, (0.5 + 1.0) / 2, (0.5 + 0.25) / 2, 0.0])
    at_scores = performance_profile(strata[:1], np.array([0.0, 1.0]))
    np.testing.assert_allclose(at_scores, [0.5, 0.0])  # above each, not at it


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
    assert pareto_front([1, 1], [0.3, 0.5]).tolist() == [1]
