"""`features` and `reference_loss`: what they show, what they cost, who has them."""

from __future__ import annotations

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_checker import data_equivalence as equal

from prune_env import PruneEnv, RoundOptions
from prune_env.core.arm_table import ArmTable
from prune_env.core.selection import Selection
from prune_env.core.signals import EXTRAS, FEATURE_MAX, LOSS_MAX, MEASURED
from prune_env.learners.protocol import Signals
from prune_env.notices import DataNotice

SIGNALS = ("loss", "seen", "budget_left", *EXTRAS)
KEEP_FIRST_TWO = np.array([1, 1, 0, 0], np.int8)


@pytest.fixture
def observant(halving):
    """Arm i in round t has the features (i, t), and twice its loss as reference loss."""

    class Observant(halving):
        extras = {"reference_loss": (), "features": (2,)}  # noqa: RUF012
        asked = ()

        def measure_also(self, extras):
            self.asked = extras

        def _signals(self, indices):
            signals = super()._signals(indices)
            features = np.stack([indices, np.full(len(indices), self.rounds)], axis=1)
            everything = {
                "reference_loss": 2 * signals.of("loss"),
                "features": features.astype(np.float32),
            }
            extras = {name: everything[name] for name in self.asked}
            return Signals(signals.indices, signals.table, extras)

    return Observant


def test_they_are_there_only_if_named(observant):
    env = PruneEnv(observant(), epochs=2)
    observation, _ = env.reset(seed=0)
    assert not {*EXTRAS} & {*observation}
    assert env.learner.asked == ()
    assert not {*EXTRAS} & {*RoundOptions().signals}


def test_they_begin_at_a_guess_and_show_the_last_training_pass(observant):
    env = PruneEnv(observant(), epochs=3, signals=SIGNALS)
    assert env.observation_space["features"].shape == (4, 2)
    observation, _ = env.reset(seed=0)
    assert observation["features"].tolist() == [[0, 0]] * 4
    assert observation["reference_loss"].tolist() == pytest.approx([np.log(2)] * 4)
    env.step(KEEP_FIRST_TWO)
    observation, *_ = env.step(np.array([1, 0, 0, 1]))
    assert observation["features"].tolist() == [[0, 2], [1, 1], [0, 0], [3, 2]]
    expected = [1, 4, np.log(2), 8]  # twice the loss; arm 0 was halved once before
    assert observation["reference_loss"].tolist() == pytest.approx(expected, abs=1e-2)
    assert env.observation_space.contains(observation)


def test_full_feedback_refreshes_them_too(observant):
    env = PruneEnv(observant(), epochs=3, signals=SIGNALS, feedback="full", reward="kept_loss")
    env.reset(seed=0)
    observation, *_, info = env.step(KEEP_FIRST_TWO)
    assert observation["features"].tolist() == [[0, 1], [1, 1], [2, 1], [3, 1]]
    # the reference takes a forward pass more: 2 arms at 3 + 1, 2 arms at 1 + 1
    assert (info["passes_train"], info["passes_refresh"], info["passes"]) == (8, 4, 12)


def test_features_alone_are_free(observant):
    env = PruneEnv(observant(), epochs=3, signals=("seen", "features"), reward="kept_loss")
    env.reset(seed=0)
    assert env.step(KEEP_FIRST_TWO)[-1]["passes"] == 6


def test_a_budget_pays_for_the_reference(observant):
    """2 epochs of 4 arms are 24 passes: 6 arms at 4 each, where they would be 8 at 3."""
    env = PruneEnv(observant(), budget=2, signals=SIGNALS, reward="kept_loss")
    env.reset(seed=0)
    _, _, over, *_ = env.step(np.ones(4, np.int8))
    assert not over
    with pytest.raises(ValueError, match="keeps 3 arms; the budget of 2 epochs allows 2 more"):
        env.step(np.array([1, 1, 1, 0]))
    observation, _, over, *_ = env.step(KEEP_FIRST_TWO)
    assert over
    assert observation["budget_left"].tolist() == [0]
    assert env.learner.spans == [(0.0, pytest.approx(2 / 3)), (pytest.approx(2 / 3), 1.0)]


def test_one_learner_serves_environments_that_want_different_things(observant):
    learner = observant()
    rich, poor = (PruneEnv(learner, epochs=2, signals=s) for s in (SIGNALS, ("loss", "seen")))
    for env in (rich, poor, rich):
        env.reset(seed=0)
        observation, *_ = env.step(KEEP_FIRST_TWO)
        assert ("features" in observation) == (env is rich)


def test_a_diverged_pass_shows_the_bounds():
    arms = ArmTable(
        1, np.zeros(2, np.int64), 10, ("loss",), {"reference_loss": (), "features": (3,)}
    )
    bad = np.array([[np.nan, np.inf, -np.inf]], np.float32)
    extras = {"reference_loss": np.array([np.nan], np.float32), "features": bad}
    table = np.zeros((1, len(MEASURED)), np.float32)
    one = Selection(np.array([1]), np.array([1]))
    arms.record(one, [Signals(np.array([1]), table, extras)])
    expected = [-FEATURE_MAX, FEATURE_MAX, -FEATURE_MAX]
    assert arms.observe("features")[0].tolist() == [[0, 0, 0], expected]
    assert arms.observe("reference_loss")[0, 1] == LOSS_MAX
    assert np.isfinite(np.square(arms.observe("features")).sum(dtype=np.float32))


def test_each_of_several_runs_has_its_own():
    arms = ArmTable(2, np.zeros(3, np.int64), 10, (), {"features": (2,)})
    features = np.array([[1, 2], [3, 4]], np.float32)
    signals = Signals(np.array([5, 0]), np.zeros((2, len(MEASURED))), {"features": features})
    arms.record(Selection(np.array([0, 5]), np.array([1, 1])), [signals])
    zero = [0, 0]
    assert arms.observe("features").tolist() == [[[3, 4], zero, zero], [zero, zero, [1, 2]]]
    arms.reset(np.array([False, True]))
    assert arms.observe("features").tolist() == [[[3, 4], zero, zero], [zero] * 3]


@pytest.mark.parametrize("name", ["Synthetic", "Probe"])
@pytest.mark.parametrize("make", [gym.make, gym.make_vec])
def test_a_learner_without_them_refuses(name, make):
    with pytest.raises(ValueError, match=r"features, which \w+ cannot measure; allowed are loss, "):
        make(f"prune_env/{name}-v0", signals=("loss", "features"))


@pytest.fixture
def digits():
    return lambda: gym.make("prune_env/Digits-v0", limit=300, epochs=3, signals=SIGNALS)


def test_both_checkers(digits):
    from stable_baselines3.common.env_checker import check_env as check_env_for_sb3

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DataNotice)  # limit= cuts the test split
        check_env(digits().unwrapped, skip_render_check=True)
        # SB3 advises against two axes, and flattens them
        warnings.filterwarnings("ignore", "Your observation features has an unconventional shape")
        check_env_for_sb3(digits().unwrapped)


def test_a_saved_state_continues_in_a_new_environment(digits):
    env, fresh = digits().unwrapped, digits().unwrapped
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(3)]
    env.reset(seed=0)
    env.step(actions[0])
    fresh.load_state_dict(env.state_dict())
    for action in actions[1:]:
        one, other = env.step(action), fresh.step(action)
        assert equal(one, other, exact=True)
    assert (one[0]["reference_loss"] != one[0]["loss"]).any()
