"""One seed of a loop: the order of the samples, and what the agent draws."""

from __future__ import annotations

import prune_agents

from prune_env.training import Pruned


def test_a_seed_decides_the_order_and_what_the_agent_draws(blobs):
    def first(agent, seed):
        return list(Pruned(blobs, agent, epochs=2, seed=seed, quiet=True).sampler)

    random = prune_agents.make("random_dynamic", keep_ratio=0.5)
    assert first(random, 1) == first(random, 1)
    assert set(first(random, 1)) != set(first(random, 2)) != set(first(random, 0))
    own = prune_agents.make("random_dynamic", keep_ratio=0.5, seed=7)
    assert set(first(own, 1)) == set(first(own, 2))  # a seed of its own stays
    assert first(own, 1) != first(own, 2)
    everything = prune_agents.make("full")
    assert first(everything, 1) != first(everything, 2)
