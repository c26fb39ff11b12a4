"""Features of arms, with numbers worked out by hand. Two runs of four arms of two classes."""

import numpy as np
import pytest

from prune_env.wrappers import arm_features

RNG = np.random.default_rng(0)


def remembered(*rounds):
    """The memory after these rounds."""
    memory = arm_features.fresh_memory(*rounds[0]["seen"].shape)
    for entries in rounds:
        arm_features.remember(memory, entries)
    return memory


def test_averages_and_variances_follow_the_arms_that_were_seen(observation):
    memory = remembered(
        observation(loss=[0.7, 0.7, 0.7, 0.7]),
        observation(loss=[2, 4, 0.7, 0.7], seen=[1, 1, 0, 0]),
        observation(loss=[1, 4, 3, 0.7], seen=[1, 0, 1, 0]),
    )
    #  arm 0: 2 + 0.3 (1 - 2); arm 1 keeps its first loss; arm 2 has only one; arm 3 the guess
    np.testing.assert_allclose(memory["loss_ema"], [[1.7, 4, 3, 0.7]], rtol=1e-6)
    np.testing.assert_allclose(memory["loss_variance"], [[0.3, 0, 0, 0]], rtol=1e-6)


def test_forgetting_counts_falls_from_right_to_wrong_among_observations(observation):
    right = [[1, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
    seen = [[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]
    rounds = [observation(correct=r, seen=s) for r, s in zip(right, seen, strict=True)]
    np.testing.assert_array_equal(remembered(*rounds)["forgetting"], [[2, 1, 1, 0]])


def test_rarity_is_minus_log_of_the_share_of_the_class(observation):
    entries = observation(label=[0, 0, 0, 1])
    rarity = arm_features.feature("rarity", arm_features.fresh_memory(1, 4), entries, RNG)
    np.testing.assert_allclose(rarity, [[-np.log(0.75)] * 3 + [-np.log(0.25)]], rtol=1e-6)


def test_standardise_goes_row_by_row_and_makes_a_constant_row_zero():
    rows = np.array([[1, 2, 3, 4], [7, 7, 7, 7]], np.float32)
    expected = np.array([-1.5, -0.5, 0.5, 1.5]) / np.sqrt(1.25)
    np.testing.assert_allclose(arm_features.standardise(rows), [expected, [0] * 4], rtol=1e-6)


def test_a_constant_loss_of_many_arms_is_exactly_zero():
    loss = np.full((1, 50_000), np.log(10), np.float32)
    assert not arm_features.standardise(loss).any()


def test_noise_draws_arms_as_softmax_does(observation):
    entries = observation(num_runs=20_000, loss=[0, 0, 0, 1])
    weights = np.zeros((20_000, len(arm_features.FEATURES)), np.float32)
    weights[:, arm_features.FEATURES.index("loss")] = 0.5
    weights[:, arm_features.FEATURES.index("noise")] = 1
    memory = arm_features.fresh_memory(20_000, 4)
    scores = arm_features.linear_scores(weights, memory, entries, np.random.default_rng(0))
    first = np.bincount(scores.argmax(axis=1), minlength=4) / 20_000
    standard = np.exp(0.5 * (np.array([0, 0, 0, 1]) - 0.25) / np.sqrt(3 / 16))
    np.testing.assert_allclose(first, standard / standard.sum(), atol=0.01)


def test_stack_has_a_column_for_each_name(observation):
    entries = observation(age=[0, 1, 2, 1], progress=[0.25])
    stacked = arm_features.stack(("age", "progress"), arm_features.fresh_memory(1, 4), entries, RNG)
    expected = [[-np.sqrt(2), 0.25], [0, 0.25], [np.sqrt(2), 0.25], [0, 0.25]]
    np.testing.assert_allclose(stacked, [expected], atol=1e-6)


def test_summary_of_a_first_observation(observation):
    entries = observation(
        loss=[np.log(2)] * 4, confidence=[0.5] * 4, budget_left=[9], val_loss=[np.log(2)]
    )
    summary = dict(
        zip(
            arm_features.SUMMARY, arm_features.summary(remembered(entries), entries)[0], strict=True
        )
    )
    expected = {
        "progress": 0,
        "budget_left": np.log(10) / 3,
        "val_loss": 1,
        "seen": 0,
        "seen_loss": 1,
        "loss_q5": 1,
        "loss_ema_q95": 1,
        "confidence_q50": 0.5,
        "age_q50": 0,
        "class_loss_min": 1,
        "class_correct_max": 0,
    }
    assert {name: summary[name] for name in expected} == pytest.approx(expected)


def test_summary_later(observation):
    entries = observation(
        num_arms=6,
        loss=[0, 1, 2, 3, 4, 5],
        seen=[1, 1, 0, 0, 0, 0],
        correct=[1, 0, 1, 0, 1, 1],
        pulls=[1, 1, 0, 0, 0, 0],
    )
    summary = dict(
        zip(
            arm_features.SUMMARY, arm_features.summary(remembered(entries), entries)[0], strict=True
        )
    )
    nats = np.log(2)
    expected = {
        "seen": 1 / 3,
        "seen_loss": 0.5 / nats,
        "loss_q5": 0,
        "loss_q95": 5 / nats,
        "pulls_q95": nats / 3,
        "class_loss_min": 2 / nats,
        "class_loss_max": 3 / nats,
        "class_correct_min": 1 / 3,
        "class_correct_max": 1,
        "class_seen_mid": 1 / 3,
    }
    assert {name: summary[name] for name in expected} == pytest.approx(expected)


def test_a_variance_is_in_squared_units_of_the_losses(observation):
    first = observation(loss=[1.0] * 4, seen=[1] * 4)
    second = observation(loss=[3.0] * 4, seen=[1] * 4)
    memory = remembered(first)
    arm_features.remember(memory, second)
    summary = dict(zip(arm_features.SUMMARY, arm_features.summary(memory, second)[0], strict=True))
    assert summary["loss_variance_q50"] == pytest.approx(0.3 * 2**2 / np.log(2) ** 2)


def test_summary_of_one_class_is_finite(observation):
    entries = observation(label=[0] * 4, loss=[1.0] * 4)
    assert np.isfinite(arm_features.summary(remembered(entries), entries)).all()


@pytest.mark.parametrize(("num_arms", "num_classes"), [(20, 2), (9000, 100)])
def test_summary_has_one_size_and_is_bounded(observation, num_arms, num_classes):
    labels = np.arange(num_arms) % num_classes
    entries = observation(num_arms=num_arms, num_runs=3, label=labels, loss=[100.0] * num_arms)
    summary = arm_features.summary(remembered(entries), entries)
    assert summary.shape == (3, len(arm_features.SUMMARY)) == (3, 55)
    assert np.abs(summary).max() == arm_features.BOUND
