"""rcap and arm_clusters on cases worked by hand."""

import math

import numpy as np
import prune_agents
import pytest

from prune_env.core.selection import quotas

MANY = 2000


@pytest.mark.parametrize(
    ("share", "capacity", "k", "expected"),
    [
        ([1, 1], [9, 9], 4, [2, 2]),
        ([3, 1], [9, 9], 4, [3, 1]),
        ([3, 1], [2, 9], 4, [2, 2]),  # what class 0 cannot take goes to class 1
        ([1, 1, 1], [9, 9, 9], 4, [2, 1, 1]),  # equal remainders: the first class
        ([0.5, 0.3, 0.2], [9, 9, 9], 5, [3, 1, 1]),  # 2.5 1.5 1
        ([8, 1, 1], [1, 2, 9], 6, [1, 2, 3]),  # 4.8 -> 1; 2.5 -> 2; the rest
        ([1, 0, 1], [2, 0, 2], 4, [2, 0, 2]),  # a class that does not occur
    ],
)
def test_quotas(share, capacity, k, expected):
    assert quotas(np.array(share, float), np.array(capacity), k, None).tolist() == expected


def tile(values):
    return np.tile(np.array(values, np.float32), (MANY, 1))


def test_rcap_by_hand(observe):
    """Beta = 1; arms 0, 1 of each class were kept last time.

    class 0: losses ln 9, ln 9, 0, 0, q = 0.45 0.45 0.05 0.05, kept mass 0.9
    class 1: losses 0, 0, ln 9, ln 9, q = 0.05 0.05 0.45 0.45, kept mass 0.1
    Both priors are 1/2: quotas of 4 are as sqrt 0.9 to sqrt 0.1, 3 to 1.
    The one arm of class 1 is drawn by q.
    """
    agent = prune_agents.make("rcap", keep_ratio=0.5, beta=1.0)
    label = tile([0, 0, 0, 0, 1, 1, 1, 1])
    first, state = agent.predict(observe(loss=np.full(label.shape, np.log(10)), label=label))
    assert (first[:, :4].sum(axis=1) == 2).all()  # no selection yet: equal masses
    state["kept"][:] = [1, 1, 0, 0, 1, 1, 0, 0]
    high = np.log(9)
    kept, _ = agent.predict(
        observe(loss=tile([high, high, 0, 0, 0, 0, high, high]), label=label), state
    )
    assert (kept[:, :4].sum(axis=1) == 3).all()
    np.testing.assert_allclose(kept[:, 4:].mean(axis=0), [0.05, 0.05, 0.45, 0.45], atol=0.04)


def test_rcap_rounds_up_in_each_class(observe, rng):
    """Three classes of 5, 5 and 31 arms, K = 12, equal masses: shares as sqrt n.

    sqrt 5 = 2.236, 2.236, 5.568 of 10.04: 2.67, 2.67 and 6.66 arms, so 3, 3 and 7.
    """
    agent = prune_agents.make("rcap", keep_ratio=12 / 41)
    label = rng.permutation(np.repeat([0, 1, 2], [5, 5, 31]))
    kept, _ = agent.predict(observe(loss=np.full(41, np.log(3)), label=label))
    assert np.bincount(label[kept == 1]).tolist() == [3, 3, 7]
    assert not agent.keeps_k


def test_rcap_by_the_library(observe, rng):
    """A plain restatement of DataCull's quotas on heavy-tailed losses, round after round."""
    agent = prune_agents.make("rcap", keep_ratio=0.23, beta=0.5)
    label = rng.permutation(np.repeat(range(4), [150, 40, 25, 20]))
    loss, kept, state = np.full(235, np.log(4)), None, None
    for _ in range(6):
        q = np.exp(np.minimum(loss, np.log(4)) / 0.5)
        for c in range(4):
            q[label == c] /= q[label == c].sum()
        before = np.ones(235, bool) if kept is None else kept == 1
        root = [np.sqrt(q[before & (label == c)].sum() * (label == c).mean()) for c in range(4)]
        wanted = [math.ceil(54 * part / sum(root)) for part in root]
        kept, state = agent.predict(observe(loss=loss, label=label), state)
        assert np.bincount(label[kept == 1]).tolist() == wanted
        loss = np.where(kept, rng.pareto(0.8, 235) / (1 + label), loss)


@pytest.mark.parametrize("kept", [[0, 1, 1, 0, 0, 0, 1, 1], [1, 0, 0, 0, 1, 0, 0, 1]])
def test_rcap_of_a_low_temperature_keeps_the_hardest_and_shuts_no_class(observe, kept):
    """All mass is at arms 1 and 6. Where neither was kept before, the classes are equals."""
    agent = prune_agents.make("rcap", keep_ratio=0.5, beta=1e-3)
    label = [0, 0, 0, 0, 1, 1, 1, 1]
    _, state = agent.predict(observe(loss=[2.3] * 8, label=label))
    state["kept"][0] = kept
    loss = [0.1, 0.9, 0.3, 0.7, 1.1, 0.2, 2.0, 0.1]
    kept, _ = agent.predict(observe(loss=loss, label=label), state)
    assert kept.tolist() == [0, 1, 0, 1, 1, 0, 1, 0]


