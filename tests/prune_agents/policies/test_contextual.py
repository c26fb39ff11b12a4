"""contextual: its parameters against ridge regression written out, and that it learns."""

import numpy as np
import prune_agents
import pytest
from prune_agents.policies.contextual import inverse_root


@pytest.mark.parametrize("explore", ["ucb", "thompson"])
def test_scores_are_those_of_ridge_regression(tiny_env, explore):
    agent = prune_agents.make("contextual", explore=explore, c=0.0, ridge=0.2, discount=0.8)
    env = tiny_env(agent, num_arms=40, rounds=10)
    observation, _ = env.reset(seed=1)
    state, history = None, []
    for _ in range(8):
        before = state
        action, state = agent.predict(observation, state)
        seen = observation["seen"] == 1
        if seen.any():
            reward = np.clip(observation["loss"] / np.log(10), 0, 1)
            history.append((before["features"][0, seen], reward[seen]))
        observation, *_ = env.step(action)

    gram, target = 0.2 * np.eye(7), np.zeros(7)
    for age, (rows, rewards) in enumerate(reversed(history)):
        for x, reward in zip(rows.astype(float), rewards, strict=True):
            gram += 0.8**age * np.outer(x, x) / len(rows)
            target += 0.8**age * x * reward / len(rows)
    score = state["features"][0] @ np.linalg.solve(gram, target)
    assert np.isfinite(state["mean"]).all()
    assert score[action == 1].min() >= score[action == 0].max() - 1e-6


def test_features_by_hand(observe):
    """Two rounds of two arms of one class; losses over log C: 0.5 and 1, then 0.25 for arm 0.

    mean 0.5 + 0.5 (0.25 - 0.5) = 0.375; variance 0.5 (0.25 - 0.5)^2 = 0.03125, its root 0.1768
    """
    agent = prune_agents.make("contextual", keep_ratio=0.5, alpha=0.5)
    log_c = np.log(10)
    rest = {"margin": [0, 0.4], "age": [0, 1], "pulls": [2, 1], "label": [0, 0]}
    _, state = agent.predict(observe(loss=[log_c, log_c], seen=[0, 0], **rest))
    _, state = agent.predict(observe(loss=[0.5 * log_c, log_c], **rest), state)
    _, state = agent.predict(observe(loss=[0.25 * log_c, log_c], seen=[1, 0], **rest), state)
    np.testing.assert_allclose(
        state["features"][0],
        [[1, 0.375, 0.1768, 0.0, 0.0, 1.0, 0.625], [1, 1.0, 0.0, 0.4, 0.5, 0.5, 0.625]],
        atol=1e-4,
    )


def exploring(observe, rng, **options):
    """What an agent keeps of 500 arms, 0.3 of them, and the mean and deviation of its scores."""
    arms, dim = 500, 7
    x = rng.normal(size=(arms, dim)).astype(np.float32)
    root = rng.normal(size=(dim, dim))
    gram, target = root @ root.T, rng.normal(size=dim)
    agent = prune_agents.make("contextual", keep_ratio=0.3, ridge=0.5, **options)
    nothing = np.zeros(arms)
    entries = dict.fromkeys(("margin", "age", "pulls", "label"), nothing)
    _, state = agent.predict(observe(loss=nothing + 1, seen=nothing, **entries))
    known = {
        "mean": np.zeros((1, arms), np.float32),
        "features": x[None],
        "gram": gram[None],
        "target": target[None],
    }
    # `choose` itself: `predict` would make features of the observation first
    kept = agent.choose(state | known, {"seen": nothing[None]}, 150, np.random.default_rng(0))[0]
    covariance = np.linalg.inv(gram + 0.5 * np.eye(dim))
    deviation = np.sqrt(np.einsum("ni,ij,nj->n", x, covariance, x))
    return kept, x @ covariance @ target, deviation, covariance, x


def test_the_bonus_of_linear_ucb(observe, rng):
    kept, mean, deviation, *_ = exploring(observe, rng, explore="ucb", c=2.0)
    score = mean + 2.0 * deviation
    assert score[kept].min() >= score[~kept].max() - 1e-5
    assert mean[kept].min() < mean[~kept].max()  # the bonus decides something


def test_thompson_draws_theta_about_its_estimate_with_its_covariance(observe, rng):
    """Theta = A^-1 b + c L z with L L' = A^-1, for the z that this generator draws."""
    kept, mean, _, covariance, x = exploring(observe, rng, explore="thompson", c=1.5)
    noise = np.random.default_rng(0).standard_normal(7)
    theta = 1.5 * np.linalg.cholesky(covariance) @ noise
    score = mean + x @ theta
    assert score[kept].min() >= score[~kept].max() - 1e-5


@pytest.mark.parametrize("explore", ["ucb", "thompson"])
def test_learns_which_class_pays(observe, explore):
    """The arms of class 2 keep a loss of log C, those of the others fall to a tenth of it."""
    label = np.arange(60) % 4
    loss = np.where(label == 2, 1.0, 0.1) * np.log(10)
    agent = prune_agents.make("contextual", keep_ratio=0.25, explore=explore, c=0.1)
    zeros = np.zeros(60)
    action, shown, state = zeros, np.full(60, np.log(10)), None
    for _ in range(20):
        shown = np.where(action == 1, loss, shown)
        entries = {"margin": zeros, "age": zeros, "pulls": zeros, "label": label}
        action, state = agent.predict(observe(loss=shown, seen=action, **entries), state)
    assert (action[label == 2] == 1).all()


def test_thompson_draws_other_parameters_each_time(tiny_env):
    agent = prune_agents.make("contextual", explore="thompson")
    with pytest.raises(ValueError, match=r"explore is 'egreedy'; expected .*ucb.*thompson"):
        prune_agents.make("contextual", explore="egreedy")
    env = tiny_env(agent, num_arms=40)
    observation, _ = env.reset(seed=0)
    state = None
    for _ in range(6):
        action, state = agent.predict(observation, state)
        observation, *_ = env.step(action)
    later = dict(state, calls=state["calls"] + 1)
    assert (agent.predict(observation, state)[0] != agent.predict(observation, later)[0]).any()


def test_the_root_of_an_inverse_is_its_cholesky_factor():
    rows = np.random.default_rng(0).standard_normal((20, 7))
    matrix = rows.T @ rows + np.eye(7)
    expected = np.linalg.cholesky(np.linalg.inv(matrix))
    np.testing.assert_allclose(inverse_root(matrix), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("later", [100.0, 1e4])
def test_losses_that_grow_without_bound_end_nothing(observe, later):
    """In a loop without classes they are shares of the highest of the first round, here 0.01."""
    agent, state = prune_agents.make("contextual", keep_ratio=1.0), None
    flat = {"margin": np.zeros(100), "label": np.zeros(100), "age": np.zeros(100)}
    first = np.random.default_rng(0).uniform(0.002, 0.01, 100)
    for round_ in range(12):
        loss = first if round_ < 2 else np.full(100, later)
        entries = {"loss": loss, "seen": np.full(100, round_ > 0), "pulls": np.full(100, round_)}
        action, state = agent.predict(observe(**flat, **entries), state)
    assert action.all()
    assert np.isfinite(agent.scores_now(observe(**flat, **entries), state)).all()
