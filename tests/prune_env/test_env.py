"""PruneEnv on a learner that can be worked out by hand: arm i starts at i + 1 nats and halves."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

from prune_env import PruneEnv
from prune_env.learners.protocol import Metrics

KEEP_FIRST_TWO = np.array([1, 1, 0, 0], np.int8)
ALL = np.ones(4, np.int8)


@pytest.fixture
def make(halving):
    def _make(num_arms=4, diverge_after=99, **options):
        env = PruneEnv(halving(num_arms, diverge_after=diverge_after), **options)
        env.reset(seed=0)
        return env

    return _make


def test_the_first_observation_is_a_uniform_guess(halving):
    env = PruneEnv(halving(), epochs=3, signals=("loss", "confidence", "margin", "seen", "pulls"))
    observation, info = env.reset(seed=0)
    assert observation["loss"].tolist() == pytest.approx([np.log(2)] * 4)
    assert observation["confidence"].tolist() == [0.5] * 4
    assert observation["margin"].tolist() == [0] * 4
    assert observation["seen"].tolist() == [0] * 4
    assert observation["pulls"].tolist() == [0] * 4
    assert info["round"] == 0
    assert info["passes"] == 0


def test_semi_feedback_shows_the_kept_arms_only(make):
    env = make(epochs=3)
    env.step(KEEP_FIRST_TWO)
    observation, *_ = env.step(np.array([1, 0, 1, 0]))
    # arm 0 was halved once before it was seen again; arm 1 shows its value of the first round
    assert observation["loss"].tolist() == pytest.approx([0.5, 2, 3, np.log(2)], abs=1e-2)
    assert observation["seen"].tolist() == [1, 0, 1, 0]
    assert observation["age"].tolist() == [0, 1, 0, 2]
    assert observation["pulls"].tolist() == [2, 1, 1, 0]
    assert observation["progress"].tolist() == pytest.approx([2 / 3])
    assert observation["budget_left"].tolist() == [1]


def test_full_feedback_shows_the_rest_too_and_charges_it(make):
    env = make(epochs=3, feedback="full", refresh=2, reward="kept_loss", signals=("loss", "seen"))
    observation, _, _, _, info = env.step(KEEP_FIRST_TWO)
    assert observation["seen"].tolist() == [1, 1, 0, 0]
    assert info["passes"] == 6
    observation, _, _, _, info = env.step(KEEP_FIRST_TWO)
    assert observation["seen"].tolist() == [1, 1, 1, 1]
    assert observation["loss"].tolist() == pytest.approx([0.5, 1, 3, 4], abs=1e-2)
    assert info["passes"] == 6 + 6 + 2
    assert info["passes_refresh"] == 2


@pytest.mark.parametrize(
    ("options", "refreshes"),
    [
        ({"epochs": 3}, [2, 4, 4]),
        # Rounds cost 6 and a look 2: with 24 passes, three looks and no fourth round.
        ({"budget": 2.0}, [2, 4, 4]),
        # With 18 a look after the second round would leave 2, which pay for no arm.
        ({"budget": 1.5}, [2, 2, 2]),
        ({"budget": 1.75}, [2, 4, 4]),
    ],
)
def test_nobody_looks_at_the_rest_after_the_last_round(make, options, refreshes):
    env = make(feedback="full", reward="kept_loss", signals=("loss", "seen"), **options)
    seen, over = [], False
    while not over:
        kept = np.zeros(4, np.int8)
        kept[: min(2, int(env.rounds.ledger.affordable[0]))] = 1
        observation, _, over, _, info = env.step(kept)
        seen.append(info["passes_refresh"])
    assert seen == refreshes
    assert observation["seen"].tolist() == kept.tolist()


@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        ("val_loss_drop", [np.log(2) - 8.5 / 4, 8.5 / 4 - 5 / 4]),
        ("kept_loss", [1.5, 3.5]),
        ("val_accuracy_gain", [np.exp(-8.5 / 4) - 0.5, np.exp(-5 / 4) - np.exp(-8.5 / 4)]),
    ],
)
def test_rewards(make, reward, expected):
    env = make(epochs=2, reward=reward)
    rewards = [env.step(KEEP_FIRST_TWO)[1], env.step(np.array([0, 0, 1, 1]))[1]]
    assert rewards == pytest.approx(expected, abs=1e-2)
    assert all(type(reward) is float for reward in rewards)


def test_val_loss_drop_telescopes(make):
    env = make(epochs=5)
    rewards, info = [], {}
    for _ in range(5):
        _, reward, terminated, truncated, info = env.step(ALL)
        rewards.append(reward)
    assert terminated is True
    assert truncated is False
    assert sum(rewards) == pytest.approx(np.log(2) - info["val_loss"])


def test_the_test_split_appears_at_the_end_only(make):
    env = make(epochs=2)
    assert "test_accuracy" not in env.step(ALL)[4]
    assert "test_accuracy" in env.step(ALL)[4]


def test_evaluations_are_charged_where_they_are_read(make):
    blind = make(epochs=1, reward="kept_loss", signals=("seen",)).step(ALL)[4]
    reading = make(epochs=1).step(ALL)[4]
    assert (blind["passes"], reading["passes"]) == (12, 12 + 6)


def test_evaluate_every(make):
    env = make(epochs=5, evaluate_every=2)
    evaluated = [env.step(ALL)[4]["evaluated"] for _ in range(5)]
    assert evaluated == [False, True, False, True, True]


def test_another_period_of_evaluations_ends_the_episode(make):
    env = make(epochs=2)
    env.step(ALL)
    env.evaluate_every(2)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(ALL)
    env.reset(seed=0)
    assert [env.step(ALL)[4]["evaluated"] for _ in range(2)] == [False, True]


BLIND = {"reward": "kept_loss", "signals": ("loss", "progress")}


@pytest.fixture
def unvalidated(halving):
    """Makes an environment without a validation split, whose learner refuses to evaluate one."""

    def _make(**options):
        learner = halving()
        learner.num_validation, evaluate = 0, learner.evaluate
        learner.evaluate = lambda split: {"test": evaluate}[split]("test")
        return PruneEnv(learner, **options)

    return _make


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_without_a_validation_split_nothing_reads_one(unvalidated, mode):
    env = unvalidated(epochs=2, render_mode=mode, **BLIND)
    _, info = env.reset(seed=0)
    assert not {"val_loss", "val_accuracy"} & info.keys()
    _, reward, _, _, info = env.step(KEEP_FIRST_TWO)
    assert reward == pytest.approx(1.5, abs=1e-2)
    assert not {"val_loss", "val_accuracy"} & info.keys()
    assert (info["evaluated"], info["passes"], info["passes_evaluate"]) == (False, 6, 0)
    _, _, terminated, _, info = env.step(KEEP_FIRST_TWO)
    assert terminated
    assert info["test_accuracy"] == env.learner.evaluate("test").accuracy[0]
    picture = env.render()
    if mode == "ansi":
        assert "-  validation accuracy (no validation split)" in picture
        assert "  accuracy  " not in picture


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (BLIND | {"reward": "val_loss_drop"}, r"'val_loss_drop' .* num_validation is 0.*kept_loss"),
        (BLIND | {"signals": ("loss", "val_loss")}, r"signals has val_loss, .*allowed are loss,"),
        ({}, "signals has val_loss, val_accuracy, and num_validation is 0"),
    ],
)
def test_what_reads_validation_is_refused_where_there_is_none(unvalidated, options, message):
    with pytest.raises(ValueError, match=message):
        unvalidated(**options)


def test_a_run_that_diverges_in_its_last_round_says_so_without_validation(unvalidated):
    env = unvalidated(epochs=1, **BLIND)
    env.reset(seed=0)
    train = env.learner.train

    def explode(*args):
        signals = train(*args)
        env.learner.loss[:] = np.inf
        return signals

    env.learner.train = explode  # the pass itself still saw finite losses
    *_, info = env.step(ALL)
    assert info["diverged"]
    assert np.isfinite(info["kept_loss"])


def test_a_budget_is_spent_to_the_last_arm(make):
    env = make(budget=1.75, reward="kept_loss", signals=("budget_left", "progress"))
    observation, _, terminated, _, info = env.step(ALL)
    assert observation["budget_left"].tolist() == [0.75]
    assert observation["progress"].tolist() == pytest.approx([1 / 1.75])
    assert not terminated
    with pytest.raises(ValueError, match=r"keeps 4 arms.*allows 3 more"):
        env.step(ALL)
    _, _, terminated, _, info = env.step(np.array([1, 1, 1, 0]))
    assert terminated
    assert info["passes"] == 21 == 1.75 * 3 * 4
    np.testing.assert_allclose(env.learner.spans, [(0, 4 / 7), (4 / 7, 1)])


def test_a_budget_pays_for_evaluations_that_are_read(make):
    env = make(budget=2, evaluate_every=1, signals=("budget_left", "val_loss"))
    observation, info = env.reset(seed=0)
    assert observation["budget_left"].tolist() == [1.5]  # 24 passes, the evaluation takes 6
    observation, _, terminated, _, info = env.step(ALL)
    assert info["passes"] == 18
    assert terminated  # 6 passes are left: just the next evaluation, and no arm


def test_a_budget_of_several_epochs_is_shown_whole(make):
    env = make(budget=3.5, reward="kept_loss", signals=("budget_left",))
    observation, _ = env.reset(seed=0)
    left = [observation["budget_left"].item()]
    left += [env.step(ALL)[0]["budget_left"].item() for _ in range(3)]
    assert left == [3.5, 2.5, 1.5, 0.5]


@pytest.mark.parametrize(
    ("budget", "reward", "needed"),
    [(0.2, "kept_loss", "0.25"), (0.7, "val_loss_drop", "0.75")],  # (3 + 6) / 12 with evaluation
)
def test_a_budget_that_pays_for_no_arm_is_refused(halving, budget, reward, needed):
    options = {"reward": reward, "signals": ("loss",)}
    with pytest.raises(ValueError, match=rf"budget is {budget}; .* cost {needed}"):
        PruneEnv(halving(), budget=budget, **options)
    PruneEnv(halving(), budget=float(needed), **options).reset(seed=0)


def test_divergence_ends_the_run_with_finite_numbers(make):
    env = make(epochs=9, diverge_after=2)
    env.step(ALL)
    observation, reward, terminated, _, info = env.step(ALL)
    assert terminated
    assert info["diverged"]
    assert np.isfinite(reward)
    assert all(np.isfinite(array).all() for array in observation.values())
    assert all(np.isfinite(value) for value in info.values())
    assert env.observation_space.contains(observation)


def test_a_restored_run_goes_on_counting_its_seconds(make):
    env, other = make(), make()
    env.clock.wall["train"], env.clock.cpu["train"] = 5.0, 4.0
    other.load_state_dict(env.state_dict())
    assert (other.clock.wall["train"], other.clock.cpu["train"]) == (5, 4)


def test_a_run_that_diverges_is_evaluated_though_that_was_not_due(make):
    env = make(epochs=9, diverge_after=2, evaluate_every=5)
    env.step(ALL)
    info = env.step(ALL)[4]
    assert (info["evaluated"], info["val_loss"]) == (True, 100)


def test_a_network_whose_validation_loss_is_not_finite_has_diverged(make):
    env = make(epochs=9)
    env.learner.evaluate = lambda split: Metrics(np.array([np.inf]), np.array([0.5]))
    _, _, terminated, _, info = env.step(ALL)
    assert (terminated, info["diverged"], info["val_loss"]) == (True, True, 100)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.ones(3), r"shape \(3,\); expected \(4,\)"),
        (np.zeros(4), "the action keeps no arm; at least 1"),
        (np.array([1, np.nan, 0, 0]), "1 entry that is NaN or infinite"),
        (np.array([1, 2, 0, 0]), "1 entry that is neither 0"),
        (np.array(["a"] * 4), "dtype <U1; expected numbers"),
    ],
)
def test_a_bad_action_changes_nothing(make, action, message):
    env, twin = make(epochs=3), make(epochs=3)
    with pytest.raises(ValueError, match=message):
        env.step(action)
    for (name, got), expected in zip(
        env.step(ALL)[0].items(), twin.step(ALL)[0].values(), strict=True
    ):
        np.testing.assert_array_equal(got, expected, err_msg=name)


@pytest.mark.parametrize("weight", [-1.0, 11.0])
def test_weights_have_bounds(make, weight):
    env = make(action="weights", weight_max=10.0)
    with pytest.raises(ValueError, match=r"allowed is 0 to 10\.0"):
        env.step(np.array([1, 1, weight, 0], np.float32))
    env.step(np.array([0.5, 10, 0, 0], np.float32))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": 2.5}, "epochs is 2.5; expected int"),
        ({"epochs": 2**25}, r"epochs is 33554432; allowed is 1 <= epochs <= 1e\+07"),
        ({"budget": 1e8}, r"budget is 100000000.0; allowed is 0 < budget <= 1e\+07"),
        ({"budget": 1e30}, r"budget is 1e\+30; allowed is 0 < budget <= 1e\+07"),
        ({"budget": -1.0}, "budget is -1.0"),
        ({"feedback": "none"}, "feedback is 'none'"),
        ({"refresh": 0}, "refresh is 0"),
        ({"reward": "val_loss_dorp"}, "did you mean val_loss_drop"),
        ({"reward": "no_such_module:f"}, "cannot be imported"),
        ({"signals": ("lost",)}, r"unknown signal 'lost' .*did you mean loss"),
        ({"signals": "loss"}, "signals is 'loss'; expected a list of str"),
        ({"signals": ("loss", 1)}, r"signals is \('loss', 1\); expected a list of str"),
        ({"action": "mask"}, "action is 'mask'"),
        ({"render_mode": "human"}, "render_mode is 'human'"),
    ],
)
def test_bad_options(halving, options, message):
    with pytest.raises(ValueError, match=message):
        PruneEnv(halving(), **options)


def test_unknown_options_are_answered_with_those_that_there_are(halving):
    with pytest.raises(
        TypeError, match=r"argument 'epoch' .*mean epochs\?\); allowed are epochs, budget"
    ):
        PruneEnv(halving(), lr=0.1, epoch=3)
    with pytest.raises(
        TypeError, match=r"argument 'foo'; allowed are num_arms, .*, epochs, budget"
    ):
        gym.make("prune_env/Synthetic-v0", foo=1)


def test_steps_outside_an_episode_are_refused(halving):
    env = PruneEnv(halving(), epochs=1)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(ALL)
    env.reset(seed=0)
    env.step(ALL)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(ALL)


def test_no_two_observations_share_memory(make):
    env = make(epochs=3, signals=("loss", "label", "seen", "age", "pulls", "val_loss"))
    first, second = env.step(ALL)[0], env.step(ALL)[0]
    for name in first:
        assert not np.shares_memory(first[name], second[name]), name


def test_a_restored_episode_goes_on_the_same(make):
    env = make(epochs=4)
    env.step(KEEP_FIRST_TWO)
    saved = env.state_dict()
    ends = []
    for _ in range(2):
        env.load_state_dict(saved)
        env.step(ALL)
        ends.append(env.step(KEEP_FIRST_TWO))
    for name in ends[0][0]:
        np.testing.assert_array_equal(ends[0][0][name], ends[1][0][name])
    assert ends[0][1:] == ends[1][1:]
    assert [row["round"] for row in env.history] == [1, 2, 3]


def test_a_state_of_other_arms_or_signals_is_refused_whole(make):
    state = make(signals=("loss", "seen")).state_dict()
    env = make(signals=("loss", "margin", "seen"))
    env.step(ALL)
    before = env.state_dict()
    with pytest.raises(
        ValueError, match="state of another environment: its table of arms has marg"
    ):
        env.load_state_dict(state)
    with pytest.raises(ValueError, match="state of another environment: its table of arms has"):
        env.load_state_dict(make(num_arms=5, signals=("loss", "margin", "seen")).state_dict())
    assert data_equivalence(env.state_dict(), before)


@pytest.mark.parametrize("weight_max", [0, -3, float("nan"), None, "a"])
def test_a_bound_of_weights_is_above_zero(make, weight_max):
    with pytest.raises(ValueError, match="weight_max is "):
        make(action="weights", weight_max=weight_max)
