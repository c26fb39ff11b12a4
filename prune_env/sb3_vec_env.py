"""SB3VecEnv: lets Stable-Baselines3 take a Gymnasium vector environment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

Indices = int | Iterable[int] | None


class SB3VecEnv(VecEnv):
    """A Gymnasium vector environment with the interface of SB3's VecEnv.

    ```python
    envs = SB3VecEnv(gym.make_vec("prune_env:prune_env/Synthetic-v0", num_envs=64, num_arms=16))
    PPO("MultiInputPolicy", envs).learn(10_000)
    ```

    There is one object behind all slots, so `get_attr` gives its attribute for each slot asked
    for, and `set_attr` and `env_method` act on all slots, once.

    Args:
        envs: must reset a run in the step that ends it, as SB3 does; `PruneVectorEnv` does.
    """

    def __init__(self, envs: gym.vector.VectorEnv) -> None:
        mode = envs.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise ValueError(f"autoreset_mode is {mode}; SB3 needs {AutoresetMode.SAME_STEP}")
        self.envs = envs
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)
        self._actions: NDArray[Any] = np.empty(0)

    def reset(self) -> Any:
        """Begin new runs, with the seeds of `seed()` where that was called."""
        observations, infos = self.envs.reset(seed=self._seeds)  # type: ignore[arg-type]
        self.reset_infos = [_of_slot(infos, i) for i in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for `step_wait`."""
        self._actions = actions

    def step_wait(
        self,
    ) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """One step; the infos of a run that is over hold its `terminal_observation`."""
        observations, rewards, terminations, truncations, infos = self.envs.step(self._actions)
        done = terminations | truncations
        slots = []
        for i in range(self.num_envs):
            info = _of_slot(infos["final_info"] if done[i] else infos, i)
            info["TimeLimit.truncated"] = bool(truncations[i] and not terminations[i])
            if done[i]:
                info["terminal_observation"] = infos["final_obs"][i]
                self.reset_infos[i] = _of_slot(infos, i)
            slots.append(info)
        return observations, rewards.astype(np.float32), done, slots

    def close(self) -> None:
        """Close the environment."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """The attribute, once for each slot asked for."""
        return [getattr(self.envs, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Set the attribute of the one environment behind all slots."""
        self._refuse_part(indices)
        setattr(self.envs.unwrapped, attr_name, value)

    def env_method(
        self, method_name: str, *args: Any, indices: Indices = None, **kwargs: Any
    ) -> list[Any]:
        """Call the method once; its result, once for each slot."""
        self._refuse_part(indices)
        return [getattr(self.envs, method_name)(*args, **kwargs)] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type, indices: Indices = None) -> list[bool]:
        """Never: wrappers of single environments do not fit around all slots."""
        return [False for _ in self._get_indices(indices)]

    def _refuse_part(self, indices: Indices) -> None:
        if sorted(self._get_indices(indices)) != list(range(self.num_envs)):
            raise ValueError(f"indices is {indices}; all slots are one object, so only None works")


def _of_slot(infos: dict[str, Any], slot: int) -> dict[str, Any]:
    """The info of one slot as plain Python values: those entries that it has."""
    return {
        name: values[slot].item()
        for name, values in infos.items()
        if isinstance(values, np.ndarray)
        and values.dtype != object
        and not name.startswith("_")
        and infos[f"_{name}"][slot]
    }
