"""exp3m and exp3ix: chances and weights worked by hand."""

import numpy as np
import prune_agents

LOG_C = np.log(10)


def after_one_round(agent, observe, rewards, kept):
    """The state after a round of equal chances in which these arms were kept."""
    arms = len(rewards)
    _, state = agent.predict(observe(loss=np.full(arms, LOG_C), seen=np.zeros(arms)))
    np.testing.assert_allclose(state["chance"], 0.5)
    state["kept"][:] = kept
    # With full feedback all are seen; only those that were kept may count.
    action, state = agent.predict(observe(loss=np.multiply(rewards, LOG_C)), state)
    assert action.sum() == 2
    return state


def test_exp3m_by_hand(observe):
    """N = 4, K = 2, gamma = 0.5: log w += 0.5 * 2/4 * reward / 0.5 = 0.5 reward if kept.

    Rewards 1 and 0.5: w = e^0.5, e^0.25, 1, 1 = 1.649, 1.284, 1, 1, sum 4.933;
    p = 2 (0.5 w / 4.933 + 0.5 / 4) = w / 4.933 + 0.25
    """
    agent = prune_agents.make("exp3m", keep_ratio=0.5, gamma=0.5)
    state = after_one_round(agent, observe, [1, 0.5, 1, 1], [True, True, False, False])
    np.testing.assert_allclose(state["log_weight"], [[0, -0.25, -0.5, -0.5]], rtol=1e-6)
    np.testing.assert_allclose(state["chance"], [[0.5842, 0.5103, 0.4527, 0.4527]], atol=1e-4)


def test_exp3m_caps_heavy_arms():
    """Gamma = 0.2: p_0 = 2 (0.8 * 100 / 103 + 0.05) = 1.65 is too much; the others share 1."""
    agent = prune_agents.make("exp3m", gamma=0.2)
    np.testing.assert_allclose(
        agent.chances(np.array([[100.0, 1, 1, 1]]), 2), [[1, 1 / 3, 1 / 3, 1 / 3]], rtol=1e-6
    )
    assert (agent.gain(np.ones((1, 2)), np.array([[1.0, 0.5]])) > 0).tolist() == [[False, True]]


def test_exp3ix_by_hand(observe):
    """Eta = 0.3, gamma = 0.1: log w -= 0.3 (1 - reward) / (0.5 + 0.1) if kept.

    Rewards 1 and 0.5: w = 1, e^-0.25, 1, 1 = 1, 0.7788, 1, 1, sum 3.7788; p = 2 w / 3.7788
    """
    agent = prune_agents.make("exp3ix", keep_ratio=0.5, eta=0.3, gamma=0.1)
    state = after_one_round(agent, observe, [1, 0.5, 0, 0], [True, True, False, False])
    np.testing.assert_allclose(state["log_weight"], [[0, -0.25, 0, 0]], atol=1e-7)
    np.testing.assert_allclose(state["chance"], [[0.5293, 0.4122, 0.5293, 0.5293]], atol=1e-4)


def test_both_learn_to_keep_what_pays(observe):
    """10 of 40 arms always have loss log C, the others none: K = 10 finds them."""
    paying = np.arange(40) < 10
    for agent in (
        prune_agents.make("exp3m", keep_ratio=0.25, gamma=0.3),
        prune_agents.make("exp3ix", keep_ratio=0.25),
    ):
        action, state = agent.predict(observe(loss=np.full(40, LOG_C), seen=np.zeros(40)))
        for _ in range(150):
            action, state = agent.predict(observe(loss=paying * LOG_C, seen=action), state)
        assert state["chance"][0, paying].mean() > 0.75
