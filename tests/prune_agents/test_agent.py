"""The base class: what a policy of one's own gets from it."""

import warnings
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import prune_agents
import pytest
from numpy.typing import NDArray
from prune_agents.agent import Agent, Observation, State

from prune_env.notices import Notice


@dataclass(frozen=True, kw_only=True)
class Mine(Agent):
    """Keeps the arms of the highest loss, or of the lowest."""

    order: Literal["hard", "easy"] = "hard"
    share: float | None = None

    signals: ClassVar[tuple[str, ...]] = ("loss",)

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[Any]:
        return observation["loss"] * (1 if self.order == "hard" else -1)


def test_a_policy_of_ten_lines(observe, tiny_env):
    observation = observe(loss=[1.0, 4.0, 3.0, 2.0])
    action, _ = Mine(keep_ratio=0.5).predict(observation)
    assert action.tolist() == [0, 1, 1, 0]
    assert action.dtype == np.int8
    assert Mine(keep_ratio=0.5, order="easy").predict(observation)[0].tolist() == [1, 0, 0, 1]
    two_runs = observe(loss=[[1.0, 4.0, 3.0, 2.0], [9.0, 8.0, 7.0, 6.0]])
    assert Mine(keep_ratio=0.5).predict(two_runs)[0].tolist() == [[0, 1, 1, 0], [1, 1, 0, 0]]


@pytest.mark.parametrize(
    ("keep_ratio", "num_arms", "kept"), [(0.3, 10, 3), (0.25, 10, 2), (0.01, 10, 1), (1, 10, 10)]
)
def test_keep_ratio_is_rounded_to_at_least_one_arm(observe, keep_ratio, num_arms, kept):
    action, _ = Mine(keep_ratio=keep_ratio).predict(observe(loss=np.arange(num_arms)))
    assert action.sum() == kept


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "harder"}, "order is 'harder'; expected 'hard' or 'easy'"),
        ({"share": "all"}, r"share is 'all'; expected float or None"),
        ({"period": True}, "period is True; expected int"),
        ({"seed": -1}, "seed is -1; allowed is 0 or more"),
        ({"keep_ratio": 2}, "keep_ratio is 2; allowed is 0 < keep_ratio <= 1"),
    ],
)
def test_bad_options_say_what_came_and_what_is_allowed(options, message):
    with pytest.raises(ValueError, match=message):
        Mine(**options)


def test_numbers_of_numpy_are_numbers():
    assert Mine(keep_ratio=np.float32(0.5), seed=np.int64(3), share=1).seed == 3


def test_an_observation_without_what_the_policy_reads(observe):
    message = r"Contextual reads margin, label, which .* signals=\('seen', 'loss', 'margin', "
    with pytest.raises(ValueError, match=message):
        prune_agents.make("contextual").predict(observe(loss=[1.0], age=[0], pulls=[0]))


def test_runs_of_different_age_choose_when_their_own_period_is_over(observe):
    """Two runs of period 2; the second begins anew one round later than the first."""
    agent = Mine(keep_ratio=0.25, period=2)
    actions, state = [], None
    for round_number in range(4):
        loss = np.roll([1.0, 0, 0, 0], round_number)
        begun = np.array([round_number == 0, round_number <= 1])
        action, state = agent.predict(observe(loss=[loss, loss]), state, begun)
        actions.append(action.argmax(axis=1).tolist())
    assert actions == [[0, 0], [0, 1], [2, 1], [2, 3]]


def test_the_first_selection_follows_the_rounds_that_keep_everything(observe):
    """A whole round, then a choice every second one, as the ports of the seed paper choose. Of two
    runs the second begins anew one round later.
    """
    agent = Mine(keep_ratio=0.25, period=2, full_rounds=1)
    kept, state = [], None
    for round_number in range(5):
        loss = np.roll([1.0, 0, 0, 0], round_number)
        begun = np.array([round_number == 0, round_number <= 1])
        action, state = agent.predict(observe(loss=[loss, loss]), state, begun)
        kept.append(["".join(map(str, np.flatnonzero(row))) for row in action])
    assert kept == [["0123", "0123"], ["1", "0123"], ["1", "2"], ["3", "2"], ["3", "0"]]


@pytest.mark.parametrize("period", [1, 3])
def test_weights_of_a_whole_round_are_1(observe, period):
    agent = prune_agents.make("infobatch", full_rounds=1, period=period)
    observation = observe(loss=[0.0, 0.0, 0.0, 0.0, 4.0], progress=[0.0])
    action, state = agent.predict(observation)
    assert action.tolist() == [1] * 5
    assert action.dtype == np.float32
    action, _ = agent.predict(observation, state)
    assert sorted(action.tolist()) == [0, 0, 1, 2, 2]


