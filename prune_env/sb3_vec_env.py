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
    envs = SB3VecEnv(gym.make_vec("prune_env:prune_env/Synthetic-Scores-v0", num_envs=64))
    PPO("MlpPolicy", envs, n_steps=16, batch_size=256, gamma=1.0).learn(10_000)
    ```

    There is one object behind all slots: `get_attr` gives its attribute for each slot asked for,
    `set_attr` and `env_method` act on all slots, once. An attribute is that of the outermost
    wrapper that has it, else of the environment.

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
        final, final_obs = infos.pop("final_info", {}), infos.pop("final_obs", ())
        slots = []
        for i in range(self.num_envs):
            info = _of_slot(infos, i)
            if done[i]:  # what a wrapper says of the episode stands beside the new run's infos
                self.reset_infos[i] = info
                info = info | _of_slot(final, i) | {"terminal_observation": final_obs[i]}
            info["TimeLimit.truncated"] = bool(truncations[i] and not terminations[i])
            slots.append(info)
        return observations, rewards.astype(np.float32), done, slots

    def close(self) -> None:
        """Close the environment."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """The attribute, once for each slot asked for."""
        value = getattr(self._holder(attr_name), attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Set the attribute of the one object behind all slots; it must have it already.

        Raises:
            AttributeError: it does not.
            ValueError: `indices` names some of the slots.
        """
        self._refuse_part(indices)
        setattr(self._holder(attr_name), attr_name, value)

    def env_method(
        self, method_name: str, *args: Any, indices: Indices = None, **kwargs: Any
    ) -> list[Any]:
        """Call the method once; its result, once for each slot.

        Raises:
            AttributeError: there is no such method.
            ValueError: `indices` names some of the slots.
        """
        self._refuse_part(indices)
        method = getattr(self._holder(method_name), method_name)
        return [method(*args, **kwargs)] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type, indices: Indices = None) -> list[bool]:
        """Never: wrappers of single environments do not fit around all slots."""
        return [False for _ in self._get_indices(indices)]

    def _holder(self, name: str) -> gym.vector.VectorEnv:
        """The outermost wrapper that has this attribute, else the environment inside."""
        holder = self.envs
        while not hasattr(holder, name):
            if not isinstance(holder, gym.vector.VectorWrapper):
                raise AttributeError(f"neither {self.envs} nor what is in it has {name!r}")
            holder = holder.env
        return holder

    def _refuse_part(self, indices: Indices) -> None:
        if sorted(self._get_indices(indices)) != list(range(self.num_envs)):
            raise ValueError(f"indices is {indices}; all slots are one object, so only None works")


def _of_slot(infos: dict[str, Any], slot: int) -> dict[str, Any]:
    """The info of one slot: those entries that it has, numbers as plain Python values."""
    return {
        name: _entry(values, slot)
        for name, values in infos.items()
        if not name.startswith("_") and (f"_{name}" not in infos or infos[f"_{name}"][slot])
    }


def _entry(values: Any, slot: int) -> Any:
    if isinstance(values, dict):
        return _of_slot(values, slot)
    value = values[slot] if isinstance(values, np.ndarray) else values
    return value.item() if isinstance(value, np.generic) else value
