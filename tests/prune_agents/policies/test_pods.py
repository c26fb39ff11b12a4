"""pods: how many arms in which round, and that any policy that chooses anew can be inside."""

import numpy as np
import prune_agents
import pytest
from prune_agents import registry
from prune_agents.prior import Prior


def counts(rounds, k=10, num_arms=100, **options):
    """K of every round of a run of so many."""
    agent = prune_agents.make("pods", **options)
    so_far = [
        agent.counts({"round": np.array([t])}, np.array([t / rounds], np.float32), k, num_arms)
        for t in range(agent.full_rounds, rounds)
    ]
    return np.concatenate(so_far).tolist()


@pytest.mark.parametrize(
    ("expected", "options"),
    [
        ([5, 15, 5, 15], {}),
        ([5, 15, 5, 15, 10], {}),
        ([5, 5, 15, 15, 10, 10, 10], {"phase": 2}),
        ([5, 5, 15, 15, 5, 5, 15, 15], {"phase": 2}),
        ([8, 12, 8, 12], {"swing": 0.25}),
        ([10, 10, 10, 10], {"swing": 0.0}),
        ([8, 12, 8, 12], {"num_arms": 12}),
        ([10, 10], {"num_arms": 10}),
        ([1, 1], {"k": 1}),
    ],
)
def test_low_and_high_phases_keep_the_total(expected, options):
    found = counts(len(expected), **options)
    assert found == expected
    assert sum(found) == len(found) * options.get("k", 10)


def test_phases_are_of_selections_and_follow_the_full_rounds():
    """In every second round only is chosen, so a phase of one selection has two rounds."""
    assert counts(9, period=2) == [5, 5, 15, 15, 5, 5, 15, 15, 10]
    assert counts(6, full_rounds=1) == [5, 15, 5, 15, 10]


def test_it_is_its_policy_but_for_the_number(observe):
    """The k highest losses: 2 of 8 arms, then 6."""
    loss = np.array([[0.3, 5.0, 0.1, 2.0, 0.7, 9.0, 0.2, 1.0]], np.float32)
    agent = prune_agents.make("pods", policy="uncertainty", keep_ratio=0.5)
    assert agent.signals == ("loss", "progress")
    action, state = agent.predict(observe(loss=loss, progress=[[0.0]]))
    assert np.flatnonzero(action[0]).tolist() == [1, 5]
    action, _ = agent.predict(observe(loss=loss, progress=[[0.25]]), state)
    assert np.flatnonzero(action[0]).tolist() == [0, 1, 3, 4, 5, 7]


ALLOWED = [
    name
    for name in prune_agents.names()
    if not prune_agents.find(name).wants_prior()
    and name not in ("static_random", "pods")
    and prune_agents.make(name).keeps_k
]


@pytest.mark.parametrize("policy", ALLOWED)
def test_any_policy_that_chooses_anew_can_be_inside(policy, tiny_env):
    agent = prune_agents.make("pods", policy=policy, keep_ratio=0.3)
    env = tiny_env(agent, 40)
    observation, _ = env.reset(seed=0)
    state, over = None, False
    while not over:
        action, state = agent.predict(observation, state)
        observation, _, over, _, _ = env.step(action)
    assert env.kept == [6, 18] * 4


@pytest.mark.parametrize(
    "policy", ["pods", "static_random", "el2n", "rho_loss", "infobatch", "learned"]
)
def test_a_policy_that_does_not_is_refused(policy):
    with pytest.raises(ValueError, match=f"policy is '{policy}'; allowed is a policy that chooses"):
        prune_agents.make("pods", policy=policy)


def test_the_pruned_arms_are_looked_at_before_each_selection_only():
    """As of the policy inside alone: in every round they would be paid for in vain."""
    made = prune_agents.make("pods", policy="grad_match", period=5, full_rounds=10)
    assert made.env_options(20)["refresh"] == 5


class ByPrior(prune_agents.Agent):
    """A policy of one's own that chooses by a prior run."""

    def prior(self, epochs):
        return Prior(rounds=epochs)

    def begin(self, traces):
        return {"loss": traces.signals["loss"].mean(axis=1)}

    def scores(self, state, observation, rng):
        return self.from_prior(state, "loss")


@pytest.mark.parametrize(("around", "option"), [("pods", "policy"), ("meta_bandit", "policies")])
@pytest.mark.parametrize(
    ("of_ones_own", "said"),
    [(ByPrior, "is .*'own_of_test'.*; allowed is"), (dict, "allowed inside another agent")],
)
def test_what_cannot_be_inside_is_refused_when_it_is_made(
    around, option, of_ones_own, said, monkeypatch
):
    monkeypatch.setitem(registry._REGISTERED, "own_of_test", of_ones_own)
    inside = "own_of_test" if option == "policy" else ("own_of_test", "uncertainty")
    with pytest.raises(ValueError, match=said):
        prune_agents.make(around, **{option: inside})
