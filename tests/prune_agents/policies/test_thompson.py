"""ts_gauss and ts_beta: how often one of two arms wins, against the integral."""

import numpy as np
import prune_agents
import pytest

LOG_C = np.log(10)
MANY = 4000


def wins(agent, observe, **second):
    """How often each of two arms is kept after both were observed once."""
    tiled = {name: np.tile(values, (MANY, 1)) for name, values in second.items()}
    empty = {name: np.full((MANY, 2), LOG_C) for name in second}
    _, state = agent.predict(observe(**empty, seen=np.zeros((MANY, 2))))
    action, state = agent.predict(observe(**tiled), state)
    return action.mean(axis=0), state


def test_ts_gauss(observe):
    """Rewards 0.5, 0.7, n = 2 with the imagined one: means 0.75, 0.85, deviation 0.2 / sqrt 2.

    The difference of two draws is N(0.1, 0.2^2): arm 0 wins with chance Phi(-0.5) = 0.3085.
    """
    agent = prune_agents.make("ts_gauss", keep_ratio=0.5, sigma=0.2)
    kept, state = wins(agent, observe, loss=[0.5 * LOG_C, 0.7 * LOG_C])
    np.testing.assert_allclose(kept, [0.3085, 0.6915], atol=0.03)
    np.testing.assert_allclose(state["sum"][0], [0.5, 0.7], rtol=1e-6)


def test_ts_gauss_forgets(observe):
    """Discount 0.5: after rewards 1 and 0, sum = 0.5 * 1 + 0 and count = 1.5."""
    agent = prune_agents.make("ts_gauss", keep_ratio=1.0, discount=0.5)
    _, state = agent.predict(observe(loss=[LOG_C], seen=[0]))
    for loss in (LOG_C, 0.0):
        _, state = agent.predict(observe(loss=[loss]), state)
    assert state["sum"].tolist() == [[0.5]]
    assert state["count"].tolist() == [[1.5]]


def test_ts_beta(observe):
    """Wrong once: Beta(2, 1). Right once: Beta(1, 2), which wins with chance 1/6."""
    agent = prune_agents.make("ts_beta", keep_ratio=0.5)
    kept, _ = wins(agent, observe, correct=[0.0, 1.0])
    np.testing.assert_allclose(kept, [5 / 6, 1 / 6], atol=0.03)


@pytest.mark.parametrize("name", ["ts_gauss", "ts_beta"])
def test_the_unseen_go_first(observe, name):
    agent = prune_agents.make(name, keep_ratio=0.5)
    _, state = agent.predict(observe(loss=[LOG_C] * 4, correct=[0] * 4, seen=[0] * 4))
    seen = observe(loss=[2, 2, LOG_C, LOG_C], correct=[0] * 4, seen=[1, 1, 0, 0])
    assert agent.predict(seen, state)[0].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("name", "signal"), [("ts_gauss", "loss"), ("ts_beta", "correct")])
def test_what_was_seen_long_ago_is_still_known(name, signal, observe):
    """Ten to the minus 60 is no float32."""
    agent, state = prune_agents.make(name, keep_ratio=0.5, discount=0.1), None
    for round_ in range(60):
        seen = [0, 0] if round_ == 0 else [1, round_ == 1]
        observation = observe(**{signal: [0.5, 0.5]}, seen=seen)
        _, state = agent.predict(observation, state)
    assert np.isfinite(agent.scores_now(observation, state)).all()
