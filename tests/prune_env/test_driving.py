"""What an agent answers: forms that can be trained on are taken, all others refused at once."""

import collections

import gymnasium as gym
import numpy as np
import pytest
import torch

from prune_env.core.selection import best_k, decode
from prune_env.driving import ask, check_state, one_run
from prune_env.learners.replay.trace import record


class Answers:
    """An agent that has only `predict`."""

    def __init__(self, answer):
        self.answer = answer

    def predict(self, observation, state):
        return self.answer


MASK = np.array([1, 0, 1, 1], np.int8)


@pytest.mark.parametrize(
    "action",
    [
        MASK,
        MASK.astype(bool),
        MASK.astype(float),
        MASK[None],
        MASK.tolist(),
        tuple(MASK),
        torch.tensor(MASK),
        torch.tensor(MASK, dtype=torch.float32, requires_grad=True),
        torch.tensor(MASK)[None],
    ],
)
def test_what_is_clearly_a_mask_is_taken(action):
    kept = one_run(action, 4)
    assert decode(kept[None], "keep", 1, 4).indices.tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ([0, 2, 3], r"shape \(3,\); expected \(4,\).*numbers of the arms.*mask\[numbers\] = 1"),
        (np.array([0, 2]), "these are the numbers of the arms"),
        ([0.5, 0.1], r"the agent chose an array of shape \(2,\); expected \(4,\)"),
        (np.ones((4, 1)), r"shape \(4, 1\)"),
        (np.ones((2, 4)), r"shape \(2, 4\)"),
        (3, r"shape \(\)"),
        (None, r"shape \(\)"),
        ({0, 2}, r"shape \(\)"),
        ([[1], [2, 3]], "the action is no array of numbers"),
    ],
)
def test_what_is_no_choice_of_one_run_is_refused(action, message):
    with pytest.raises(ValueError, match=message):
        one_run(action, 4)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ([3, 1, 0, 2], "2 entries that are neither 0"),  # arms by number: as many as there are
        ([0.2, 0.9, 1, 0], "2 entries that are neither 0"),
        ([np.nan, 1, 1, 0], "1 entry that is NaN or infinite"),
        (["1", "0", "1", "1"], "expected numbers"),
        ([True, None, 1, 0], "expected numbers"),
    ],
)
def test_what_the_environment_refuses_further(action, message):
    env = gym.make("prune_env:prune_env/Synthetic-v0", num_arms=4)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.unwrapped.step(one_run(action, 4))


def test_an_environment_takes_lists_and_tensors():
    env = gym.make("prune_env/Synthetic-v0", num_arms=4).unwrapped
    env.reset(seed=0)
    for action in (MASK.tolist(), torch.tensor(MASK, dtype=torch.float32, requires_grad=True)):
        assert env.step(action)[4]["kept"] == 3


@pytest.mark.parametrize(
    "state", [None, {}, {"a": np.zeros(3), "b": np.ones((), np.int64), "c": np.float32(1)}]
)
def test_numeric_arrays_are_a_state(state):
    assert check_state(state) is state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([np.zeros(3)], "the state of the agent is list .*; allowed is None or a plain dict"),
        ((np.zeros(3),), "is tuple"),
        (collections.OrderedDict(a=np.zeros(3)), "is OrderedDict"),
        (np.zeros(3), "is ndarray of float64"),
        ({"a": 3}, "has 'a', which is int 3; allowed is None or a plain dict of NumPy arrays"),
        ({"a": [1, 2]}, r"has 'a', which is list \[1, 2\]"),
        ({"a": {"b": np.zeros(3)}}, "has 'a', which is dict"),
        ({"a": "text"}, "has 'a', which is str 'text'"),
        ({"a": np.array(["text"])}, "has 'a', which is ndarray of <U4"),
        ({"a": np.array([None])}, "has 'a', which is ndarray of object"),
        ({"a": np.array(["2026"], "datetime64[Y]")}, "has 'a', which is ndarray of datetime64"),
        ({"a": np.ma.zeros(3)}, "has 'a', which is MaskedArray"),
        ({"a": np.zeros(3, np.longdouble)}, "has 'a' of type float128"),
        ({"a": np.zeros(3, ">f4")}, "has 'a' of type >f4"),
        ({"a": torch.zeros(3)}, "has 'a', which is Tensor"),
        ({"a": np.random.default_rng(0)}, "has 'a', which is Generator"),
        ({3: np.zeros(3)}, "has the key 3, no text"),
    ],
)
def test_what_cannot_be_saved_is_no_state(state, message):
    with pytest.raises(ValueError, match=message):
        check_state(state)
    with pytest.raises(ValueError, match=message.replace("the agent", "Answers")):
        ask(Answers((MASK, state)), {}, None, 4)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (MASK, r"Answers.predict returned ndarray of int8; expected \(action, state\)"),
        (None, "Answers.predict returned None"),
        ((MASK, None, 3), "Answers.predict returned tuple"),
    ],
)
def test_other_answers_are_refused(answer, message):
    with pytest.raises(ValueError, match=message):
        ask(Answers(answer), {}, None, 4)


def test_a_predict_with_other_arguments_is_refused():
    class Sklearn:
        def predict(self, features):
            return features

    with pytest.raises(ValueError, match=r"Sklearn.predict cannot be called with \(observation, s"):
        ask(Sklearn(), {}, None, 4)


def test_a_class_is_no_agent():
    message = r"agent is <class .*Answers'>; expected an object .*; make one: Answers\(\)$"
    with pytest.raises(ValueError, match=message):
        ask(Answers, {}, None, 4)


def test_a_recording_asks_in_the_same_way(tmp_path):
    env = gym.make("prune_env/Synthetic-v0", num_arms=4).unwrapped
    with pytest.raises(ValueError, match="the state of Answers is list"):
        record(env, Answers((MASK, [1])), tmp_path / "trace.npz")
    assert not list(tmp_path.iterdir())


def test_scores_that_are_no_numbers_choose_nothing():
    """NumPy sorts NaN above all numbers, so they would be kept."""
    with pytest.raises(ValueError, match="2 of 4 scores are NaN; every arm needs a number"):
        best_k(np.array([[0, np.nan, 1, np.nan]]), 2, np.random.default_rng(0))
