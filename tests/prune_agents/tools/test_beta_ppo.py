"""beta_ppo: advantages by hand, its gradient by differences, and a step that goes the right way."""

import numpy as np
import pytest
from prune_agents.tools import beta_ppo
from scipy.stats import beta

from prune_env.core import perceptrons


def step(values, rewards):
    size = len(values)
    return beta_ppo.Step(
        np.zeros((size, 2), np.float32), np.full(size, 0.5), np.zeros(size),
        np.array(values, float), np.array(rewards, float),
    )  # fmt: skip


def test_advantages_by_hand():
    """delta_2 = 4 - 1; delta_1 = 1 + 0.99 * 1 - 2; A_1 = delta_1 + 0.99 * 0.95 * A_2."""
    first, last = beta_ppo.advantages([step([2.0], [1.0]), step([1.0], [4.0])])
    assert last == pytest.approx([3.0])
    assert first == pytest.approx([-0.01 + 0.9405 * 3])


def test_a_batch_of_another_size_ends_the_trace():
    first, _ = beta_ppo.advantages([step([2.0, 0.0], [1.0, 1.0]), step([4.0], [9.0])])
    assert first == pytest.approx([1 + 0.99 * 4 - 2, 1 + 0.99 * 4])


def problem():
    rng = np.random.default_rng(3)
    sizes = beta_ppo.sizes_of(4, 2)
    actor = (perceptrons.initial(sizes, rng)[None] + 0.05 * rng.standard_normal((1, 1))).astype(
        np.float32
    )
    actor += 0.05 * rng.standard_normal(actor.shape).astype(np.float32)
    inputs = rng.standard_normal((6, 4)).astype(np.float32)
    return rng, actor, inputs


def test_log_density_is_that_of_scipy():
    _, actor, inputs = problem()
    a, b, _ = beta_ppo.parameters(actor, inputs)
    assert (a > 1).all()
    assert (b > 1).all()
    x = np.linspace(0.1, 0.9, 6)
    np.testing.assert_allclose(beta_ppo.log_density(a, b, x), beta.logpdf(x, a, b), rtol=1e-9)


def test_the_gradient_of_the_clipped_objective():
    """By differences along random directions. Half of the arms are beyond the clip."""
    rng, actor, inputs = problem()
    action, advantage = rng.uniform(0.1, 0.9, 6), np.array([1.0, -2.0, 3.0, -1.0, 2.0, -3.0])
    a, b, _ = beta_ppo.parameters(actor, inputs)
    old = beta_ppo.log_density(a, b, action) + np.array([0.0, 0.1, -0.5, 0.5, 0.5, -0.5])

    def objective(theta):
        a, b, _ = beta_ppo.parameters(theta.astype(np.float32), inputs)
        ratio = np.exp(beta_ppo.log_density(a, b, action) - old)
        return -np.minimum(ratio * advantage, ratio.clip(0.8, 1.2) * advantage).mean()

    gradient = beta_ppo.actor_gradient(actor, inputs, action, old, advantage)
    for _ in range(5):
        along = rng.standard_normal(actor.shape)
        along /= np.linalg.norm(along)
        slope = (objective(actor + 0.01 * along) - objective(actor - 0.01 * along)) / 0.02
        assert slope == pytest.approx(float((gradient * along).sum()), rel=0.05, abs=2e-3)


def test_a_step_makes_good_draws_more_likely_and_values_truer():
    rng, actor, inputs = problem()
    critic = perceptrons.initial(beta_ppo.sizes_of(4, 1), rng)[None]
    action = np.array([0.9, 0.8, 0.9, 0.1, 0.2, 0.1])
    reward = np.where(action > 0.5, 1.0, -1.0)
    moments = np.zeros((2, actor.shape[1] + critic.shape[1] + 1), np.float32)
    a, b, _ = beta_ppo.parameters(actor, inputs)
    before, (value, _) = beta_ppo.log_density(a, b, action), beta_ppo.values(critic, inputs)
    steps = [beta_ppo.Step(inputs, action, before, value, reward)]
    for _ in range(20):
        beta_ppo.improve(actor, critic, moments, steps)
    a, b, _ = beta_ppo.parameters(actor, inputs)
    change = beta_ppo.log_density(a, b, action) - before
    assert (change * reward > 0).all()
    assert np.abs(beta_ppo.values(critic, inputs)[0] - reward).mean() < 0.7
    assert moments[0, -1] == 80
