"""moderate, kcenter and d2 on points in the plane, by hand or by loops over their rule."""

import math
from statistics import median

import numpy as np
import prune_agents
import pytest
from prune_agents.prior import Traces
from prune_agents.tools.features import nearest_neighbours


def kept(name, features, labels=None, margin=None, **options):
    features = np.array(features, np.float32)
    labels = np.zeros(len(features), np.int64) if labels is None else np.array(labels)
    margin = np.zeros(len(features)) if margin is None else margin
    shown = np.array(margin, np.float32)[None, None]
    signals = {"margin": shown, "error_norm": np.ones_like(shown)}
    traces = Traces(signals, 0, 0.0, 0.0, labels, features[None])
    return set(np.flatnonzero(prune_agents.make(name, **options).begin(traces)["subset"][0]))


def test_moderate_keeps_the_middle_distances_to_the_median_of_the_class():
    """
    Class   points                        median   distances
    0       0, 1, 2, 10, 14               2        2, 1, 0, 8, 12
    1       100, 103, 104, 108, 120       104      4, 1, 0, 4, 16
    Ranked: 0 0 1 1 2 [...] of which ranks 3 to 6 of 0 to 9 are 1, 2, 4, 4.
    """
    points = [[x, 0] for x in (0, 1, 2, 10, 14, 100, 103, 104, 108, 120)]
    labels = [0] * 5 + [1] * 5
    assert kept("moderate", points, labels, keep_ratio=0.4) in ({6, 0, 5, 8}, {1, 0, 5, 8})
    assert kept("moderate", points, labels, keep_ratio=0.2) == {0, 5}


def test_kcenter_goes_to_the_farthest_point():
    """Of clusters at 0, 10 and 100 any three picks take one each; the fourth is 10's other end."""
    points = [[0, 0], [0.1, 0], [10, 0], [12, 0], [100, 0], [100, 0.1]]
    for seed in range(10):
        three = kept("kcenter", points, keep_ratio=0.5, seed=seed)
        assert [len(three & pair) for pair in ({0, 1}, {2, 3}, {4, 5})] == [1, 1, 1]
        assert len(kept("kcenter", points, keep_ratio=4 / 6, seed=seed) & {2, 3}) == 2


@pytest.mark.parametrize("name", ["moderate", "kcenter", "d2", "infomax"])
def test_the_only_arm_has_no_neighbours_and_is_kept(name):
    assert kept(name, [[3.0, 4.0]], keep_ratio=0.1) == {0}


@pytest.fixture(params=["normal", "heavy-tailed"])
def points(request):
    """(40, 3) float32; Student's t with 1.2 degrees of freedom has no variance."""
    rng = np.random.default_rng(5)
    normal = request.param == "normal"
    drawn = rng.standard_normal((40, 3)) if normal else rng.standard_t(1.2, (40, 3))
    return drawn.astype(np.float32)


def test_moderate_by_brute_force(points):
    """Ranks run over all classes together; each arm is measured from the median of its own."""
    labels, distance = [arm % 3 for arm in range(40)], []
    for arm in range(40):
        own = [points[j] for j in range(40) if labels[j] == labels[arm]]
        centre = [median(float(p[d]) for p in own) for d in range(3)]
        distance.append(math.dist(points[arm], centre))
    ranked = sorted(range(40), key=lambda arm: distance[arm])
    assert kept("moderate", points, labels, keep_ratio=0.3) == set(ranked[14:26])


def test_kcenter_by_brute_force(points):
    rng = np.random.default_rng(0)
    picked = [int(rng.permutation(40)[rng.integers(40)])]
    while len(picked) < 12:
        gaps = [min(np.linalg.norm(p - points[q]) for q in picked) for p in points]
        picked.append(int(np.argmax(gaps)))
    assert kept("kcenter", points, keep_ratio=0.3, seed=0) == set(picked)


def test_kcenter_takes_no_arm_twice_where_all_are_the_same():
    assert len(kept("kcenter", np.ones((6, 2)), keep_ratio=0.5)) == 3


def test_kcenter_measures_distances_far_from_the_origin(points):
    """Of numbers near 10,000 float32 keeps three digits behind the point, of their squares none."""
    assert kept("kcenter", points + 10_000, keep_ratio=0.3) == kept(
        "kcenter", (points + 10_000).astype(np.float64), keep_ratio=0.3
    )


@pytest.mark.parametrize("name", ["moderate", "kcenter", "d2"])
def test_of_equal_arms_all_are_as_likely(name):
    """Twenty arms on two points: which are kept must not follow from where they stand."""
    two = [[0.0, 0.0], [1.0, 1.0]] * 10
    counts = np.zeros(20)
    for seed in range(200):
        counts[list(kept(name, two, keep_ratio=0.3, seed=seed))] += 1
    assert counts.sum() == 6 * 200
    np.testing.assert_allclose(counts, 60, atol=30)


@pytest.mark.parametrize("gamma", [0.1, 1.0])
def test_d2_by_brute_force(gamma, points, rng):
    margin, count = 2 * rng.beta(0.3, 0.3, 40) - 1, 4
    near = []
    for arm in range(40):
        others = [j for j in range(40) if j != arm]
        gaps = {j: float(np.linalg.norm(points[arm] - points[j])) for j in others}
        near.append({j: gaps[j] for j in sorted(gaps, key=gaps.get)[:count]})
    scale = sum(sum(gaps.values()) for gaps in near) / (40 * count)
    hard = [(1 - float(np.float32(m))) / 2 for m in margin]
    score = [
        hard[i] + sum(np.exp(-d / scale) * hard[j] for j, d in near[i].items()) for i in range(40)
    ]
    picked = []
    while len(picked) < 16:
        best = max((i for i in range(40) if i not in picked), key=lambda i: score[i])
        picked.append(best)
        for j, d in near[best].items():
            score[j] -= np.exp(-gamma * d / scale) * score[best]
    options = {"keep_ratio": 0.4, "neighbours": count, "gamma": gamma}
    assert kept("d2", points, margin=margin, **options) == set(picked)


def test_nearest_neighbours_of_an_arm_are_others():
    distance, neighbour = nearest_neighbours(np.array([[0.0], [0.0], [3.0], [7.5]]), 1)
    assert neighbour[[0, 1, 3]].tolist() == [[1], [0], [2]]
    np.testing.assert_allclose(distance, [[0], [0], [3], [4.5]], atol=1e-6)
