"""The controls: full, full_short, random_dynamic, static_random, class_balanced, rs2."""

import numpy as np
import prune_agents
import pytest


def rounds(agent, num_rounds, num_arms=10, num_runs=1):
    """The masks of several rounds, (T, M, N)."""
    state, masks = None, []
    for _ in range(num_rounds):
        mask, state = agent.predict({"seen": np.zeros((num_runs, num_arms), np.float32)}, state)
        masks.append(mask)
    return np.stack(masks)


def test_full_keeps_all():
    assert rounds(prune_agents.make("full", keep_ratio=0.1), 2).all()


def test_full_short_spends_its_budget_on_whole_epochs_and_a_random_rest(tiny_env):
    """Keep 0.3 of 8 epochs: 2.4 epochs of 40 arms = 40 + 40 + 16."""
    agent = prune_agents.make("full_short", keep_ratio=0.3)
    assert agent.env_options(8) == {"budget": pytest.approx(2.4)}
    env = tiny_env(agent, num_arms=40, budget=2.4)
    observation, _ = env.reset(seed=0)
    state, over = None, False
    while not over:
        action, state = agent.predict(observation, state)
        observation, _, over, _, _ = env.step(action)
    assert env.kept == [40, 40, 16]
    assert action.tolist() != sorted(action)  # not merely the first or the last ones


def test_budget_rounded_to_float32_costs_no_arm():
    agent = prune_agents.make("full_short")
    for affordable in (49_999, 33_333, 1):
        left = np.array([affordable / 50_000], np.float32)
        observation = {"seen": np.zeros(50_000, np.float32), "budget_left": left}
        assert agent.predict(observation)[0].sum() == affordable


def test_random_dynamic_draws_anew_and_evenly():
    masks = rounds(prune_agents.make("random_dynamic", keep_ratio=0.3), 2000)[:, 0]
    assert (masks.sum(axis=1) == 3).all()
    np.testing.assert_allclose(masks.mean(axis=0), 0.3, atol=0.04)
    assert len({tuple(mask) for mask in masks}) == 120  # all of the 10 over 3


def test_static_random_draws_once_for_each_run():
    masks = rounds(prune_agents.make("static_random", keep_ratio=0.5), 4, 20, num_runs=2)
    assert (masks == masks[0]).all()
    assert (masks[0, 0] != masks[0, 1]).any()


@pytest.mark.parametrize(
    ("keep_ratio", "kept"),
    [(0.1, [4, 4, 2]), (0.3, [14, 14, 2]), (0.9, [48, 40, 2]), (1, [58, 40, 2])],
)
def test_class_balanced_keeps_as_many_of_each_class_as_there_are(keep_ratio, kept):
    """100 arms of three classes: what the small one has not got is split among the others."""
    label = np.repeat([2, 0, 5], [58, 40, 2]).astype(np.float32)
    observation = {"seen": np.zeros(100, np.float32), "label": label}
    agent, state, pulls = prune_agents.make("class_balanced", keep_ratio=keep_ratio), None, 0
    for _ in range(400):
        mask, state = agent.predict(observation, state)
        of_class = [int(mask[label == c].sum()) for c in (2, 0, 5)]
        assert sorted(of_class) == sorted(kept)
        pulls = pulls + mask.astype(int)
    for begin, end in ((0, 58), (58, 98), (98, 100)):  # evenly within a class
        share = pulls[begin:end] / 400
        np.testing.assert_allclose(share, share.mean(), atol=0.12)


@pytest.mark.parametrize("keep_ratio", [0.1, 0.3, 0.4, 0.5, 0.7, 0.9, 1.0])
def test_rs2_visits_all_arms_equally_often(keep_ratio):
    """After each round the visits of no two arms differ by more than one."""
    masks = rounds(prune_agents.make("rs2", keep_ratio=keep_ratio), 40)[:, 0]
    assert (masks.sum(axis=1) == round(10 * keep_ratio)).all()
    visits = masks.cumsum(axis=0)
    assert (visits.max(axis=1) - visits.min(axis=1) <= 1).all()


def test_rs2_takes_consecutive_chunks_and_straddles_without_repeating():
    """10 arms in chunks of 4: rounds 1, 2 and half of 3 are the first list, the rest the next."""
    agent = prune_agents.make("rs2", keep_ratio=0.4)
    observation = {"seen": np.zeros(10, np.float32)}
    first, state = agent.predict(observation)
    order = state["order"][0].copy()
    assert sorted(order) == list(range(10))
    assert set(np.flatnonzero(first)) == set(order[:4])
    second, state = agent.predict(observation, state)
    assert set(np.flatnonzero(second)) == set(order[4:8])
    third, state = agent.predict(observation, state)
    following = state["order"][0]
    assert sorted(following) == list(range(10))
    assert set(np.flatnonzero(third)) == {*order[8:], *following[:2]}
    assert not {*order[8:]} & {*following[:2]}
    assert state["next"].tolist() == [2]


def test_dyn_reduction_shrinks_linearly_and_reaches_its_end(tiny_env):
    """Keep 0.3 of 20 in 8 rounds: shares 1, 0.9, ... 0.3."""
    agent = prune_agents.make("dyn_reduction", keep_ratio=0.3)
    env = tiny_env(agent, num_arms=20, rounds=8)
    observation, _ = env.reset(seed=0)
    state, over = None, False
    while not over:
        action, state = agent.predict(observation, state)
        observation, _, over, _, _ = env.step(action)
    assert env.kept == [20, 18, 16, 14, 12, 10, 8, 6]
