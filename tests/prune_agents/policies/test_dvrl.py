"""dvrl: its steps by hand, its direction against differences, and that it learns where it can."""

import numpy as np
import prune_agents
import pytest
from prune_agents.policies.dvrl import INPUTS, SIZES
from scipy.optimize import brentq
from scipy.special import expit

from prune_env.core import perceptrons

N = 400


def make(**options):
    return prune_agents.make("dvrl", keep_ratio=0.3, **options)


@pytest.fixture
def observation(observe, rng):
    entries = {name: rng.standard_normal(N) for name in INPUTS}
    return observe(**entries) | {"val_loss": np.array([2.0], np.float32)}


def test_begins_as_random_dynamic(observation):
    kept = np.mean([make(seed=seed).predict(observation)[0] for seed in range(500)], axis=0)
    assert kept.sum() == pytest.approx(120)
    assert abs(kept - 0.3).max() < 0.1  # 5 deviations


def test_steps_by_hand(observation):
    """
    Validation loss   2      1       1/4     1/4
    Reward / ln 2            1       2       0
    Mean before              -       1       1.5
    Surprise                 0       1       -1.5
    Scale                    0       1       1 + 0.5 (1.5 - 1) = 1.25
    Step / lr                0       1       -1.2
    """
    agent, state = make(lr=0.2, alpha=0.5), None
    for val_loss, step in ((2, 0), (1, 0), (0.25, 0.2), (0.25, -0.24)):
        before = state
        observation["val_loss"][:] = val_loss
        _, state = agent.predict(observation, state)
        if before:
            expected = before["theta"] + step * before["direction"]
            np.testing.assert_allclose(state["theta"], expected, atol=1e-6)
            assert np.linalg.norm(state["direction"]) == pytest.approx(1)


def test_direction_is_the_gradient_of_the_log_likelihood(observation, rng):
    """Of what was kept, under independent draws with these chances."""
    theta = rng.standard_normal((1, len(perceptrons.initial(SIZES, rng)))) / 3
    state = make().fresh_state(1, N) | {"theta": theta}
    kept, after = make().predict(observation, state)
    inputs = np.stack([(a - a.mean()) / a.std() for a in map(observation.get, INPUTS)], -1)[None]

    def values(theta):
        return perceptrons.forward(theta, SIZES, inputs)[-1][0, :, 0]

    shift = brentq(lambda b: expit(values(theta) + b).sum() - 120, -50, 50)

    def log_likelihood(theta):
        chance = expit(values(theta) + shift)
        return np.log(np.where(kept, chance, 1 - chance)).sum()

    numeric = np.empty_like(theta)
    for place in range(theta.shape[1]):
        step = np.zeros_like(theta)
        step[:, place] = 1e-6
        numeric[0, place] = (log_likelihood(theta + step) - log_likelihood(theta - step)) / 2e-6
    np.testing.assert_allclose(after["direction"], numeric / np.linalg.norm(numeric), atol=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_learns_which_arms_bring_the_validation_loss_down(observation, sign):
    """They are the 120 of the highest, or lowest, loss; a random choice has 30 % of them."""
    good = np.argsort(-sign * observation["loss"])[:120]
    agent, state, shares = make(), None, []
    for _ in range(150):
        action, state = agent.predict(observation, state)
        shares.append(action[good].mean())
        observation["val_loss"] *= np.exp(-0.05 * shares[-1])
    assert np.mean(shares[:5]) < 0.45
    assert np.mean(shares[-10:]) > 0.75


@pytest.mark.parametrize("option", ["lr", "alpha"])
def test_bad_options(option):
    with pytest.raises(ValueError, match=f"{option} is 0; allowed is"):
        make(**{option: 0})
