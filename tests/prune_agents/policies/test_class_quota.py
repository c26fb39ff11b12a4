"""Another policy's ranking, class by class."""

import numpy as np
import prune_agents
import pytest


def observe(loss, label):
    """What one run of so many arms shows after all of them were observed."""
    arrays = {"seen": np.ones(len(loss)), "loss": loss, "label": label}
    return {name: np.array(values, np.float32) for name, values in arrays.items()}


def kept(agent, *observations):
    state, action = None, None
    for observation in observations:
        action, state = agent.predict(observation, state)
    return np.flatnonzero(action).tolist()


LABEL = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2]
LOSS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 2.0, 3.0, 4.0, 0.05]


def test_each_class_keeps_its_share_of_the_highest_scores():
    greedy = prune_agents.make("uncertainty", keep_ratio=0.5)
    fair = prune_agents.make("class_quota", policy="uncertainty", keep_ratio=0.5)
    shown = observe(LOSS, LABEL)
    assert kept(greedy, shown) == [4, 5, 6, 7, 8]
    # of 5 places classes of 6, 3 and 1 arms have 3, 1.5 and 0.5
    assert kept(fair, shown) in ([3, 4, 5, 7, 8], [3, 4, 5, 8, 9])


def test_it_learns_and_reads_what_its_policy_does():
    agent = prune_agents.make("class_quota", policy="ucb", keep_ratio=0.3)
    assert agent.signals == ("loss", "label")
    alone = prune_agents.make("ucb", keep_ratio=0.3)
    rounds = [observe(np.roll(LOSS, i), np.zeros(10)) for i in range(3)]
    assert kept(agent, *rounds) == kept(alone, *rounds)  # with one class there is nothing to divide


@pytest.mark.parametrize("policy", ["epsilon_greedy", "random_dynamic", "el2n", "class_quota"])
def test_a_policy_that_does_not_rank_is_refused(policy):
    with pytest.raises(ValueError, match=f"policy is '{policy}'; allowed is a policy that keeps"):
        prune_agents.make("class_quota", policy=policy)


def test_who_ranks():
    ranking = {name for name in prune_agents.names() if prune_agents.find(name).ranks()}
    assert ranking == {
        "uncertainty", "easiest", "ucb", "ucb_std", "ucb1", "ducb", "swucb", "ts_gauss", "ts_beta",
        "contextual", "forget_online", "molpeg", "boltzmann",
    }  # fmt: skip
