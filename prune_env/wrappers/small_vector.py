"""SmallVectorEnv: a vector environment inside the small spaces of a list of wrappers."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from prune_env.core.generators import Generators, Rng, of_runs
from prune_env.vector import Infos, PruneVectorEnv, reset_mask
from prune_env.wrappers import arm_features
from prune_env.wrappers.base import check_acts, check_reads, checked, noise_for
from prune_env.wrappers.choosers import checked_ratio
from prune_env.wrappers.translation import Translation


class SmallVectorEnv(gym.vector.VectorWrapper):
    """M runs of a twin at once, a round in all of them by one call of NumPy.

    Slot i is the same, bit for bit and over all episodes, as the twin itself with seed + i:

    ```python
    envs = gym.make_vec("prune_env:prune_env/Probe-Scores-v0", num_envs=256)
    observations, infos = envs.reset(seed=0)  # (256, 55)
    observations, *_ = envs.step(envs.action_space.sample())
    ```

    Args:
        env: M runs that show all that `prune_env.wrappers.arm_features` reads.
        wrappers: (name, arguments) of each wrapper, innermost first.
    """

    def __init__(
        self, env: gym.vector.VectorEnv, wrappers: Sequence[tuple[str, dict[str, Any]]]
    ) -> None:
        super().__init__(env)
        way = self.way = Translation(wrappers)
        check_reads(wrappers[0][0], env.single_observation_space)
        check_acts(wrappers[0][0], env.single_action_space)
        assert isinstance(env.unwrapped, PruneVectorEnv)
        self.runs: PruneVectorEnv = env.unwrapped
        self.autoreset_mode = self.runs.autoreset_mode
        num_arms = self.runs.learner.num_arms
        self.single_observation_space = way.observation_space(num_arms)
        self.single_action_space = way.chooser.space(num_arms)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._layers = (wrappers[0][0], way.observer)
        """The wrappers that draw noise, each from generators of its own."""
        self._noise = [Generators([np.random.default_rng(0)] * self.num_envs) for _ in range(2)]
        self.keep_ratio = way.keep_ratio
        self._observation: dict[str, NDArray[np.float32]] = {}
        self._memory: arm_features.Memory = {}
        self._shown = np.empty(0, np.float32)
        """What the agent saw last, (M, ...)."""

    @property
    def keep_ratio(self) -> float:
        """The share of the arms that is kept; it may be changed between two steps."""
        return float(self._ratios[0])

    @keep_ratio.setter
    def keep_ratio(self, keep_ratio: float) -> None:
        self._ratios = np.full(self.num_envs, checked_ratio(keep_ratio))

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Any = None
    ) -> tuple[NDArray[np.float32], Infos]:
        """Begin new runs, all or those of a mask; see `PruneVectorEnv.reset`."""
        runs = np.flatnonzero(reset_mask(options, self.num_envs))
        self._observation, infos = self.runs.reset(seed=seed, options=options)
        if len(runs) == self.num_envs:
            self._memory = arm_features.fresh_memory(self.num_envs, self.runs.learner.num_arms)
            self._shown = np.empty(self.observation_space.shape or (), np.float32)
        self._begin(runs)
        return self._shown.copy(), infos

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[
        NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Infos
    ]:
        """One round in every run. actions: (M, ...), one of `single_action_space` for each.

        Raises:
            ValueError: an action is not allowed; nothing has changed in any run.
            gymnasium.error.ResetNeeded: there has been no reset.
        """
        if not self._observation:
            raise gym.error.ResetNeeded("no episode is running; call reset() first")
        mask = self.way.chooser.choose(
            checked(actions, self.action_space),
            self._ratios,
            self._memory,
            self._observation,
            self._noise[0],
        )
        fresh, rewards, over, truncations, infos = self.runs.step(mask.astype(np.int8))
        ended = np.flatnonzero(over)
        at_start = {name: array[ended] for name, array in fresh.items()}
        for i in ended:  # what it ended with, for a moment
            for name, array in fresh.items():
                array[i] = infos["final_obs"][i][name]
        self._shown = self._show(self._memory, fresh, self._noise[1])
        self._observation = fresh
        if len(ended):
            for i in ended:
                infos["final_obs"][i] = self._shown[i].copy()
            for name, array in at_start.items():
                fresh[name][ended] = array
            self._begin(ended)
        return self._shown.copy(), rewards, over, truncations, infos

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue all runs bit for bit."""
        return {
            "env": self.runs.state_dict(),
            "observation": deepcopy(self._observation),
            "memory": deepcopy(self._memory),
            "shown": self._shown.copy(),
            "keep_ratio": self.keep_ratio,
            "noise": [[one.bit_generator.state for one in noise.each] for noise in self._noise],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict` of an environment that was made with the same arguments."""
        self.runs.load_state_dict(state["env"])
        self._observation = deepcopy(state["observation"])
        self._memory = deepcopy(state["memory"])
        self._shown = state["shown"].copy()
        self.keep_ratio = state["keep_ratio"]
        for noise, saved in zip(self._noise, state["noise"], strict=True):
            noise.each = [np.random.default_rng() for _ in saved]
            for one, place in zip(noise.each, saved, strict=True):
                one.bit_generator.state = place

    def _show(
        self, memory: arm_features.Memory, observation: arm_features.Observation, noise: Rng
    ) -> NDArray[np.float32]:
        arm_features.remember(memory, observation)
        return self.way.observe(memory, observation, noise)

    def _begin(self, runs: NDArray[np.int64]) -> None:
        """Show these runs, which have just begun, out of a fresh memory and noise of their own.

        Noise is seeded as `ArmWrapper` does.
        """
        for layer, noise in zip(self._layers, self._noise, strict=True):
            for run in runs:
                noise.each[run] = noise_for(layer, self.runs.generators[run])
        at_start = {name: array[runs] for name, array in self._observation.items()}
        began = arm_features.fresh_memory(len(runs), self.runs.learner.num_arms)
        self._shown[runs] = self._show(began, at_start, of_runs(self._noise[1], runs))
        for name, array in began.items():
            self._memory[name][runs] = array
