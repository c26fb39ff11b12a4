"""rho_loss by hand, and its irreducible losses from two networks, each of one half of the arms."""

import gymnasium as gym
import numpy as np
import prune_agents
import pytest
from prune_agents.prior import Prior, Recording, Traces, half, prior_seed, record

from prune_env.core.signals import MEASURED

EPOCHS, N = 3, 180


@pytest.fixture
def learner():
    env = gym.make("prune_env/Digits-v0", limit=200, epochs=EPOCHS, signals=("seen",))
    return env.unwrapped.learner


@pytest.fixture
def traces():
    """Run 0 has kept arms 0 and 2, run 1 the others; a loss of 9 is one that must not be read."""
    loss = np.array([[[9, 9, 9, 9], [9, 0.5, 9, 3]], [[9, 9, 9, 9], [1, 9, 0.25, 9]]], np.float32)
    trained = np.array([[True, False, True, False], [False, True, False, True]])
    return Traces({"loss": loss}, 0, 0.0, 0.0, np.zeros(4, np.int64), trained=trained)


def test_keeps_the_highest_loss_above_the_irreducible(observe, traces):
    """
    Arm          0     1     2     3
    Loss         2.0   1.8   0.5   3.5
    Irreducible  1.0   0.5   0.25  3.0
    Difference   1.0   1.3   0.25  0.5     by the loss alone 3 and 0 would be kept
    """
    agent = prune_agents.make("rho_loss", keep_ratio=0.5, top_share=0.5)  # the pool is everything
    state = agent.begin(traces)
    np.testing.assert_array_equal(state["irreducible"], [[1, 0.5, 0.25, 3]])
    action, state = agent.predict(observe(loss=[2, 1.8, 0.5, 3.5]), state)
    assert action.tolist() == [1, 1, 0, 0]
    # What has been learned falls behind; the loss of an arm that was not seen is remembered.
    action, _ = agent.predict(observe(loss=[1.1, 0.6, 9, 9], seen=[1, 1, 0, 0]), state)
    assert action.tolist() == [0, 0, 1, 1]


def test_unseen_arms_of_a_random_pool_go_first(observe, traces):
    """Pools of 2 of 4 arms, their best 1: the unseen arm 3 whenever it is in the pool."""
    kept = np.zeros(4)
    for seed in range(400):
        agent = prune_agents.make("rho_loss", keep_ratio=0.25, top_share=0.5, seed=seed)
        observation = observe(loss=[2, 1.8, 0.5, 2.3], seen=[1, 1, 1, 0])
        kept += agent.predict(observation, agent.begin(traces))[0]
    np.testing.assert_allclose(kept / 400, np.array([1, 2, 0, 3]) / 6, atol=0.07)


@pytest.mark.parametrize("budget", [None, 2.35])
def test_keeps_k_arms_a_round_within_the_budget(tiny_env, learner, budget):
    agent = prune_agents.make("rho_loss", keep_ratio=0.3)
    env = tiny_env(agent, N, budget=budget)
    state = agent.begin(record(learner, agent.prior(EPOCHS), EPOCHS, seed=0))
    observation, over = env.reset(seed=0)[0], False
    while not over:
        action, state = agent.predict(observation, state)
        observation, _, over, _, _ = env.step(action)
    assert env.kept == ([54] * 8 if budget is None else [54] * 7 + [45])


def test_what_it_was_shown_outlasts_a_reset(observe, traces):
    agent = prune_agents.make("rho_loss", keep_ratio=0.5)
    _, state = agent.predict(observe(loss=[2, 1.8, 0.5, 3.5]), agent.begin(traces))
    state = agent._copied(state, np.array([True]), 1, 4)
    assert state["round"].tolist() == [0]
    assert np.isinf(state["loss"]).all()
    np.testing.assert_array_equal(state["irreducible"], [[1, 0.5, 0.25, 3]])


def test_says_what_to_do_where_there_was_no_prior_run(observe):
    with pytest.raises(ValueError, match=r"chooses by a prior run: pass state=agent.begin"):
        prune_agents.make("rho_loss").predict(observe(loss=[1, 2, 3]))


def test_the_prior_runs_are_ordinary_runs_over_a_half_each(learner):
    """And the loss of an arm that a run has left out is that under its network in the end."""
    prior = prune_agents.make("rho_loss").prior(EPOCHS)
    assert prior == Prior(rounds=EPOCHS, runs=2, halves=True)
    traces = record(learner, prior, EPOCHS, seed=5)
    np.testing.assert_array_equal(traces.trained[0], ~traces.trained[1])
    assert traces.trained.sum(axis=1).tolist() == [90, 90]
    for number in range(2):
        kept, out = (np.flatnonzero(traces.trained[number] == side) for side in (True, False))
        env = gym.make("prune_env/Digits-v0", limit=200, epochs=EPOCHS, signals=("loss",)).unwrapped
        env.reset(seed=prior_seed(5, number))
        mask = np.isin(np.arange(N), kept).astype(np.int8)
        for row in traces.signals["loss"][number]:
            np.testing.assert_array_equal(env.step(mask)[0]["loss"][kept], row[kept])
        held_out = env.learner.score(out).table[:, MEASURED.index("loss")]
        np.testing.assert_array_equal(traces.signals["loss"][number, -1, out], held_out)


def test_both_halves_cost_a_whole_run_and_a_forward_pass(learner):
    traces = record(learner, Prior(rounds=EPOCHS, runs=2, halves=True), EPOCHS, seed=0)
    assert traces.passes == 3 * N * EPOCHS + N


def test_halves_are_random_and_of_one_size_or_nearly():
    assert half(7, 0, 0).sum() == 3
    assert half(7, 0, 1).sum() == 4
    np.testing.assert_array_equal(half(7, 0, 0), ~half(7, 0, 1))
    often = np.mean([half(10, seed, 0) for seed in range(400)], axis=0)
    np.testing.assert_allclose(often, 0.5, atol=0.1)


def test_what_was_left_out_is_seen_after_a_whole_run(learner):
    recording = Recording(learner, EPOCHS, 0, arms=half(N, 0, 0))
    recording.advance()
    with pytest.raises(ValueError, match="arms left out are seen after a whole run; this one has"):
        recording.traces(1)
