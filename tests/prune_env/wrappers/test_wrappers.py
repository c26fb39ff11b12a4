"""The wrappers around the environment of the halving learner: arm i starts at i + 1 nats."""

import doctest
import importlib
import pickle
import warnings
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_checker import data_equivalence as equal

from prune_env import PruneEnv
from prune_env.wrappers import (
    ArmScores,
    KeepRatio,
    LinearScores,
    LossBins,
    Rules,
    StackArms,
    SummaryObservation,
    arm_features,
    small_ids,
)

GREEDY = np.array([name == "loss" for name in arm_features.FEATURES], np.float32)
EASIEST = -GREEDY


@pytest.fixture
def env(halving):
    """Ten arms; each is looked at after each round, so that losses are known."""
    return PruneEnv(halving(10), epochs=4, feedback="full")


def kept(env, action):
    """Run a round; the arms that it trains on."""
    pulls = env.unwrapped.rounds.arms.pulls[0]
    before = pulls.copy()
    env.step(action)
    return np.flatnonzero(pulls != before).tolist()


@pytest.mark.parametrize("name", ["choosing", "observing"])
def test_examples_of_the_wrappers(name):
    module = importlib.import_module(f"prune_env.wrappers.{name}")
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize("name", ["core.selection", "wrappers.small_ids"])
def test_other_examples(name):
    failed, tried = doctest.testmod(importlib.import_module(f"prune_env.{name}"))
    assert (failed, tried > 0) == (0, True)


def test_linear_scores_keep_the_best(env):
    env = LinearScores(env, keep_ratio=0.3)
    env.reset(seed=0)
    assert kept(env, EASIEST) != [0, 1, 2]  # all losses are the same guess, so any three
    assert set(kept(env, EASIEST)) <= {0, 1, 2, 3, 4, 5}
    assert set(kept(env, GREEDY)) <= {4, 5, 6, 7, 8, 9}


def test_rules(env):
    env = Rules(env, keep_ratio=0.1, rules={"hard": {"loss": 1}, "easy": {"loss": -1}})
    env.reset(seed=0)
    assert len(kept(env, 0)) == 1  # all losses are the same guess
    assert kept(env, 0) == [9]
    assert kept(env, 1) == [0]


def test_loss_bins(env):
    env = LossBins(env, keep_ratio=0.2, bins=5)
    env.reset(seed=0)
    assert len(kept(env, np.ones(5))) == 2
    assert 0 in kept(env, np.array([1, -1, -1, -1, -1]))


def test_arm_scores(env):
    env = ArmScores(env, keep_ratio=0.2)
    env.reset(seed=0)
    assert kept(env, np.linspace(-1, 1, 10)) == [8, 9]


def test_keep_ratio_spends_a_budget_to_its_end(halving):
    env = PruneEnv(halving(10), budget=2.0, reward="kept_loss", test=False)
    env = KeepRatio(LinearScores(env), low=0.2, high=1.0)
    env.reset(seed=0)
    counts = []
    over = False
    while not over:
        knob = -1.0 if not counts else 0.9
        *_, over, _, info = env.step(np.append(GREEDY, np.float32(knob)))
        counts.append(info["kept"])
    assert counts[:2] == [2, 9]
    # evaluations are charged too: 6 passes each, 30 a pass over all arms
    assert info["passes"] <= 60
    assert info["passes"] > 60 - 6 - 3 - 3


def test_keep_ratio_needs_a_wrapper_that_chooses(env):
    with pytest.raises(ValueError, match="goes around a wrapper that chooses"):
        KeepRatio(env)


def test_summary_observation(env):
    env = SummaryObservation(LinearScores(env))
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert observation[arm_features.SUMMARY.index("seen_loss")] == 1
    observation, *_ = env.step(GREEDY)
    assert observation[arm_features.SUMMARY.index("progress")] == 0.25
    # ten arms, all looked at, arm i at i + 1 nats but for those that were halved
    assert 3 < observation[arm_features.SUMMARY.index("loss_q50")] * np.log(2) < 6.01


def test_stack_arms(env):
    env = StackArms(ArmScores(env), names=("pulls", "progress"))
    observation, _ = env.reset(seed=0)
    assert observation.shape == (10, 2)
    observation, *_ = env.step(np.linspace(-1, 1, 10))
    assert observation[:, 1].tolist() == [0.25] * 10
    assert (observation[:, 0] > 0).tolist() == [False] * 7 + [True] * 3


