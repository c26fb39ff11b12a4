"""ies: who rests and who returns, by hand."""

import numpy as np
import prune_agents

# A straight line has no second difference; the second arm bends in round 6, the third is chaos.
LOSSES = np.array(
    [
        [2.0, 1.8, 1.6, 1.4, 1.2, 1.0, 0.8, 0.6, 0.4, 0.2],
        [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.9, 0.8, 0.7, 0.6],
        [1.0, 3.0, 0.5, 2.0, 0.1, 4.0, 0.2, 1.0, 0.3, 2.0],
    ],
    np.float32,
).T


def test_an_arm_rests_from_its_sixth_loss_on_and_returns_when_it_bends(observe):
    agent = prune_agents.make("ies")
    action, state = agent.predict(observe(loss=np.ones(3), seen=np.zeros(3)))
    kept = [action.tolist()]
    for loss in LOSSES:
        action, state = agent.predict(observe(loss=loss), state)
        kept.append(action.tolist())
    assert kept[:6] == [[1, 1, 1]] * 6
    # second differences of arm 1 are 0 but for 0.5 and -0.5 at its seventh and eighth loss
    assert kept[6:] == [[0, 0, 1], [0, 1, 1], [0, 1, 1], [0, 1, 1], [0, 1, 1]]


def test_what_is_small_is_below_a_thousandth_of_a_nat(observe):
    """Parabolas, whose second differences are 0.0009, 0.0011 and 0.005 in every round."""
    agent, state = prune_agents.make("ies"), None
    for t in range(6):
        loss = np.array([0.0009, 0.0011, 0.005]) * t**2 / 2
        action, state = agent.predict(observe(loss=loss), state)
    assert action.tolist() == [0, 1, 1]


def test_where_all_rest_the_one_that_bends_most_is_trained(observe):
    agent, state = prune_agents.make("ies", threshold=10.0), None
    for loss in LOSSES[:7]:
        action, state = agent.predict(observe(loss=loss), state)
    assert action.tolist() == [0, 0, 1]


def test_it_looks_at_the_pruned_arms_in_every_round():
    agent = prune_agents.make("ies")
    assert agent.env_options(8) == {"feedback": "full", "refresh": 1}
    assert not agent.reads_keep_ratio
