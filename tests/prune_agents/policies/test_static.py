"""What holds for every policy with a prior run."""

import numpy as np
import prune_agents
import pytest
from prune_agents.policies.static import Static
from prune_agents.prior import Prior, Traces

NUM_ARMS, K, ROUNDS = 40, 12, 6
STATIC = [
    *("aum", "cat", "ccs", "d2", "dual", "dyn_unc", "el2n", "forgetting", "grand", "grand_full"),
    *("infomax", "kcenter", "moderate", "s2l", "tdds"),
]
every_agent = pytest.mark.parametrize("name", STATIC)


def test_the_list_is_complete():
    assert [n for n in prune_agents.names() if issubclass(prune_agents.find(n), Static)] == STATIC


@pytest.fixture
def traces():
    """One prior run in which arms differ and no two score the same, except by forgetting."""
    rng = np.random.default_rng(0)
    confidence = rng.beta(2, 1, (1, ROUNDS, NUM_ARMS)).astype(np.float32)
    names = ("error_norm", "divergence", "gradient_norm", "gradient_norm_all")
    signals = {name: 1 - confidence for name in names}
    signals |= {"confidence": confidence, "margin": 2 * confidence - 1}
    signals |= {"loss": -np.log(confidence), "correct": (confidence > 0.5).astype(np.float32)}
    features = rng.standard_normal((1, NUM_ARMS, 5), np.float32)
    return Traces(signals, 3 * ROUNDS * NUM_ARMS, 1.0, 1.0, np.arange(NUM_ARMS) % 4, features)


def rollout(agent, env, state):
    """The actions of one episode, (T, N)."""
    observation, _ = env.reset(seed=0)
    actions, over = [], False
    while not over:
        action, state = agent.predict(observation, state)
        observation, _, over, _, _ = env.step(action)
        actions.append(action)
    return np.stack(actions)


@every_agent
@pytest.mark.parametrize("period", [1, 3])
def test_keeps_the_same_k_arms_in_every_round(name, period, tiny_env, traces):
    agent = prune_agents.make(name, keep_ratio=0.3, period=period)
    actions = rollout(agent, tiny_env(agent, NUM_ARMS), agent.begin(traces))
    assert actions.dtype == np.int8
    assert (actions.sum(axis=1) == K).all()
    assert (actions == actions[0]).all()


@every_agent
def test_one_choice_for_one_seed(name, traces):
    chosen = [prune_agents.make(name, seed=1).begin(traces)["subset"] for _ in range(2)]
    np.testing.assert_array_equal(*chosen)


@every_agent
def test_keeps_everything_at_keep_ratio_1(name, traces):
    assert prune_agents.make(name, keep_ratio=1.0).begin(traces)["subset"].all()


@every_agent
def test_never_keeps_more_than_the_budget_affords(name, tiny_env, traces):
    agent = prune_agents.make(name, keep_ratio=0.3)
    env = tiny_env(agent, NUM_ARMS, budget=2.35)
    rollout(agent, env, agent.begin(traces))
    assert sum(env.kept) == 94


@every_agent
def test_leaves_the_passed_state_as_it_was_and_keeps_it_over_a_reset(name, tiny_env, traces):
    agent = prune_agents.make(name)
    observation, _ = tiny_env(agent, NUM_ARMS).reset(seed=0)
    begun = agent.begin(traces)
    action, state = agent.predict(observation, begun)
    assert begun["round"].tolist() == [0]
    assert state["round"].tolist() == [1]
    batched = {entry: array[None] for entry, array in observation.items()}
    again, state = agent.predict(batched, state, episode_start=np.array([True]))
    np.testing.assert_array_equal(again, action[None])
    assert state["round"].tolist() == [1]


@every_agent
def test_says_what_to_do_where_there_was_no_prior_run(name, tiny_env):
    agent = prune_agents.make(name)
    observation, _ = tiny_env(agent, NUM_ARMS).reset(seed=0)
    with pytest.raises(ValueError, match=r"chooses by a prior run: pass state=agent.begin"):
        agent.predict(observation)


@pytest.mark.parametrize(
    ("name", "epochs", "prior"),
    [
        ("el2n", 8, Prior(rounds=2)),
        ("el2n", 1, Prior(rounds=1)),
        ("el2n", 200, Prior(rounds=20)),
        ("grand", 8, Prior(rounds=2, extra=("gradient_norm",))),
        ("grand_full", 8, Prior(rounds=2, extra=("gradient_norm_all",))),
        ("forgetting", 8, Prior(rounds=8)),
        ("aum", 8, Prior(rounds=8)),
        ("ccs", 8, Prior(rounds=8)),
        ("dyn_unc", 8, Prior(rounds=8)),
        ("cat", 8, Prior(rounds=4)),
        ("moderate", 8, Prior(rounds=8, features=True)),
        ("kcenter", 8, Prior(rounds=8, features=True)),
        ("d2", 8, Prior(rounds=8, features=True)),
        ("infomax", 8, Prior(rounds=8, features=True)),
        ("s2l", 8, Prior(rounds=8)),
        ("dual", 8, Prior(rounds=4)),
        ("dual", 200, Prior(rounds=30)),
        ("dual", 3, Prior(rounds=3)),
        ("tdds", 8, Prior(rounds=4, extra=("divergence",))),
    ],
)
def test_default_prior_runs(name, epochs, prior):
    assert prune_agents.make(name).prior(epochs) == prior


def test_prior_runs_as_published():
    assert prune_agents.make("dual").window_of(30) == 10
    assert prune_agents.make("tdds").window_of(30) == 10
    assert prune_agents.make("dyn_unc").window_of(200) == 10
    el2n = prune_agents.make("el2n", prior_rounds=20, prior_runs=10, over="last")
    assert el2n.prior(200) == Prior(rounds=20, runs=10)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("el2n", {"prior_rounds": 9}, "prior_rounds is 9; allowed is 1 to 8"),
        ("forgetting", {"prior_rounds": 1}, "prior_rounds is 1; allowed is 2 to 8"),
        ("tdds", {"prior_rounds": 2}, "prior_rounds is 2; allowed is 3 to 8"),
        ("dual", {"window": 5}, "window is 5; allowed is 2 to 4"),
        ("dyn_unc", {"window": 1}, "window is 1; allowed is 2 to 8"),
        ("kcenter", {"prior_rounds": 7}, "prior_rounds is 7; features take a whole run, 8"),
    ],
)
def test_a_prior_run_that_does_not_fit(name, options, message):
    agent = prune_agents.make(name, **options)
    with pytest.raises(ValueError, match=message):
        agent.prior(8)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("el2n", {"prior_runs": 0}, "prior_runs is 0; allowed is 1 or more"),
        ("el2n", {"over": "first"}, "over is 'first'"),
        ("aum", {"offset": 1.0}, "offset is 1.0; allowed is 0 <= offset < 1"),
        ("ccs", {"beta": -0.1}, "beta is -0.1"),
        ("ccs", {"strata": 0}, "strata is 0"),
        ("dual", {"c": 0}, "c is 0; allowed is above 0"),
        ("tdds", {"decay": 0}, "decay is 0"),
        ("d2", {"neighbours": 0}, "neighbours is 0"),
        ("d2", {"gamma": -1.0}, "gamma is -1.0"),
    ],
)
def test_bad_options(name, options, message):
    with pytest.raises(ValueError, match=message):
        prune_agents.make(name, **options)