WRAPPED = {
    "LinearScores": lambda env: LinearScores(env),
    "LossBins": lambda env: LossBins(env),
    "Rules": lambda env: Rules(env),
    "ArmScores": lambda env: StackArms(ArmScores(env)),
    "KeepRatio": lambda env: KeepRatio(LinearScores(env)),
    "KeepRatio of Rules": lambda env: SummaryObservation(KeepRatio(Rules(env))),
    "SummaryObservation": lambda env: SummaryObservation(env),
    "StackArms": lambda env: StackArms(env),
}


@pytest.fixture(params=WRAPPED)
def wrapped(request, env):
    return WRAPPED[request.param](env)


def rollout(env, steps=3):
    env.action_space.seed(0)
    return [env.reset(seed=0)] + [env.step(env.action_space.sample()) for _ in range(steps)]


def test_gymnasium_checks_it(wrapped):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for expected in ("is different from the unwrapped version", "doesn't have a spec"):
            warnings.filterwarnings("ignore", f".*{expected}.*")
        warnings.filterwarnings("ignore", ".*not able to test alternative render modes.*")
        check_env(wrapped)


def test_observations_are_in_the_space(wrapped):
    for observation, *_ in rollout(wrapped):
        assert wrapped.observation_space.contains(observation)


def test_saved_in_the_middle_and_restored(wrapped):
    straight = rollout(wrapped)
    rollout(wrapped, steps=1)
    saved = pickle.loads(pickle.dumps(wrapped.get_wrapper_attr("state_dict")()))
    for _ in range(2):
        wrapped.get_wrapper_attr("load_state_dict")(saved)
        wrapped.action_space.seed(0)
        actions = [wrapped.action_space.sample() for _ in range(3)][1:]
        assert equal([wrapped.step(action) for action in actions], straight[2:], exact=True)


def test_the_episodes_after_a_restored_one_are_the_same(wrapped, halving):
    """Their seeds and their noise come from generators that are restored too."""
    wrapped.reset(seed=5)
    saved = wrapped.get_wrapper_attr("state_dict")()
    stories = []
    for _ in range(2):
        wrapped.get_wrapper_attr("load_state_dict")(saved)
        wrapped.action_space.seed(0)
        story = []
        for _ in range(2):
            wrapped.reset()
            story += [wrapped.step(wrapped.action_space.sample()) for _ in range(2)]
        stories.append(story)
    assert equal(*stories, exact=True)


def test_what_an_agent_does_to_its_observation_changes_nothing(env):
    env = LinearScores(env, keep_ratio=0.3)
    observation, _ = env.reset(seed=0)
    observation, *_ = env.step(GREEDY)
    observation["loss"] *= -1
    assert kept(env, GREEDY) == [7, 8, 9]


def test_a_second_episode_differs_and_a_seed_repeats_both(env):
    env = LinearScores(env)
    episodes = []
    for seed in (0, None, 0, None):
        env.reset(seed=seed)
        episodes.append(kept(env, np.zeros(10, np.float32)))
    assert episodes[:2] == episodes[2:]
    assert episodes[0] != episodes[1]


def test_wrappers_leave_the_run_as_it_is(halving):
    plain, wrapped = PruneEnv(halving(6), epochs=2), PruneEnv(halving(6), epochs=2)
    wrapped = SummaryObservation(LinearScores(wrapped, keep_ratio=1.0))
    for env, action in ((plain, np.ones(6)), (wrapped, GREEDY)):
        env.reset(seed=3)
        env.step(action)
        env.reset()  # the second episode too
        env.step(action)
    assert wrapped.unwrapped.history == plain.history


@pytest.mark.parametrize(
    "action", [np.ones(9), np.full(10, np.nan), np.full(10, 1.5), np.ones((1, 10))]
)
def test_a_bad_action_is_refused(env, action):
    env = LinearScores(env)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"the action is .*; allowed is Box\(-1.0, 1.0, \(10,\)"):
        env.step(action)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda env: LinearScores(env, keep_ratio=0.0), "keep_ratio is 0.0"),
        (lambda env: LinearScores(SummaryObservation(env)), "LinearScores reads .*lacks"),
        (lambda env: LinearScores(LinearScores(env)), r"needs the action space MultiBinary\(N\)"),
        (lambda env: StackArms(env, names=("lost",)), "unknown feature 'lost' .*did you mean loss"),
        (lambda env: StackArms(env, names="age"), "names is 'age'; expected a list of str"),
    ],
)
def test_bad_wrapping(env, make, message):
    with pytest.raises(ValueError, match=message):
        make(env)


