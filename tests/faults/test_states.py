"""Reset, step, save, restore in any order: an environment is what a plain replay of it would be.

The model is a list: the seed of the run and the actions since. Whatever came before, the next step
has to answer what a fresh environment answers to that seed and those actions.
"""

from __future__ import annotations

import functools
import io

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from same_bits import same
from tally import count

import prune_env  # noqa: F401
from prune_env.core.tensors import to_arrays, to_tensors

pytestmark = pytest.mark.faults

ROUNDS = 4
SMALL = {"epochs": ROUNDS}
IDS = {
    "prune_env/Synthetic-v0": {"num_arms": 20},
    "prune_env/Synthetic-Scores-v0": {"num_arms": 20},
    "prune_env/Replay-v0": {"trace": "digits"},
    "prune_env/Probe-v0": {"features": "digits"},
    "prune_env/Digits-v0": {"limit": 60},
    "prune_env/Digits-Rules-v0": {"limit": 60},
}
WAYS = ("as it is", "through a file")


def made(name):
    return gym.make(name, **SMALL, **IDS[name])


@functools.cache
def fresh(name):
    """An environment that is never restored, only reset."""
    return made(name)


def action(space, number):
    """One of a few actions, always the same for a number."""
    space.seed(number)
    found = space.sample()
    if isinstance(space, gym.spaces.MultiBinary):
        found[number] = 1  # at least one arm
    return found


@functools.cache
def replayed(name, seed, actions):
    """What a fresh environment answers to the last of these actions."""
    torch.set_num_threads(1)
    env = fresh(name)
    answer = env.reset(seed=seed)
    for number in actions:
        answer = env.step(action(env.action_space, number))
    return answer


class Environment(RuleBasedStateMachine):
    """Two environments of one id, whose states may go from one to the other."""

    name = ""
    states = Bundle("states")

    @initialize()
    def begin(self):
        torch.set_num_threads(1)
        self.envs = [made(self.name) for _ in range(2)]
        self.model = [(0, ()), (0, ())]
        for env in self.envs:
            env.reset(seed=0)

    def is_over(self, which):
        return len(self.model[which][1]) >= ROUNDS

    @rule(which=st.integers(0, 1), seed=st.integers(0, 2))
    def reset(self, which, seed):
        count("states: resets")
        self.model[which] = (seed, ())
        assert same(self.envs[which].reset(seed=seed), replayed(self.name, seed, ()))

    @rule(which=st.integers(0, 1), number=st.integers(0, 2))
    def step(self, which, number):
        if self.is_over(which):
            return
        count("states: steps compared with a replay")
        seed, actions = self.model[which]
        self.model[which] = (seed, (*actions, number))
        env = self.envs[which]
        answer = env.step(action(env.action_space, number))
        wrong = not same(answer, replayed(self.name, *self.model[which]))
        count("states: steps that answered something else", int(wrong))
        assert not wrong

    @precondition(lambda self: not all(map(self.is_over, (0, 1))))
    @rule(which=st.integers(0, 1))
    def a_refused_action_changes_nothing(self, which):
        if self.is_over(which):
            return
        with pytest.raises(ValueError, match="the action"):
            self.envs[which].step(np.full(3, np.nan))

    @rule(target=states, which=st.integers(0, 1), way=st.sampled_from(WAYS))
    def save(self, which, way):
        count("states: saves")
        state = self.envs[which].get_wrapper_attr("state_dict")()
        if way == "through a file":
            file = io.BytesIO()
            torch.save(to_tensors(state), file)
            file.seek(0)
            state = to_arrays(torch.load(file, weights_only=True))
        return self.model[which], state

    @rule(which=st.integers(0, 1), saved=states)
    def restore(self, which, saved):
        count("states: restores")
        self.model[which], state = saved
        self.envs[which].get_wrapper_attr("load_state_dict")(state)


@pytest.mark.parametrize("name", IDS)
def test_any_order_is_a_replay(name):
    machine = type(name.rpartition("/")[2], (Environment,), {"name": name})
    profile = settings()
    examples = max(4, profile.max_examples // (4 if "Digits" in name else 2))
    run_state_machine_as_test(machine, settings=settings(profile, max_examples=examples))
