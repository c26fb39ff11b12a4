"""proxy_top_k: the hardest arms of the same round of a prior run, batch by batch."""

import numpy as np
import prune_agents
from prune_agents.prior import Prior, Traces

LOSS = np.array([[0.1, 5.0, 0.3, 70.0], [9.0, 0.2, 0.4, 0.1]], np.float32)


def begun(agent, loss):
    traces = Traces({"loss": loss[None]}, 0, 0.0, 0.0, np.zeros(loss.shape[1], np.int64))
    return agent.begin(traces)


def test_each_round_keeps_what_the_proxy_found_hardest_in_it(observe):
    agent = prune_agents.make("proxy_top_k", keep_ratio=0.5)
    assert agent.prior(8) == Prior(rounds=8)
    state, kept = begun(agent, LOSS), []
    for _ in range(3):
        action, state = agent.predict(observe(seen=np.ones(4)), state)
        kept.append(np.flatnonzero(action).tolist())
    assert kept == [[1, 3], [0, 2], [0, 2]]  # after the last recorded round that one again


def test_arms_compete_within_a_batch_only(observe):
    """Batches of 2 of 8 arms: of the 4 hardest only 1 in 3 is beaten by another of them."""
    agent = prune_agents.make("proxy_top_k", keep_ratio=0.5, batch_size=2)
    loss = np.array([[1, 2, 3, 4, 50, 60, 70, 80]], np.float32)
    kept = np.zeros(8)
    for seed in range(400):
        agent = prune_agents.make("proxy_top_k", keep_ratio=0.5, batch_size=2, seed=seed)
        action, _ = agent.predict(observe(seen=np.ones(8)), begun(agent, loss))
        assert action.sum() == 4
        kept += action
    # arm of rank r wins against the r arms below it, of 7
    np.testing.assert_allclose(kept / 400, np.arange(8) / 7, atol=0.08)
