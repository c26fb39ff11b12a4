"""Presets: how an agent of Stable-Baselines3 is made and trained, as plain data.

The keys are those of rl-baselines3-zoo: `env`, `n_timesteps`, `policy`, `policy_kwargs`,
`env_kwargs`, `env_wrapper`, `n_envs`; all others go to the algorithm. Nothing in a preset is ever
evaluated: a learning rate may be "lin_3e-4" (falls to 0), an `activation_fn` is a name such as
"relu", and wrappers are those of `prune_env.wrappers`.
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec, WrapperSpec

from prune_env.lookup import unknown

ALGORITHMS = {
    **{name.lower(): f"stable_baselines3:{name}" for name in ("PPO", "A2C", "SAC", "TD3", "DDPG")},
    "dqn": "stable_baselines3:DQN",
    **{name.lower(): f"sb3_contrib:{name}" for name in ("TQC", "TRPO", "ARS", "QRDQN", "CrossQ")},
    "recurrent_ppo": "sb3_contrib:RecurrentPPO",
    "maskable_ppo": "sb3_contrib:MaskablePPO",
}
"""Where each algorithm is; those of sb3_contrib need `pip install prune_env[contrib]`."""

DISCRETE_ONLY = ("dqn", "qrdqn", "maskable_ppo")
"""Algorithms for Discrete actions, as of the `-Rules-v0` twins."""

BOX_ONLY = ("sac", "td3", "ddpg", "tqc", "crossq")
"""Algorithms for Box actions, as of the `-Scores-v0` twins."""

OFF_POLICY = (*BOX_ONLY, "dqn", "qrdqn")
"""Algorithms with a replay buffer."""


@dataclass(frozen=True)
class Preset:
    """All that decides what comes out of a training, but for the seed."""

    algo: str
    """a key of `ALGORITHMS`"""
    env: str
    """registered id; the twins suit every algorithm"""
    n_timesteps: int = 10_000
    """rounds to train for"""
    policy: str = "MlpPolicy"
    """name of a policy of the algorithm, or "ArmwisePolicy\""""
    policy_kwargs: dict[str, Any] = field(default_factory=dict)
    """what the policy is made with, such as net_arch"""
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    """what the environment is made with"""
    env_wrapper: list[dict[str, dict[str, Any]]] | None = None
    """[{name: arguments}], innermost first; None: those of the id"""
    n_envs: int = 1
    """environments that are stepped in turn"""
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    """what the algorithm is made with; in YAML these stand beside the other keys"""

    def __post_init__(self) -> None:
        if self.algo not in ALGORITHMS:
            raise ValueError(unknown("algo", self.algo, ALGORITHMS))
        for name in ("n_timesteps", "n_envs"):
            if not (isinstance(value := getattr(self, name), int) and value >= 1):
                raise ValueError(f"{name} is {value!r}; allowed is a whole number from 1")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preset:
        """Read a preset; keys that are no field are hyperparameters."""
        own = {key: value for key, value in values.items() if key in cls.__dataclass_fields__}
        rest = {key: value for key, value in values.items() if key not in own}
        return cls(**deepcopy(own | {"hyperparameters": own.get("hyperparameters", {}) | rest}))

    def to_dict(self) -> dict[str, Any]:
        """The inverse of `from_dict`: plain data for YAML or JSON."""
        values = asdict(self)
        return values | values.pop("hyperparameters")

    def resolved(self) -> Preset:
        """The same with its wrappers spelled out, so that it stays what it is."""
        wrappers = gym.spec(self.env).additional_wrappers
        if self.env_wrapper is not None or not wrappers:
            return self
        return replace(self, env_wrapper=[{w.name: dict(w.kwargs or {})} for w in wrappers])

    def with_wrapper_option(self, name: str, value: Any) -> Preset:
        """The same with this argument of its wrappers changed wherever one has it."""
        wrappers = deepcopy(self.resolved().env_wrapper or [])
        for wrapper in wrappers:
            for arguments in wrapper.values():
                arguments |= {name: value} if name in arguments else {}
        return replace(self, env_wrapper=wrappers)

    def spec(self) -> EnvSpec:
        """What `gym.make` makes the environment from."""
        spec = deepcopy(gym.spec(self.env))
        if self.env_wrapper is not None:
            spec.additional_wrappers = tuple(
                WrapperSpec(name, _wrapper_path(name), kwargs=dict(arguments))
                for name, arguments in self.wrappers()
            )
        spec.kwargs |= self.env_kwargs
        return spec

    def wrappers(self) -> list[tuple[str, dict[str, Any]]]:
        """(name, arguments) of each wrapper, innermost first."""
        return [pair for wrapper in self.resolved().env_wrapper or [] for pair in wrapper.items()]

    def make_env(self) -> gym.Env[Any, Any]:
        """The environment; its checker is off, since the tests send every twin through it."""
        return gym.make(self.spec(), disable_env_checker=True)


def algorithm(name: str) -> type:
    """The class of an algorithm.

    Raises:
        ImportError: sb3_contrib is not installed.
    """
    module, _, cls = ALGORITHMS[name].partition(":")
    try:
        return getattr(importlib.import_module(module), cls)
    except ModuleNotFoundError as error:
        raise ImportError(f"{name} needs `pip install prune_env[contrib]`: {error}") from error


def arguments(preset: Preset) -> dict[str, Any]:
    """What the algorithm is made with: the preset's plain data turned into SB3's objects."""
    import torch
    from stable_baselines3.common.noise import NormalActionNoise

    from prune_agents.armwise_policy import ArmwisePolicy

    given = deepcopy(preset.hyperparameters)
    for name in ("learning_rate", "clip_range"):
        if isinstance(value := given.get(name), str):
            kind, _, start = value.partition("_")
            if kind != "lin":
                raise ValueError(f'{name} is {value!r}; allowed is a number or "lin_NUMBER"')
            given[name] = partial(operator.mul, float(start))  # of the share that remains
    policy_kwargs = deepcopy(preset.policy_kwargs)
    if "activation_fn" in policy_kwargs:
        known = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "elu": torch.nn.ELU}
        name = policy_kwargs["activation_fn"]
        if name not in known:
            raise ValueError(unknown("activation_fn", name, known))
        policy_kwargs["activation_fn"] = known[name]
    if "noise_std" in given:
        std = given.pop("noise_std")
        size = preset.make_env().action_space.shape
        assert size is not None
        given["action_noise"] = NormalActionNoise(np.zeros(size), np.full(size, float(std)))
    policy = ArmwisePolicy if preset.policy == "ArmwisePolicy" else preset.policy
    return {"policy": policy, "policy_kwargs": policy_kwargs, "device": "cpu"} | given


def _wrapper_path(name: str) -> str:
    """The import path of a wrapper of `prune_env.wrappers`; others are refused."""
    from prune_env import wrappers

    if name not in wrappers.__all__:
        raise ValueError(unknown("wrapper", name, wrappers.__all__))
    return f"{getattr(wrappers, name).__module__}:{name}"
