"""Prototype odds by hand, and who is drawn from where."""

import numpy as np
import prune_agents
import pytest
from prune_agents.policies.proto_sampler import prototype_odds

FEATURES = [[2, 0], [0, 3], [-1, 0], [-5, 0]]
LABEL = [0, 0, 1, 1]


def logistic(x):
    return 1 / (1 + np.exp(-x))


def test_odds_by_hand():
    """At length 1: (1, 0), (0, 1) | (-1, 0) twice; prototypes (0.5, 0.5) | (-1, 0).

    Distances to them: 0.7071, 2 | 0.7071, 1.4142 | 1.5811, 0. Deviations 0.5 of deviations of
    0.3536: risk 1.4142. Two arms are nearest to each prototype, which is average: b = 1.
    """
    odds = np.exp(prototype_odds(np.array(FEATURES, np.float32), np.array(LABEL)))
    expected = [
        logistic(0.7071 / 2) / (logistic(1.4142) * logistic(1)),
        logistic(0.7071 / 1.4142) / (logistic(1.4142) * logistic(1)),
        0.5 / (0.5 * logistic(1)),
        0.5 / (0.5 * logistic(1)),
    ]
    assert odds.tolist() == pytest.approx(expected, abs=1e-4)


def test_the_larger_the_cluster_the_lower_the_odds():
    """Three arms in one place are nearest to their prototype, one is alone: b = 1.5 and 0.5."""
    features = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32)
    odds = np.exp(prototype_odds(features, np.array([0, 0, 0, 1])))
    expected = [1 / logistic(1.5)] * 3 + [1 / logistic(0.5)]  # all are on their own prototypes
    assert odds.tolist() == pytest.approx(expected, abs=1e-3)


def test_minorities_are_kept_more(rng, observe):
    """Classes of 900, 300 and 100 arms, alike else."""
    label = np.tile(np.repeat([0, 1, 2], [900, 300, 100]), (20, 1))
    features = np.eye(3)[label] * 8 + rng.standard_normal((20, 1300, 3))
    agent = prune_agents.make("proto_sampler", keep_ratio=0.3)
    action, _ = agent.predict(observe(label=label, features=features, progress=np.zeros((20, 1))))
    shares = [action[label == group].mean() for group in range(3)]
    np.testing.assert_allclose(shares, [0.275, 0.343, 0.395], atol=0.02)


@pytest.mark.parametrize("label", [[4, 4, 4], [0, 7, 99]])
@pytest.mark.parametrize("value", [0.0, 1e6, 1e-30])
def test_odds_are_finite(label, value):
    odds = prototype_odds(np.full((3, 2), value, np.float32), np.array(label, np.float32))
    assert np.isfinite(odds).all()


@pytest.mark.parametrize(("progress", "expected"), [(0.0, 7), (0.5, 2), (1.0, 0)])
def test_how_many_are_kept_again(observe, progress, expected):
    """K = 10 of 100: 7, then 10 * 0.7 * 0.25 = 1.75, then none."""
    agent = prune_agents.make("proto_sampler", keep_ratio=0.1)
    features = np.random.default_rng(0).random((100, 3))
    everything = {"features": features, "label": np.arange(100) % 4, "progress": [progress]}
    state = agent.predict(observe(**everything, seen=np.ones(100)))[1]
    old = state["kept"][0]
    action, state = agent.predict(observe(**everything, seen=old), state)
    assert action.sum() == 10
    assert (action[old] == 1).sum() == expected


def test_nobody_is_drawn_twice_where_few_are_left(observe):
    """K = 9 of 10: only one arm was pruned, so 8 are kept again whatever the progress."""
    agent = prune_agents.make("proto_sampler", keep_ratio=0.9)
    everything = {"features": np.eye(10), "label": np.arange(10), "progress": [1.0]}
    action, state = agent.predict(observe(**everything, seen=np.ones(10)))
    pruned = action == 0
    action, _ = agent.predict(observe(**everything, seen=action), state)
    assert action.sum() == 9
    assert action[pruned].all()


def test_a_choice_that_a_budget_has_cut_is_what_was_trained(observe):
    """Again = 1 at the start: all are drawn from those trained last, of which two are left."""
    agent = prune_agents.make("proto_sampler", keep_ratio=0.5, again=1.0)
    entries = {"features": FEATURES, "label": LABEL, "progress": [0.0]}
    _, state = agent.predict(observe(**entries, seen=[0, 0, 0, 0]))
    state["kept"][:] = True
    for _ in range(20):
        action, _ = agent.predict(observe(**entries, seen=[0, 1, 1, 0]), state)
        assert action.tolist() == [0, 1, 1, 0]
