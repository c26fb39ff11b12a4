"""is_epoch: chances by hand, and that the weighted sum is unbiased."""

import numpy as np
import prune_agents
import pytest
from prune_agents.tools.weights import ROUNDING

MANY = 4000


def test_chances_and_weights_by_hand(observe):
    """Norms 1.0 0.6 0.2 0.2, mean 0.5, half uniform: g = 1.5 1.1 0.7 0.7, sum 4, K = 2.

    Chances g / 2 = 0.75 0.55 0.35 0.35; weights 2 / (4 chance) = 0.667 0.909 1.429 1.429.
    """
    agent = prune_agents.make("is_epoch", keep_ratio=0.5, uniform=0.5)
    weights, _ = agent.predict(observe(error_norm=np.tile([1.0, 0.6, 0.2, 0.2], (MANY, 1))))
    chance = np.array([0.75, 0.55, 0.35, 0.35])
    assert ((weights > 0).sum(axis=1) == 2).all()
    np.testing.assert_allclose((weights > 0).mean(axis=0), chance, atol=0.03)
    for arm, weight in enumerate(0.5 / chance):
        np.testing.assert_allclose(weights[weights[:, arm] > 0, arm], weight, rtol=1e-6)


def test_the_weighted_sum_is_unbiased_for_any_loss(observe, rng):
    """N = 40, heavy tails: sum w l estimates K mean l; scaled to a sum of K it is 4 % off."""
    norm = np.minimum(rng.pareto(1.1, 40) / 20, np.sqrt(2))
    loss = norm * rng.lognormal(0, 1, 40)
    agent = prune_agents.make("is_epoch", keep_ratio=0.3)
    weights, _ = agent.predict(observe(error_norm=np.tile(norm, (20_000, 1))))
    estimate = weights @ np.stack([loss, norm, np.ones(40)], axis=1) / 12
    error = estimate.mean(axis=0) / [loss.mean(), norm.mean(), 1] - 1
    deviation = estimate.std(axis=0) / [loss.mean(), norm.mean(), 1] / np.sqrt(20_000)
    assert (abs(error) < 4 * deviation).all()
    assert (abs(error) < 0.01).all()
    scaled = weights * (12 / weights.sum(axis=1, keepdims=True)) @ norm / 12
    assert scaled.mean() > 1.04 * norm.mean()


def test_no_weight_exceeds_one_over_uniform(observe, rng):
    agent = prune_agents.make("is_epoch", keep_ratio=0.1, uniform=0.005)
    norm = np.where(np.arange(1000) < 300, 1.0, 0.0)
    weights, _ = agent.predict(observe(error_norm=np.tile(norm, (30, 1))))
    assert 100 < weights.max() <= 200
    assert agent.env_options(8) == {"weight_max": 200 * (1 + ROUNDING)}
    assert prune_agents.make("is_epoch").env_options(8) == {}


def test_arms_that_are_all_right_are_kept_uniformly(observe):
    agent = prune_agents.make("is_epoch", keep_ratio=0.5)
    weights, _ = agent.predict(observe(error_norm=np.zeros((MANY, 4))))
    np.testing.assert_allclose((weights > 0).mean(axis=0), 0.5, atol=0.03)


@pytest.mark.parametrize("uniform", [0.01, 0.003])
def test_the_environment_takes_every_weight(observe, uniform):
    """In float32 some are above 1 / uniform."""
    agent = prune_agents.make("is_epoch", keep_ratio=0.2, uniform=uniform)
    norm = np.where(np.arange(400) < 200, 1.0, 0.0)
    weights, _ = agent.predict(observe(error_norm=np.tile(norm, (400, 1))))
    allowed = agent.env_options(8)["weight_max"]
    assert (1 / uniform - 1) < weights.max() <= allowed
