"""meta_bandit: rewards and picks by hand."""

import numpy as np
import prune_agents
import pytest

LOG_C = np.log(10)


def look(observe, val_loss, arms=10):
    return observe(loss=np.full(arms, LOG_C), seen=np.zeros(arms), val_loss=[val_loss])


def test_reward_is_the_logarithmic_fall_per_cost(observe):
    """`full` costs 1, `random_dynamic` 0.5. The validation loss goes 2, 1, 0.8; discount 0.9.

    first pick   ln(2 / 1) / its cost, then discounted once
    second pick  ln(1 / 0.8) / its cost
    """
    agent = prune_agents.make(
        "meta_bandit", keep_ratio=0.5, policies=("full", "random_dynamic"), c=0.0
    )
    cost = [1.0, 0.5]
    kept = [10, 5]
    action, state = agent.predict(look(observe, 2.0))
    first = int(state["picked"][0])
    assert (action > 0).sum() == kept[first]
    action, state = agent.predict(look(observe, 1.0), state)
    second = int(state["picked"][0])
    assert second == 1 - first  # untried policies go first
    assert (action > 0).sum() == kept[second]
    action, state = agent.predict(look(observe, 0.8), state)
    rewards = np.log(2) / cost[first], np.log(1.25) / cost[second]
    total = np.zeros(2)
    total[first], total[second] = 0.9 * rewards[0], rewards[1]
    np.testing.assert_allclose(state["total"][0], total, rtol=1e-6)
    np.testing.assert_allclose(sorted(state["count"][0]), [0.9, 1.0])
    np.testing.assert_allclose(state["scale"], max(rewards), rtol=1e-6)
    assert state["picked"][0] == (first if rewards[0] > rewards[1] else second)


def test_full_rounds_are_nobodys_plays(observe):
    agent = prune_agents.make("meta_bandit", policies=("full", "random_dynamic"), full_rounds=2)
    state = None
    for val_loss in (2.0, 1.0, 0.5):
        _, state = agent.predict(look(observe, val_loss), state)
    assert state["count"].tolist() == [[0, 0]]
    _, state = agent.predict(look(observe, 0.4), state)
    assert state["count"].sum() == 1


@pytest.mark.parametrize(("c", "picked"), [(0.0, 0), (0.5, 0), (1.0, 0), (1.2, 1), (2.0, 1)])
def test_the_bonus_by_hand(observe, c, picked):
    """Policy 0 was played 8 times for 0.6 each, policy 1 twice for 0.3; the scale is 0.5.

    ln(1 + 10) = 2.398: bonuses c 0.5 sqrt(2.398 / n) = 0.274 c and 0.547 c
    c = 0.5: 0.737 and 0.574; c = 1: 0.874 and 0.848; c = 1.2: 0.929 and 0.957
    """
    agent = prune_agents.make("meta_bandit", policies=("full", "random_dynamic"), c=c)
    observation = look(observe, 1.0)
    _, state = agent.predict(observation)
    state["count"][:] = [8, 2]
    state["total"][:] = [4.8, 0.6]
    state["scale"][:] = 0.5
    agent.choose(state, {n: a[None] for n, a in observation.items()}, 3, np.random.default_rng(0))
    assert state["picked"].tolist() == [picked]


def test_a_policy_that_learns_from_its_choices_learns_from_no_others(tiny_env):
    """Dvrl would take a step for what another policy has kept."""
    agent = prune_agents.make("meta_bandit", policies=("random_dynamic", "dvrl"), c=0.5)
    env = tiny_env(agent, rounds=24)
    observation, _ = env.reset(seed=0)
    state, moved_after = None, []
    for _ in range(24):
        before = state
        action, state = agent.predict(observation, state)
        observation, *_ = env.step(action)
        if before is not None and (state["1/theta"] != before["1/theta"]).any():
            moved_after.append(int(before["picked"][0]))
    assert set(moved_after) <= {1}


def test_both_orders_occur(observe):
    firsts = {
        int(prune_agents.make("meta_bandit", seed=seed).predict(look(observe, 2))[1]["picked"][0])
        for seed in range(40)
    }
    assert firsts == {0, 1, 2, 3}


def test_prefers_the_policy_under_which_the_loss_falls(observe):
    """The validation loss halves whenever `full` chose and stays otherwise."""
    agent = prune_agents.make("meta_bandit", policies=("random_dynamic", "full"), c=0.1)
    val_loss, state, picks = 64.0, None, []
    for _ in range(12):
        _, state = agent.predict(look(observe, val_loss), state)
        picks.append(int(state["picked"][0]))
        val_loss /= 1 + picks[-1]
    assert sum(picks[2:]) == 10


def test_all_policies_learn_whoever_chooses(observe):
    agent = prune_agents.make("meta_bandit", policies=("uncertainty", "ucb"), keep_ratio=0.5)
    _, state = agent.predict(look(observe, 2.0, arms=4))
    seen = observe(loss=[1.0, 4.0, 3.0, 2.0], val_loss=[1.0])
    action, state = agent.predict(seen, state)
    assert state["0/mean"].tolist() == state["1/mean"].tolist() == [[1, 4, 3, 2]]
    assert action.tolist() == [0, 1, 1, 0]


def test_policies_that_come_to_choose_late(tiny_env):
    """Whoever is picked first in a later round can choose then."""
    names = sorted(
        name
        for name in prune_agents.names()
        if name != "meta_bandit" and not prune_agents.find(name).wants_prior()
    )
    agent = prune_agents.make("meta_bandit", policies=tuple(names))
    env = tiny_env(agent, rounds=len(names))
    observation, _ = env.reset(seed=0)
    state, picks = None, set()
    for _ in names:
        action, state = agent.predict(observation, state)
        observation, *_ = env.step(action)
        picks.add(int(state["picked"][0]))
    assert len(picks) == len(names)


def test_reads_what_its_policies_read():
    agent = prune_agents.make("meta_bandit", policies=("rcap", "infobatch", "kakurenbo"))
    assert set(agent.signals) == {
        "loss", "label", "progress", "confidence", "correct", "val_loss",
    }  # fmt: skip
    assert not agent.keeps_k
    assert agent.env_options(8) == {"evaluate_every": 1, "feedback": "full", "refresh": 1}
    assert prune_agents.make("meta_bandit").keeps_k


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        (("ucb",), "two or more names"),
        (("ucb", "meta_bandit"), "names of other agents"),
        (("ucb", "el2n"), "want no prior run"),
        (("ucb", "ucv"), "unknown agent 'ucv'"),
        ("ucb", "policies is 'ucb'; expected a list of str"),
    ],
)
def test_bad_policies(policies, message):
    with pytest.raises(ValueError, match=message):
        prune_agents.make("meta_bandit", policies=policies)


def test_the_pruned_arms_are_looked_at_before_each_selection_only():
    """As of the policies inside alone: in every round they would be paid for in vain."""
    made = prune_agents.make(
        "meta_bandit", policies=("nlu_diet", "kakurenbo"), period=5, full_rounds=10
    )
    assert made.env_options(20)["refresh"] == 5
