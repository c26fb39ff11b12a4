"""is_epoch: chances by hand, and that the weighted sum is unbiased."""

import numpy as np
import prune_agents

MANY = 4000


def test_chances_and_weights_by_hand(observe):
    """Norms 1.0 0.6 0.2 0.2, mean 0.5, half uniform: g = 1.5 1.1 0.7 0.7, sum 4, K = 2.

    Chances g / 2 = 0.75 0.55 0.35 0.35; weights 1.333 1.818 2.857 2.857, scaled to a mean of 1.
    """
    agent = prune_agents.make("is_epoch", keep_ratio=0.5, uniform=0.5)
    weights, _ = agent.predict(observe(error_norm=np.tile([1.0, 0.6, 0.2, 0.2], (MANY, 1))))
    chance = np.array([0.75, 0.55, 0.35, 0.35])
    assert ((weights > 0).sum(axis=1) == 2).all()
    np.testing.assert_allclose((weights > 0).mean(axis=0), chance, atol=0.03)
    np.testing.assert_allclose(weights.sum(axis=1), 2, rtol=1e-5)
    pair = weights[(weights[:, 0] > 0) & (weights[:, 1] > 0)][0]
    np.testing.assert_allclose(pair[0] / pair[1], 0.55 / 0.75, rtol=1e-5)


def test_the_weighted_mean_estimates_the_mean_over_all(observe, rng):
    """Self-normalised: the bias falls as 1 / K."""
    norm = rng.beta(0.5, 1.0, 400)
    agent = prune_agents.make("is_epoch", keep_ratio=0.3)
    weights, _ = agent.predict(observe(error_norm=np.tile(norm, (500, 1))))
    estimates = weights @ norm / weights.sum(axis=1)
    assert abs(estimates.mean() - norm.mean()) < 0.01 * norm.mean()
    # Keeping the largest norms instead would be far off.
    assert np.sort(norm)[-120:].mean() > 1.8 * norm.mean()


def test_arms_that_are_all_right_are_kept_uniformly(observe):
    agent = prune_agents.make("is_epoch", keep_ratio=0.5)
    weights, _ = agent.predict(observe(error_norm=np.zeros((MANY, 4))))
    np.testing.assert_allclose((weights > 0).mean(axis=0), 0.5, atol=0.03)
