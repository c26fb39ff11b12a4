"""s2l: quotas of clusters by hand, and the clusters themselves."""

import numpy as np
import prune_agents
import pytest
from prune_agents.policies import s2l
from prune_agents.prior import Traces

CLUSTER = np.repeat(range(5), (2, 30, 4, 1, 9))


def kept(k, monkeypatch, seed=0):
    monkeypatch.setattr(s2l, "clustered", lambda points, count, rng: CLUSTER)
    loss = np.random.default_rng(0).pareto(1, (1, 6, 46)).astype(np.float32)
    traces = Traces({"loss": loss}, 0, 0.0, 0.0, np.zeros(46, np.int64))
    agent = prune_agents.make("s2l", keep_ratio=k / 46, seed=seed)
    return agent.begin(traces)["subset"][0]


@pytest.mark.parametrize(
    ("k", "of_each"),
    [
        (10, [0, 4, 3, 0, 3]),  # floor(10 / 3) of 4, floor(7 / 2) of 9, 4 of 30
        (20, [0, 8, 4, 0, 8]),  # all 4, floor(16 / 2) of 9, 8 of 30
        (43, [0, 30, 4, 0, 9]),
        (46, [2, 30, 4, 1, 9]),  # the clusters of 2 and 1 arms come last
    ],
)
def test_the_smallest_cluster_first_gets_an_equal_share(k, of_each, monkeypatch):
    found = kept(k, monkeypatch)
    assert np.bincount(CLUSTER[found], minlength=5).tolist() == of_each


def test_what_is_left_over_is_drawn_from_the_small_clusters(monkeypatch):
    for seed in range(5):
        found = kept(44, monkeypatch, seed)
        assert np.bincount(CLUSTER[found], minlength=5)[[1, 2, 4]].tolist() == [30, 4, 9]
        assert found.sum() == 44


def test_clusters_are_of_trajectories():
    """Arms that fall and arms that rise have the same mean and the same deviation."""
    rng = np.random.default_rng(2)
    falls = np.linspace(3, 0, 8)
    points = np.stack([falls, falls[::-1]] * 20) * rng.lognormal(0, 0.05, (40, 1))
    cluster = s2l.clustered(points.astype(np.float32), 2, rng)
    assert len(set(cluster[::2])) == len(set(cluster[1::2])) == 1
    assert cluster[0] != cluster[1]


def test_there_are_no_more_clusters_than_different_arms():
    points = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    cluster = s2l.clustered(points, 100, np.random.default_rng(0))
    assert [len(set(cluster[i : i + 4])) for i in (0, 4, 8)] == [1, 1, 1]
    assert len(set(cluster)) == 3
