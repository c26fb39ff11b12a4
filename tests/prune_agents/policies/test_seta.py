"""seta: the grouping against brute force, the window on a case worked by hand."""

from itertools import combinations, pairwise

import numpy as np
import prune_agents
import pytest
from prune_agents.policies.seta import group_edges
from sklearn.cluster import KMeans

# five pairs, easy to hard, in no order
LOSS = [2.0, 0.0, 4.1, 1.0, 3.1, 0.1, 3.0, 1.1, 4.0, 2.1]
PAIRS = [{1, 5}, {3, 7}, {0, 9}, {4, 6}, {2, 8}]


def spread(values, edges):
    """Sum of squared distances to the means of the groups."""
    return sum(np.var(values[a:b]) * (b - a) for a, b in pairwise(edges))


@pytest.mark.parametrize("num_groups", [1, 2, 3, 5])
def test_grouping_is_the_best_of_all_where_groups_are_apart(num_groups):
    values = np.array([0.0, 0.1, 0.2, 1.0, 1.1, 2.0, 2.1, 2.15, 3.0, 3.3, 5.0, 5.1])
    edges = group_edges(values, num_groups)
    cuts = combinations(range(1, len(values)), num_groups - 1)
    best = min(spread(values, [0, *cut, len(values)]) for cut in cuts)
    assert spread(values, edges) == pytest.approx(best)


@pytest.mark.parametrize("num_groups", [2, 3, 4])
def test_grouping_is_the_best_of_all_on_heavy_tails(num_groups, rng):
    for _ in range(20):
        values = np.sort(rng.pareto(0.7, 11)).astype(np.float32)
        cuts = combinations(range(1, 11), num_groups - 1)
        best = min(spread(values, [0, *cut, 11]) for cut in cuts)
        assert spread(values, group_edges(values, num_groups)) <= best * (1 + 1e-5)


def test_grouping_is_never_worse_than_ten_starts_of_a_library(rng):
    """Lloyd from the quantiles, as it was here, has 6.6 times these squares on some digits."""
    for values in (rng.pareto(1, 3000), rng.lognormal(-4, 3, 3000), rng.gamma(0.3, size=3000)):
        values = np.sort(np.minimum(values, 100))
        library = KMeans(5, n_init=10, random_state=0).fit(values[:, None]).inertia_
        assert spread(values, group_edges(values, 5)) <= library * (1 + 1e-9)


def test_every_value_is_nearest_to_its_own_mean(rng):
    values = np.sort(rng.gamma(0.7, size=5000))
    edges = group_edges(values, 5)
    means = np.array([values[a:b].mean() for a, b in pairwise(edges)])
    nearest = np.abs(values[:, None] - means).argmin(axis=1)
    np.testing.assert_array_equal(nearest, np.repeat(np.arange(5), np.diff(edges)))


def test_equal_values_leave_fewer_groups():
    assert group_edges(np.ones(6), 5).tolist() == [0, 6]
    assert group_edges(np.array([1.0, 1, 1, 1, 2, 2]), 5).tolist() == [0, 4, 6]


def test_window_slides_over_the_groups(observe):
    """round(0.9 * 5) = 4 of 5 groups, so two windows: all but the hardest, all but the easiest."""
    agent = prune_agents.make("seta", rho=0.0)
    expected = [
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9},  # round 0: all
        set.union(*PAIRS[1:]),  # 1 mod 2 = 1: from the second group on
        set.union(*PAIRS[:4]),
        set.union(*PAIRS[1:]),
    ]
    state = None
    for round_, kept in enumerate(expected):
        action, state = agent.predict(observe(loss=LOSS, progress=[round_ / 8]), state)
        assert set(np.flatnonzero(action)) == kept


def test_a_narrow_window_goes_from_easy_to_hard(observe):
    agent = prune_agents.make("seta", rho=0.0, window=0.4)  # 2 of 5 groups: four windows
    state, seen = None, []
    for round_ in range(9):
        action, state = agent.predict(observe(loss=LOSS, progress=[round_ / 20]), state)
        seen.append(set(np.flatnonzero(action)))
    windows = [set.union(*PAIRS[j : j + 2]) for j in range(4)]
    assert seen[1:] == [windows[j] for j in (1, 2, 3, 0, 1, 2, 3, 0)]


def test_pool_is_random_and_whole_at_both_ends_of_the_run(observe, at_round):
    """In round 0, and from the share delta of the run on; in between a window takes groups away."""
    agent = prune_agents.make("seta", rho=0.3, delta=0.8)
    observation = observe(loss=np.tile(LOSS, (1000, 1)))
    for round_, whole in ((0, True), (7, False), (8, True), (9, True)):
        action, _ = at_round(agent, observation, round_, of=10)
        sizes = action.sum(axis=1)
        assert (sizes == 7).all() if whole else (sizes < 7).all()
        if whole:
            np.testing.assert_allclose(action.mean(axis=0), 0.7, atol=0.06)


@pytest.mark.parametrize("options", [{}, {"full_rounds": 3}, {"full_rounds": 1, "period": 2}])
def test_the_window_begins_at_the_first_selection(at_round, observe, options):
    """It keeps the pool whole, whatever rounds were full before; then come groups 1-4 and 0-3."""
    agent = prune_agents.make("seta", rho=0.0, delta=1.0, **options)
    state, left_out = None, []
    for round_ in range(options.get("full_rounds", 0), 20, options.get("period", 1)):
        action, state = at_round(agent, observe(loss=LOSS), round_, 20, state)
        left_out.append(set(np.flatnonzero(action == 0)))
    assert left_out[:4] == [set(), PAIRS[0], PAIRS[4], PAIRS[0]]
