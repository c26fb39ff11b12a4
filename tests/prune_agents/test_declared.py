"""Slips in the class of a policy that would pass in silence."""

from __future__ import annotations

import numpy as np
import pytest
from prune_agents import Agent


def observation(*signals):
    return {name: np.arange(4, dtype=np.float32) for name in ("seen", *signals)}


class ReadsTwo(Agent):
    signals = ("loss",)

    def scores(self, state, observation, rng):
        return observation["loss"] + observation["progress"]


@pytest.mark.parametrize("period", [1, 2])
def test_a_signal_that_is_read_but_not_declared_is_named_with_what_to_write(period):
    message = r"^ReadsTwo reads progress, which .*; write signals = \('loss', 'progress'\)$"
    with pytest.raises(ValueError, match=message):
        ReadsTwo(period=period).predict(observation("loss"))


def test_a_signal_that_is_none_is_answered_with_those_that_are_near():
    class Reads(Agent):
        def scores(self, state, observation, rng):
            return observation["los"]

    with pytest.raises(ValueError, match=r"unknown signal 'los' \(did you mean loss\?\)"):
        Reads().predict(observation("loss"))


@pytest.mark.parametrize(("name", "hook"), [("updat", "update"), ("starts", "start")])
def test_a_misspelt_method_that_nothing_would_call_is_refused(name, hook):
    slip = type("Slip", (Agent,), {name: lambda self, one, two: None})
    with pytest.raises(ValueError, match=f"^Slip has a method {name}, .* did you mean {hook}\\?$"):
        slip()


@pytest.mark.parametrize("returned", [{"total": np.zeros((1, 4))}, np.zeros((1, 4))])
def test_an_update_that_returns_what_it_learned_is_refused_as_nobody_would_read_it(returned):
    slip = type("Slip", (Agent,), {"update": lambda self, state, observation: returned})
    kind = type(returned).__name__
    with pytest.raises(ValueError, match=f"^Slip.update returned a {kind}, .* into state"):
        slip().predict(observation())


def test_an_update_may_return_the_state_that_it_has_written_to():
    slip = type("Kind", (Agent,), {"update": lambda self, state, seen: state, "scores": ranks})
    assert slip(keep_ratio=0.5).predict(observation("loss"))[0].tolist() == [0, 0, 1, 1]


def ranks(self, state, observation, rng):
    return observation["seen"]


def test_a_method_that_does_not_take_what_it_is_called_with_is_answered_with_how_it_is_written():
    short = type("Short", (Agent,), {"scores": lambda self, observation: observation["loss"]})
    message = r"^Short.scores is called as scores\(state, observation, rng\), .* write def scores\("
    with pytest.raises(ValueError, match=message + r"self, state, observation, rng\)$"):
        short()
    old = type("Old", (Agent,), {"choose": lambda self, state, observation, rng: None})
    with pytest.raises(ValueError, match=r"choose\(self, state, observation, k, rng\)$"):
        old()
    more = lambda self, state, observation, k, rng, deterministic=False: None  # noqa: E731
    assert type("More", (Agent,), {"choose": more})().keep_ratio == 0.3


def test_signals_without_the_comma_are_answered_with_it():
    slip = type("Slip", (Agent,), {"signals": "loss"})
    with pytest.raises(ValueError, match=r"text 'loss'; write signals = \('loss',\), with the"):
        slip()


def test_helpers_of_like_names_are_left_alone():
    helper = {"updated": lambda self, one: one, "update": lambda self, state, observation: None}
    assert type("Helped", (Agent,), helper)().keep_ratio == 0.3
    assert type("Helped", (Agent,), {"updated": lambda self, one: one})().keep_ratio == 0.3


def test_scores_may_be_a_list():
    class Listed(Agent):
        signals = ("loss",)

        def scores(self, state, observation, rng):
            return observation["loss"].tolist()

    action, _ = Listed(keep_ratio=0.5).predict(observation("loss"))
    assert action.tolist() == [0, 0, 1, 1]
