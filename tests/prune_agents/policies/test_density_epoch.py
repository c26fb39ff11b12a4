"""Densities by hand, and what follows from them."""

import numpy as np
import prune_agents
import pytest
from prune_agents.policies.density_epoch import density


def test_in_one_dimension_it_is_silvermans_estimate():
    """Variance 8/9, three centres: h^2 = 8/9 (4/9)^(2/5) = 0.6427; exp(-4 / 2 h^2) = 0.0445."""
    near = density(np.array([[0], [0], [2]], np.float32), 3)
    assert near.tolist() == pytest.approx([2.0445 / 3, 2.0445 / 3, 1.089 / 3], abs=1e-4)


def test_a_coordinate_twice_changes_the_bandwidth_only():
    """D = 2: h^2 = 8/9 (1/3)^(1/3) = 0.6163; exp(-(4 + 4) / (2 * 2 h^2)) = 0.0390."""
    near = density(np.array([[0, 0], [0, 0], [2, 2]], np.float32), 3)
    assert near.tolist() == pytest.approx([2.0390 / 3, 2.0390 / 3, 1.0780 / 3], abs=1e-4)


@pytest.mark.parametrize("features", [np.full((5, 3), 1e6), np.zeros((1, 4)), np.full((3, 1), -7)])
def test_where_all_are_the_same_all_is_dense(features):
    assert density(features.astype(np.float32), 2).tolist() == pytest.approx([1.0] * len(features))


def test_few_centres_are_evenly_spaced():
    """The first and the last of four: an arm between them is near to neither."""
    near = density(np.array([[0], [5], [5], [10]], np.float32), 2)
    assert near[0] == near[3]
    assert near[1] == near[2] < near[0]


def test_an_arm_keeps_its_density_until_it_is_seen_again(observe):
    agent = prune_agents.make("density_epoch", keep_ratio=0.25, floor=0.5)
    _, state = agent.predict(observe(features=[[0], [0], [2], [9]], seen=[1, 1, 1, 0]))
    expected = [2.0445 / 3, 2.0445 / 3, 1.089 / 3]
    assert np.exp(state["log_odds"][0, :3]).tolist() == pytest.approx(
        [1 / (near + 0.5) for near in expected], abs=1e-4
    )
    assert state["log_odds"][0, 3] == np.inf
    old = state["log_odds"]
    _, state = agent.predict(observe(features=[[7]] * 4, seen=[0, 1, 0, 1]), state)
    assert state["log_odds"][0, [0, 2]].tolist() == old[0, [0, 2]].tolist()
    assert np.exp(state["log_odds"][0, [1, 3]]).tolist() == pytest.approx([1 / 1.5] * 2)


def test_rare_arms_are_drawn_as_often_as_their_odds_say(observe):
    """A crowd of 90 arms and 10 far away: density 0.9 and 0.1, odds about 1 to 9."""
    features = np.zeros((100, 1))
    features[90:] = 1e3
    agent = prune_agents.make("density_epoch", keep_ratio=0.01, floor=1e-9)
    observation = observe(features=features, seen=np.ones(100))
    state = agent.predict(observation)[1]
    state["log_odds"] = np.tile(state["log_odds"], (4000, 1))
    drawn = agent.choose(state, observation, 1, np.random.default_rng(0))
    assert drawn[:, 90:].any(axis=1).mean() == pytest.approx(0.5, abs=0.03)
