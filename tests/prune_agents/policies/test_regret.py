"""Regret where the optimum is known: arms whose loss tells what keeping them is worth."""

import gymnasium as gym
import prune_agents
import pytest

import prune_env  # noqa: F401, registers the ids

LOSS_SEEKING = [
    "arm_clusters",
    "boltzmann",
    "contextual",
    "ducb",
    "epsilon_greedy",
    "forget_online",
    "meta_bandit",
    "orderdp",
    "swucb",
    "ts_beta",
    "ts_gauss",
    "ucb",
    "ucb1",
    "ucb_std",
]


def regret(name):
    """What 30 rounds of the agent fall short of the best choices, without wrong labels."""
    agent = prune_agents.make(name, keep_ratio=0.2)
    env = gym.make(
        "prune_env/Synthetic-v0",
        kinds={"mislabelled": {"share": 0.0}},
        epochs=30,
        signals=("seen", *agent.signals),
        action=agent.action,
        reward="kept_loss",
    )
    observation, info = env.reset(seed=0)
    state, over = None, False
    while not over:
        action, state = agent.predict(observation, state)
        observation, _, over, _, info = env.step(action)
    return info["regret"]


@pytest.fixture(scope="module")
def of_chance():
    return regret("random_dynamic")


@pytest.mark.parametrize("name", LOSS_SEEKING)
def test_beats_chance(name, of_chance):
    assert regret(name) < 0.85 * of_chance


def test_greed_comes_closest(of_chance):
    """Here a high loss is nearly all that makes an arm worth keeping."""
    assert regret("uncertainty") < 0.5 * of_chance