def test_a_policy_that_says_neither_is_told_so(observe):
    @dataclass(frozen=True, kw_only=True)
    class Silent(Agent):
        pass

    with pytest.raises(ValueError, match="nor how it ranks arms; write a method `scores`, or"):
        Silent().predict(observe(loss=[1.0, 2.0]))
    with pytest.raises(ValueError, match="Silent wants no prior run"):
        Silent().begin(None)


@pytest.mark.parametrize(
    ("answer", "came"),
    [
        (None, "None"),
        (np.float32(1), "1.0"),
        (np.ones(2), r"float64 of shape \(2,\)"),
        (np.ones((1, 1)), r"float64 of shape \(1, 1\)"),
        (np.array([["a", "b"]]), r"<U1 of shape \(1, 2\)"),
    ],
)
def test_scores_of_another_shape_or_of_no_numbers_are_refused(observe, answer, came):
    @dataclass(frozen=True, kw_only=True)
    class Flat(Agent):
        def scores(self, state, observation, rng):
            return answer

    expected = rf"Flat\.scores returned {came}; expected numbers of shape \(1, 2\)"
    with pytest.raises(ValueError, match=expected):
        Flat().predict(observe(loss=[1.0, 2.0]))


def test_a_mask_of_more_or_fewer_than_k_is_refused_where_the_class_keeps_k(observe):
    @dataclass(frozen=True, kw_only=True)
    class All(Agent):
        def choose(self, state, observation, k, rng):
            return np.ones(observation["seen"].shape, bool)

    class Free(All):
        keeps_k = False

    shown = observe(loss=[1.0, 2.0, 3.0, 4.0])
    with pytest.raises(
        ValueError, match=r"All.choose kept 4 arms where k is 1; .* keeps_k = False"
    ):
        All().predict(shown)
    assert All(keep_ratio=1.0).predict(shown)[0].sum() == 4
    assert All(full_rounds=1).predict(shown)[0].sum() == 4
    assert Free().predict(shown)[0].sum() == 4


def test_the_state_that_is_passed_in_is_left_as_it_was(observe):
    shown = observe(loss=[1.0, 4.0])
    _, state = Mine().predict(shown)
    then = deepcopy(state)
    Mine().predict(shown, state)
    assert state == then


def test_a_seed_of_its_own_is_kept():
    assert (Mine().seeded(5).seed, Mine(seed=3).seeded(5).seed) == (5, 3)


def test_a_policy_that_writes_to_itself_is_told_where_to_write(observe):
    @dataclass(frozen=True, kw_only=True)
    class Stateful(Agent):
        def scores(self, state, observation, rng):
            self.seen_so_far = 1
            return observation["seen"]

    with pytest.raises(ValueError, match=r"Stateful stores something in the object .* into state"):
        Stateful().predict(observe(loss=[1.0, 2.0]))


def test_a_state_that_is_not_handed_on_is_noticed(observe):
    """`random_dynamic` would choose the same arms in each round."""
    agent = prune_agents.make("random_dynamic")
    first, later = (observe(seen=np.full(20, seen)) for seen in (0, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, state = agent.predict(first)
        agent.predict(later, state)
    with pytest.warns(Notice, match="RandomDynamic was given no state in the mid"):
        agent.predict(later)


def test_a_state_that_is_handed_over_a_reset_is_noticed(observe):
    agent = prune_agents.make("random_dynamic")
    fresh = observe(seen=np.zeros((2, 20)))
    _, state = agent.predict(fresh)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agent.predict(fresh, state, episode_start=np.array([True, True]))
        agent.predict(observe(seen=np.ones((2, 20))), state)
    with pytest.warns(Notice, match="given the state of a run that has begun, and .* pass state=N"):
        agent.predict(observe(seen=np.array([[0] * 20, [1] * 20])), state)


@pytest.mark.parametrize("state", [{}, {"round": np.zeros(3, np.int64), "calls": np.array(1)}])
def test_the_state_of_another_agent_or_number_of_runs_is_refused(observe, state):
    with pytest.raises(ValueError, match="state that is not of 1 runs of its own; expected what"):
        prune_agents.make("ucb").predict(observe(loss=[1.0, 2.0]), state)


def test_start_leaves_the_entries_of_the_base_alone():
    class Counts(Agent):
        def start(self, num_runs, num_arms):
            return {"round": np.ones(num_runs)}

    with pytest.raises(ValueError, match=r"Counts\.start returned 'round', an entry of the base"):
        Counts().fresh_state(1, 2)


def test_who_is_shown_a_small_space_says_so(observe):
    with pytest.raises(ValueError, match=r"UCB was shown a ndarray; .*seen, loss.* -Scores-v0 and"):
        prune_agents.make("ucb").predict(np.zeros(22, np.float32))