def test_rcap_clips_losses_at_log_c(observe):
    """Losses of 50 and of log C are one and the same: each of the two is drawn half the time."""
    agent = prune_agents.make("rcap", keep_ratio=0.5, beta=0.5)
    label = tile([0, 0])
    _, state = agent.predict(observe(loss=np.full(label.shape, np.log(10)), label=label))
    kept, _ = agent.predict(observe(loss=tile([50, np.log(10)]), label=label), state)
    np.testing.assert_allclose(kept.mean(axis=0), 0.5, atol=0.04)


def test_arm_clusters_by_hand(observe):
    """Two classes, two bands, log C = 4, c = 0.

    losses before  4 3 2 1 | 1 2 3 4    groups 0 0 1 1 | 3 3 2 2
    losses after   2 1 2 1 | 1 2 3 2    falls over log C 0.5 0.5 0 0 | 0 0 0 0.5
    rewards        group 0: 0.5, group 1: 0, group 2: 0.25, group 3: 0
    groups now     0 1 0 1 | 3 2 2 3    K = 4: groups 0 and 2; arms 5 and 7 tie, and either may be 2
    """
    agent = prune_agents.make("arm_clusters", keep_ratio=0.5, bands=2, c=0.0)
    label = [0, 0, 0, 0, 1, 1, 1, 1]
    _, state = agent.predict(observe(loss=[4.0] * 8, label=label, seen=[0] * 8))
    _, state = agent.predict(observe(loss=[4, 3, 2, 1, 1, 2, 3, 4], label=label), state)
    assert state["group"].tolist() == [[0, 0, 1, 1, 3, 3, 2, 2]]
    assert not state["count"].any()  # first looks are no fall
    action, state = agent.predict(observe(loss=[2, 1, 2, 1, 1, 2, 3, 2], label=label), state)
    np.testing.assert_allclose(state["sum"][0, :4], [0.5, 0, 0.25, 0])
    assert state["count"][0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    group = state["group"][0]
    assert group.tolist() in ([0, 1, 0, 1, 3, 2, 2, 3], [0, 1, 0, 1, 3, 3, 2, 2])
    assert action.tolist() == np.isin(group, [0, 2]).tolist()


@pytest.mark.parametrize(
    ("c", "kept"), [(0.0, [0, 1, 4, 5]), (0.47, [0, 1, 4, 5]), (0.7, [2, 3, 4, 5])]
)
def test_the_bonus_of_arm_clusters_by_hand(observe, c, kept):
    """Two classes, two bands, 13 rounds; group 1 was tried once, the others four times.

    group            0     1     2     3
    mean             0.5   0.1   0.3   0.2
    sqrt(ln 14 / n)  0.81  1.62  0.81  0.81
    c = 0.47         0.88  0.86  0.68  0.58
    c = 0.7          1.07  1.24  0.87  0.77
    """
    agent = prune_agents.make("arm_clusters", keep_ratio=0.5, bands=2, c=c, discount=1.0)
    label, loss = [0, 0, 0, 0, 1, 1, 1, 1], [4, 3, 2, 1, 4, 3, 2, 1]
    _, state = agent.predict(observe(loss=[4.0] * 8, label=label, seen=[0] * 8))
    _, state = agent.predict(observe(loss=loss, label=label), state)
    state["count"][0, :4] = [4, 1, 4, 4]
    state["sum"][0, :4] = [2.0, 0.1, 1.2, 0.8]
    state["rounds"][0] = 13
    action, _ = agent.predict(observe(loss=loss, label=label, seen=[0] * 8), state)
    assert np.flatnonzero(action).tolist() == kept


def test_arm_clusters_keeps_of_each_class_its_share(observe, rng):
    """Of 600, 90 and 10 arms a third, in all of 12 rounds, though only class 0 still falls."""
    agent = prune_agents.make("arm_clusters", keep_ratio=1 / 3)
    label = rng.permutation(np.repeat([0, 1, 2], [600, 90, 10]))
    loss, seen, state = np.full(700, np.log(3)), np.zeros(700), None
    for _ in range(12):
        kept, state = agent.predict(observe(loss=loss, label=label, seen=seen), state)
        sizes = np.bincount(label[kept == 1], minlength=3)
        assert sizes.tolist() in ([200, 30, 3], [200, 29, 4], [199, 30, 4])
        seen = kept
        loss = np.where(kept, np.where(label == 0, loss * 0.7, 0.3), loss)


def test_arm_clusters_where_there_are_more_classes_than_arms(observe):
    agent = prune_agents.make("arm_clusters", keep_ratio=0.4)
    label, loss = [90, 17, 90, 3, 55], [1.0, 2.0, 3.0, 4.0, 4.0]
    state = None
    for _ in range(3):
        action, state = agent.predict(observe(loss=loss, label=label), state)
    assert state["group"].tolist() == [[3, 1, 3, 0, 2]]  # bands: 5 arms // 4 classes = 1
    assert action.sum() == 2


def test_groups_are_those_of_the_last_observation_whoever_chooses(observe):
    """With a period, and among the policies of meta_bandit, rounds pass without a choice."""
    agent = prune_agents.make("arm_clusters", keep_ratio=0.5, bands=2, period=3)
    label, state = [0] * 4, None
    for loss, group in (([4, 3, 2, 1], [0, 0, 1, 1]), ([1, 2, 3, 4], [1, 1, 0, 0])):
        _, state = agent.predict(observe(loss=loss, label=label), state)
        assert state["group"].tolist() == [group]
