"""What is drawn of an arm, and where it lies in the order of a round."""

import gymnasium as gym
import numpy as np
import prune_agents
import pytest
from speed import streams

import prune_env  # noqa: F401 - registers the ids


def test_equal_streams_give_equal_orders_and_streams_apart_do_not():
    found = streams.correlations(streams.Options(seeds=30), num_arms=200)
    means = {name: np.mean(pairs, axis=0) for name, pairs in found.items()}
    assert len(means) == 10
    equal, apart = means.pop("an order, the same round")
    assert equal == pytest.approx(1)
    off = 4 / np.sqrt(30 * 199)  # four standard errors
    assert abs(apart) < off
    assert np.abs(list(means.values())).max() < off


@pytest.mark.parametrize("seed", range(3))
def test_an_environment_draws_the_seed_of_its_data(seed):
    env = gym.make("prune_env/Digits-v0", limit=50, network="mlp").unwrapped
    env.reset(seed=seed)
    agent = prune_agents.make("ucb", keep_ratio=0.3, seed=seed)
    assert env.learner._seed == int(np.random.default_rng(seed).integers(2**31))
    assert env.learner._seed > 10**9 > agent.seed
