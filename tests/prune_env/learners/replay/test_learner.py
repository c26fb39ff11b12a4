"""The replay rung: a trace of three rounds worked by hand, and recording one."""

import gymnasium as gym
import numpy as np
import prune_agents
import pytest

import prune_env  # noqa: F401, registers the ids
from prune_env import PruneEnv, Selection
from prune_env.learners.replay.learner import (
    ReplayLearner,
    ReplayOptions,
    reach_of_unkept,
    relative_worth,
)
from prune_env.learners.replay.trace import SIGNALS, Trace, find_trace, record

LOSS = [
    [2.0, 1.0, 0.0],  # is learned
    [2.0, 2.0, 2.0],  # never is
    [1.0, 0.0, 0.0],  # at once
]


def trace(**changes) -> Trace:
    loss = np.array(LOSS, np.float16)
    arrays = {
        "loss": loss,
        "confidence": np.exp(-loss),
        "margin": 2 * np.exp(-loss) - 1,
        "correct": (loss < 0.7).astype(np.uint8),
        "labels": np.array([0, 1, 2]),
        "val_loss": np.array([1.5, 1.0, 0.5], np.float32),
        "val_accuracy": np.array([0.5, 0.6, 0.7], np.float32),
        "test_loss": np.array([1.6, 1.1, 0.6], np.float32),
        "test_accuracy": np.array([0.4, 0.5, 0.6], np.float32),
        "num_classes": 3,
        "num_validation": 2,
    }
    return Trace(**(arrays | changes))


def make(**changes):
    learner = ReplayLearner(ReplayOptions(trace=trace(**changes)))
    learner.reset([0])
    return learner


def train(learner, *arms, weights=None):
    selection = Selection(np.array(arms), np.array([len(arms)]), weights)
    return learner.train(selection, np.zeros(1), np.ones(1))


def test_keeping_all_arms_is_the_recorded_run():
    learner = make()
    for r in range(3):
        losses = train(learner, 0, 1, 2).table[:, 0]
        assert losses.tolist() == pytest.approx([row[r] for row in LOSS], abs=1e-6)
        assert learner.evaluate("validation").loss.tolist() == pytest.approx([[1.5, 1.0, 0.5][r]])
        assert learner.evaluate("test").accuracy.tolist() == pytest.approx([[0.4, 0.5, 0.6][r]])


def test_worth_is_what_was_left_to_learn_relative_to_the_average():
    # before the first round 2, 0 and 1 nats are left, before the second 1, 0 and 0
    expected = [[2, 3], [0, 0], [1, 0]]
    assert relative_worth(np.array(LOSS)).tolist() == expected
    assert relative_worth(np.array(LOSS)[:, :1]).tolist() == [[1], [1], [1]]


def test_unkept_arms_come_as_far_as_the_validation_loss():
    # mean losses 5/3, 1, 2/3; validation losses 4/3 (half-way to round 1), 1, and 5/6
    validation = np.array([4 / 3, 1, 5 / 6], np.float32)
    assert reach_of_unkept(trace(val_loss=validation)).tolist() == pytest.approx([0, 0.5, 1, 1.5])
    assert reach_of_unkept(trace(val_loss=np.full(3, 9.0))).tolist() == [0, 0, 0, 0]
    assert reach_of_unkept(trace(val_loss=np.full(3, 0.1))).tolist() == [0, 1, 2, 2]


def test_an_arm_moves_by_being_kept_and_by_what_is_learned_elsewhere():
    learner = make(val_loss=np.array([4 / 3, 1, 5 / 6], np.float32))  # h(t) = t / 2
    train(learner, 0)
    assert learner.position.tolist() == pytest.approx([2 / 3])
    elsewhere = 1 / 3
    assert learner.positions[0].tolist() == pytest.approx([0.5 + elsewhere, elsewhere, elsewhere])
    assert learner.score(np.arange(3)).table[:, 0].tolist() == pytest.approx(
        [2 - 0.5 - elsewhere, 2, 1 - elsewhere]
    )
    before = np.log(3)
    expected = before + (4 / 3 - before) * 2 / 3
    assert learner.evaluate("validation").loss[0] == pytest.approx(expected)


def test_an_arm_that_is_never_learned_is_worth_nothing():
    learner = make()
    train(learner, 1)
    assert learner.position.tolist() == [0]


def test_a_weight_counts_an_arm_so_many_times():
    learner = make(val_loss=np.full(3, 9.0))  # h = 0
    train(learner, 0, 2, weights=np.array([0.5, 2.0], np.float32))
    assert learner.position.tolist() == pytest.approx([(0.5 * 2 + 2 * 1) / 3])
    assert learner.positions[0].tolist() == [0.5, 0, 2]


def test_the_error_norm_spreads_what_is_left():
    p = [0.5, 0.3, 0.1, 0.1]
    one = {"confidence": [[0.5]], "margin": [[0.5 - 0.3]], "loss": [[np.log(2)]], "correct": [[1]]}
    metrics = dict.fromkeys(("val_loss", "val_accuracy", "test_loss", "test_accuracy"), np.ones(1))
    arrays = {name: np.array(value, np.float32) for name, value in one.items()} | metrics
    learner = ReplayLearner(
        ReplayOptions(trace=trace(**arrays, labels=np.zeros(1, int), num_classes=4))
    )
    expected = np.linalg.norm(np.array(p) - [1, 0, 0, 0])
    assert learner.score(np.arange(1)).table[0, 4] == pytest.approx(expected)


def test_a_recorded_run_plays_back_the_same(tmp_path):
    env = gym.make("prune_env/Digits-v0", limit=300, epochs=4).unwrapped
    assert isinstance(env, PruneEnv)
    full = prune_agents.make("full")
    written = record(env, full, tmp_path / "trace.npz")
    read = find_trace(tmp_path / "trace.npz")
    for name in (*SIGNALS, "labels", "val_loss", "test_accuracy"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    replay = gym.make("prune_env/Replay-v0", trace=str(tmp_path / "trace.npz"))
    observation, _ = replay.reset(seed=0)
    env.reset(seed=0)
    terminated = False
    while not terminated:
        action, _ = full.predict(observation)
        real = env.step(action)
        observation, reward, terminated, _, info = replay.step(action)
        for name in ("loss", "confidence", "margin", "correct"):
            np.testing.assert_allclose(observation[name], real[0][name], rtol=1e-3, atol=1e-3)
        assert reward == pytest.approx(real[1], abs=1e-6)
    assert real[2]
    assert info["test_accuracy"] == pytest.approx(real[4]["test_accuracy"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"signals": ["loss", "correct", "seen"]}, "the observation has no confidence, margin"),
        ({"evaluate_every": 2}, "evaluate_every is 2; expected 1"),
    ],
)
def test_what_cannot_be_recorded(tmp_path, options, message):
    env = gym.make("prune_env/Replay-v0", **options).unwrapped
    with pytest.raises(ValueError, match=message):
        record(env, prune_agents.make("full"), tmp_path / "trace.npz")


def test_bad_traces(tmp_path):
    with pytest.raises(ValueError, match=r"labels has shape \(2,\); expected \(3,\)"):
        trace(labels=np.zeros(2, int))
    with pytest.raises(ValueError, match="val_loss has values that are NaN"):
        trace(val_loss=np.full(3, np.nan))
    with pytest.raises(FileNotFoundError, match="allowed are cifar10, digits"):
        find_trace("nowhere")
    np.savez(tmp_path / "less.npz", loss=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="has no confidence, margin"):
        find_trace(tmp_path / "less.npz")
