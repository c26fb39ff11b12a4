"""orderdp against all pools there are; selective_backprop by hand."""

from itertools import combinations

import numpy as np
import prune_agents
import pytest

MANY = 4000


def frequencies(agent, observe, loss):
    """How often each arm is kept when these losses have been observed."""
    tiled = np.tile(loss, (MANY, 1))
    action, _ = agent.predict(observe(loss=tiled))
    return action.mean(axis=0), action.sum(axis=1)


def test_orderdp_matches_an_enumeration_of_all_pools(observe):
    """N = 6, pool of 3, its top 2. In twentieths, by rank of the loss: 10 10 9 7 4 0."""
    loss = np.array([5.0, 3.0, 0.5, 4.0, 2.0, 1.0])
    counts = np.zeros(6)
    pools = list(combinations(range(6), 3))
    for pool in pools:
        counts[sorted(pool, key=lambda arm: -loss[arm])[:2]] += 1
    assert len(pools) == 20
    assert counts.tolist() == [10, 9, 0, 10, 7, 4]

    agent = prune_agents.make("orderdp", keep_ratio=1 / 3, top_share=2 / 3)
    kept, sizes = frequencies(agent, observe, loss)
    assert (sizes == 2).all()
    np.testing.assert_allclose(kept, counts / 20, atol=0.03)


def test_orderdp_of_the_paper(observe):
    """A = 0.5, b = 0.6: the easiest fifth of all losses is never kept (pool 10, top 6 of 20)."""
    kept, sizes = frequencies(
        prune_agents.make("orderdp", keep_ratio=0.3), observe, np.arange(20.0)
    )
    assert (sizes == 6).all()
    assert (kept[:4] == 0).all()  # rank 16 of 20 has at most 3 easier ones, and needs 4
    np.testing.assert_allclose(kept[-6:], 0.5, atol=0.03)  # kept whenever in the pool


def test_orderdp_tries_unseen_arms_of_the_pool_first(observe):
    agent = prune_agents.make("orderdp", keep_ratio=0.5, top_share=0.5)  # the pool is everything
    action, _ = agent.predict(observe(loss=[9, 8, 1, 1], seen=[1, 1, 0, 0]))
    assert action.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("keep_ratio", "loss", "chance"),
    [
        (0.5, [3.0, 1.0, 4.0, 2.0], [0.75, 0.25, 1.0, 0.5]),  # beta = 1
        (0.25, [3.0, 1.0, 4.0, 2.0], [27 / 64, 1 / 64, 1.0, 8 / 64]),  # beta = 3
        (0.5, [1.0, 2.0, 1.0, 2.0], [0.5, 1.0, 0.5, 1.0]),  # F counts the equal ones in
    ],
)
def test_selective_backprop(observe, keep_ratio, loss, chance):
    agent = prune_agents.make("selective_backprop", keep_ratio=keep_ratio)
    np.testing.assert_allclose(frequencies(agent, observe, loss)[0], chance, atol=0.03)


def test_selective_backprop_begins_with_all(observe):
    agent = prune_agents.make("selective_backprop", keep_ratio=0.1)
    assert agent.predict(observe(loss=[2.3] * 5, seen=[0] * 5))[0].all()