def test_an_observation_without_the_signals_is_refused(halving):
    env = PruneEnv(halving(4), signals=("loss", "seen"))
    with pytest.raises(ValueError, match="reads age, budget_left, confidence, correct, margin"):
        SummaryObservation(env)


@pytest.mark.parametrize("kind", small_ids.TWINS)
def test_a_twin_takes_other_options_of_its_wrappers(kind):
    env = gym.make(f"prune_env/Digits-{kind}-v0", limit=100, epochs=2, keep_ratio=0.1)
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    for one in (env, again):
        one.reset(seed=0)
        assert one.step(env.action_space.sample())[4]["kept"] == 9
    more = gym.make(env.spec, keep_ratio=0.5)
    more.reset(seed=0)
    assert more.step(env.action_space.sample())[4]["kept"] == 45
    untouched = gym.make(f"prune_env/Digits-{kind}-v0", limit=100)
    assert untouched.get_wrapper_attr("keep_ratio") == 0.3


@pytest.mark.parametrize(
    ("wrappers", "message"),
    [
        ([{"LinearScore": {}}], r"unknown wrapper 'LinearScore' \(did you mean LinearScores"),
        ([{"os.system": {}}], "unknown wrapper 'os.system'"),
        ("LinearScores", "env_wrapper is 'LinearScores'; expected"),
        ([{"LinearScores": [0.3]}], r"env_wrapper gives LinearScores \[0.3\]; expected"),
        ([{"LinearScores": {"ratio": 0.3}}], "wrapper LinearScores cannot be made so"),
        ([{"LinearScores": {"keep_ratio": 3}}], "keep_ratio is 3"),
    ],
)
@pytest.mark.parametrize("make", [gym.make, partial(gym.make_vec, num_envs=2)])
def test_other_wrappers_are_refused(make, wrappers, message):
    wrappers = [*wrappers, {"SummaryObservation": {}}] if isinstance(wrappers, list) else wrappers
    with pytest.raises(ValueError, match=message):
        make("prune_env/Synthetic-Scores-v0", num_arms=20, env_wrapper=wrappers)


@pytest.mark.parametrize("action", [0.7, np.nan, 11, [3], "3", None])
def test_what_is_no_number_of_a_rule_is_refused(env, action):
    """0.7 must not become rule 0."""
    env = Rules(env)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"the action is .*; allowed is Discrete\(11\)"):
        env.step(action)


@pytest.mark.parametrize("ratio", [0, 2, np.nan, "0.5"])
def test_a_share_that_is_set_later_is_checked_too(env, ratio):
    env = LinearScores(env, keep_ratio=0.3)
    with pytest.raises(ValueError, match="keep_ratio is"):
        env.keep_ratio = ratio
    assert env.keep_ratio == 0.3


def test_a_run_that_begins_anew_by_itself_has_a_fresh_memory(halving):
    def twin(around):
        return SummaryObservation(LinearScores(around(PruneEnv(halving(10), epochs=3))))

    by_itself, by_hand = twin(gym.wrappers.Autoreset), twin(lambda env: env)
    action = np.full(len(GREEDY), 0.5, np.float32)  # noise has a weight too
    by_itself.reset(seed=0), by_hand.reset(seed=0)
    for _ in range(3):
        got, expected = by_itself.step(action), by_hand.step(action)
    assert got[2]
    got, expected = by_itself.step(action), by_hand.reset()
    for _ in range(3):
        assert equal(got[0], expected[0])
        got, expected = by_itself.step(action), by_hand.step(action)


def test_a_state_knows_the_share_that_is_kept(halving):
    def make():
        return LinearScores(PruneEnv(halving(10), epochs=4), keep_ratio=0.3)

    env, other = make(), make()
    with pytest.raises(gym.error.ResetNeeded, match="call reset"):
        env.step(GREEDY)
    env.reset(seed=0)
    env.keep_ratio = 0.7
    other.load_state_dict(env.state_dict())
    assert [each.step(GREEDY)[4]["kept"] for each in (env, other)] == [7, 7]
