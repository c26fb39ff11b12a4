"""ArmWrapper: the last observation of every arm and a memory of those before it."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from prune_env.core.selection import as_array
from prune_env.wrappers import arm_features

Env = gym.Env[Any, Any]


class ArmWrapper(gym.Wrapper[Any, Any, Any, Any]):
    """Base of these wrappers: it keeps the last observation and a memory of those before.

    Subclasses override `arms`, what the environment gets for an action, or `shown`, what the agent
    gets for the observation.
    """

    def __init__(self, env: Env) -> None:
        super().__init__(env)
        check_reads(type(self).__name__, env.observation_space)
        self.num_arms = int(env.unwrapped.get_wrapper_attr("learner").num_arms)
        self._labels = env.unwrapped.get_wrapper_attr("learner").labels.astype(np.float32)
        self._memory = arm_features.fresh_memory(1, self.num_arms)
        self._observation: dict[str, NDArray[np.float32]] = {}
        self._rng = np.random.default_rng(0)

    def arms(self, action: Any) -> Any:
        """The action of the environment below."""
        return action

    def shown(self, observation: dict[str, NDArray[np.float32]]) -> Any:
        """The observation of the agent above."""
        return observation

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin a new run.

        Noise follows from the state of the environment's generator, which is left as it is: one
        seed gives the same runs with and without wrappers.
        """
        observation, info = self.env.reset(seed=seed, options=options)
        self._begin()
        return self._take(observation), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Translate the action, run a round, translate the observation."""
        observation, reward, terminated, truncated, info = self.env.step(self.arms(action))
        if info["round"] == 0:  # a wrapper inside, such as Autoreset, has begun a new run
            self._begin()
        return self._take(observation), reward, terminated, truncated, info

    def _begin(self) -> None:
        self._rng = noise_for(type(self).__name__, self.unwrapped.np_random)
        self._memory = arm_features.fresh_memory(1, self.num_arms)

    def _take(self, observation: dict[str, NDArray[np.float32]]) -> Any:
        self._observation = {"label": self._labels[None]}
        self._observation |= {name: array[None].copy() for name, array in observation.items()}
        arm_features.remember(self._memory, self._observation)
        return self.shown(observation)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue this episode, the environment's own state in it."""
        return {
            "env": self.env.get_wrapper_attr("state_dict")(),
            "observation": deepcopy(self._observation),
            "memory": deepcopy(self._memory),
            "rng": deepcopy(self._rng.bit_generator.state),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.env.get_wrapper_attr("load_state_dict")(state["env"])
        self._observation = deepcopy(state["observation"])
        self._memory = deepcopy(state["memory"])
        self._rng = np.random.default_rng(0)
        self._rng.bit_generator.state = deepcopy(state["rng"])


def check_reads(wrapper: str, observed: spaces.Space[Any]) -> None:
    """Refuse an observation that lacks what wrappers read.

    Raises:
        ValueError: the entries that are missing.
    """
    given = set(observed) if isinstance(observed, spaces.Dict) else set()
    if missing := sorted(set(arm_features.READS) - given - {"label"}):
        raise ValueError(
            f"{wrapper} reads {', '.join(missing)}, which the observation lacks; make the "
            "environment with all its signals and put wrappers that choose inside those that "
            "observe"
        )


def check_acts(wrapper: str, acted: spaces.Space[Any]) -> None:
    """Refuse an action space that is no mask of the arms.

    Raises:
        ValueError: which it is.
    """
    if not isinstance(acted, spaces.MultiBinary):
        raise ValueError(
            f"{wrapper} needs the action space MultiBinary(N), which "
            f'action="keep" gives; got {acted}'
        )


def noise_for(wrapper: str, generator: np.random.Generator) -> np.random.Generator:
    """The source of a wrapper's noise in the run that has just begun.

    Args:
        wrapper: its name; wrappers inside one another differ.
        generator: of the environment; its state decides, and is left as it is.
    """
    drawn = hashlib.sha256(repr(generator.bit_generator.state).encode())
    drawn.update(wrapper.encode())
    return np.random.default_rng(list(drawn.digest()))


def checked(action: Any, space: spaces.Space[Any]) -> NDArray[Any]:
    """The action as an array of the space's dtype.

    Raises:
        ValueError: it is not in the space.
    """
    given = as_array(action)
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and inf are in no space
        array = given.astype(space.dtype) if given.dtype.kind in "biuf" else given
    whole = array.dtype.kind == "f" or np.array_equal(array, given)  # 0.7 is no number of a rule
    if not (whole and space.contains(array)):
        shown = " ".join(repr(action).split())
        shown = shown if len(shown) <= 200 else f"{shown[:200]}..."
        raise ValueError(f"the action is {shown}; allowed is {space}")
    return array
