"""SmallVecEnv: many runs of a rung at once, with the small spaces of a list of wrappers.

Wrappers go around one environment, but a rung such as `prune_env/Synthetic-v0` steps M runs by one
call of NumPy. Here the pure parts of the wrappers do for M runs what the wrappers do for one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnvWrapper

from prune_agents.sb3_agent import Translation
from prune_env import features
from prune_env.sb3_vec_env import SB3VecEnv


class SmallVecEnv(VecEnvWrapper):
    """What `SB3VecEnv` is to the plain id, this is to an id with wrappers.

    Args:
        venv: M runs, all of whose signals are shown, the labels too.
        way: what the wrappers do.
        seed: of the noise in choosing.
    """

    def __init__(self, venv: SB3VecEnv, way: Translation, seed: int = 0) -> None:
        num_arms = venv.action_space.shape[0]  # type: ignore[index]
        super().__init__(venv, way.observation_space(num_arms), way.chooser.space(num_arms))
        self.way = way
        self.ratios = np.full(venv.num_envs, way.keep_ratio)
        self.rng = np.random.default_rng(seed)

    def reset(self) -> Any:
        """Begin M new runs."""
        self.observation: dict[str, Any] = self.venv.reset()  # type: ignore[assignment]
        self.memory = features.begin(*self.observation["seen"].shape)
        return self._shown(self.memory, self.observation)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Choose the arms of each run."""
        mask = self.way.chooser.choose(
            actions, self.ratios, self.memory, self.observation, self.rng
        )
        self.venv.step_async(mask.astype(np.int8))

    def step_wait(self) -> Any:
        """One round of each run; those that end have begun anew in what is returned."""
        fresh: Any
        fresh, rewards, done, infos = self.venv.step_wait()
        over = np.flatnonzero(done)
        last: Any = {name: array.copy() for name, array in fresh.items()} if len(over) else fresh
        for i in over:
            for name, array in last.items():
                array[i] = infos[i]["terminal_observation"][name]
        shown = self._shown(self.memory, last)
        for i in over:
            infos[i]["terminal_observation"] = shown[i].copy()
        if len(over):
            began = features.begin(len(over), last["seen"].shape[1])
            shown[over] = self._shown(began, {name: array[over] for name, array in fresh.items()})
            for name, array in began.items():
                self.memory[name][over] = array
        self.observation = fresh
        return shown, rewards, done, infos

    def _shown(self, memory: features.Memory, observation: features.Observation) -> Any:
        features.remember(memory, observation)
        return self.way.observe(memory, observation, self.rng)
