"""Presets: how an agent of Stable-Baselines3 is made and trained, as plain data.

The keys are those of rl-baselines3-zoo: `env`, `n_timesteps`, `policy`, `policy_kwargs`,
`env_kwargs`, `env_wrapper`, `n_envs`, `noise_type` and `noise_std`; all others are arguments of the
algorithm. Nothing in a preset is ever evaluated or imported: a learning rate may be "lin_3e-4"
(falls to 0), an `activation_fn` is a name such as "relu", wrappers are those of
`prune_env.wrappers`, and the zoo's other keys are refused by name.
"""

from __future__ import annotations

import importlib
import inspect
import math
import operator
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from prune_env.lookup import known, unknown
from prune_env.wrappers.small_ids import (
    base_id,
    named,
    plain_id,
    spec_of,
    twin_env,
    with_keep_ratio,
)
from prune_env.wrappers.translation import Translation

ALGORITHMS = {
    **{name.lower(): f"stable_baselines3:{name}" for name in ("PPO", "A2C", "SAC", "TD3", "DDPG")},
    "dqn": "stable_baselines3:DQN",
    **{name.lower(): f"sb3_contrib:{name}" for name in ("TQC", "TRPO", "ARS", "QRDQN", "CrossQ")},
    "recurrent_ppo": "sb3_contrib:RecurrentPPO",
    "maskable_ppo": "sb3_contrib:MaskablePPO",
}
"""Where each algorithm is; those of sb3_contrib need `pip install 'prune_env[contrib]'`."""

DISCRETE_ONLY = ("dqn", "qrdqn", "maskable_ppo")
"""Algorithms for Discrete actions, as of the `-Rules-v0` twins."""

BOX_ONLY = ("sac", "td3", "ddpg", "tqc", "crossq")
"""Algorithms for Box actions, as of the `-Scores-v0` twins."""

OFF_POLICY = (*BOX_ONLY, "dqn", "qrdqn")
"""Algorithms with a replay buffer."""

REFUSED = {
    "normalize": "the summaries are within 10 of 0 already; scale rewards in one of your own",
    "normalize_kwargs": "see normalize",
    "frame_stack": "the summaries hold what was; for a memory take recurrent_ppo",
    "vec_env_wrapper": "wrappers go into env_wrapper",
    "callback": "pass callbacks to prune_agents.sb3.train",
    "monitor_kwargs": "all environments are monitored alike",
    "replay_buffer_class": "it would be imported",
    "replay_buffer_kwargs": "it belongs to replay_buffer_class",
}
"""Keys of rl-baselines3-zoo that are not supported, and why or what instead."""

MOST = {"n_timesteps": 2**53, "n_envs": 2**17}
"""Something of the second length is made when a preset is read."""

SCHEDULES = ("learning_rate", "clip_range", "clip_range_vf", "delta_std")
"""Arguments that may be "lin_NUMBER"."""

_NOT_HYPERPARAMETERS = (
    *("self", "policy", "env", "policy_kwargs", "seed", "tensorboard_log", "action_noise"),
    *("_init_setup_model", "rollout_buffer_class", "rollout_buffer_kwargs", *REFUSED),
)


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
        known("algo", self.algo, ALGORITHMS)
        object.__setattr__(self, "env", plain_id(str(self.env)))
        if spec_of(self.env) is None:
            ours = [env_id for env_id in gym.registry if env_id.startswith("prune_env/")]
            raise ValueError(unknown("env", self.env, ours, "`prune-env envs` lists them"))
        for name, most in MOST.items():
            value = whole(number(name, getattr(self, name)))
            if not (isinstance(value, int) and 1 <= value <= most):
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; allowed is a whole number from 1 to {most}"
                )
            object.__setattr__(self, name, value)
        for name in ("policy_kwargs", "env_kwargs", "hyperparameters"):
            if not isinstance(value := getattr(self, name), dict):
                code = " in YAML, not as Python code" * isinstance(value, str)
                raise ValueError(f"{name} is {value!r}; expected names with values{code}")
        if self.env_wrapper is not None:
            named(self.env_wrapper)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preset:
        """Read a preset; keys that are no field are hyperparameters.

        Raises:
            ValueError: a key or a value is not allowed.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"a preset is {values!r}; expected names with values")
        if missing := [name for name in ("algo", "env") if name not in values]:
            raise ValueError(f"a preset has no {missing[0]}; it has {', '.join(map(str, values))}")
        own = {key: value for key, value in values.items() if key in cls.__dataclass_fields__}
        rest = {key: value for key, value in values.items() if key not in own}
        for key, why in REFUSED.items():
            if rest.pop(key, None):
                raise ValueError(f"{key} of rl-baselines3-zoo is not supported: {why}")
        return cls(**deepcopy(own | {"hyperparameters": own.get("hyperparameters", {}) | rest}))

    def to_dict(self) -> dict[str, Any]:
        """The inverse of `from_dict`: plain data for YAML or JSON."""
        values = asdict(self)
        return values | values.pop("hyperparameters")

    def resolved(self) -> Preset:
        """The same with its wrappers spelled out, so that it stays what it is."""
        env_kwargs = dict(self.env_kwargs)
        keep_ratio = env_kwargs.pop("keep_ratio", None)
        wrappers: Any = self.env_wrapper
        if wrappers is None:
            spec = spec_of(self.env)
            wrappers = spec.kwargs.get("env_wrapper") if spec else None
        if wrappers is None:
            return self
        wrappers = [{name: arguments} for name, arguments in named(wrappers)]
        wrappers = list(with_keep_ratio(wrappers, keep_ratio))
        return replace(self, env_kwargs=env_kwargs, env_wrapper=deepcopy(wrappers))

    def with_keep_ratio(self, keep_ratio: float) -> Preset:
        """The same with another keep ratio."""
        return replace(self, env_kwargs=self.env_kwargs | {"keep_ratio": keep_ratio}).resolved()

    def wrappers(self) -> list[tuple[str, dict[str, Any]]]:
        """(name, arguments) of each wrapper, innermost first."""
        return named(self.resolved().env_wrapper or [])

    def env_arguments(self) -> dict[str, Any]:
        """What `twin_env` and `twin_vector_env` make the environment from."""
        wrappers = {"of": base_id(self.env), "env_wrapper": self.resolved().env_wrapper or []}
        return self.resolved().env_kwargs | wrappers

    def make_env(self) -> gym.Env[Any, Any]:
        """The environment, without a checker, since the tests send every twin through it."""
        try:
            return twin_env(**self.env_arguments())
        except TypeError as error:
            why = error.__context__ or error
            raise ValueError(f"{self.env} cannot be made so: {why}") from error


def number(name: str, value: Any) -> Any:
    """A text that is a number as a number: YAML reads 1e5 and 3e-4 as text.

    Raises:
        ValueError: the number is not finite.
    """
    try:
        value = float(value) if isinstance(value, str) else value
    except ValueError:
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}; expected a finite number")
    return value


def whole(value: Any) -> Any:
    """A whole number that came as a float, such as 1e5, as an int; a bool is no number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None if isinstance(value, bool) else value


def algorithm(name: str) -> type:
    """The class of an algorithm.

    Raises:
        ImportError: sb3_contrib is not installed.
    """
    module, _, cls = ALGORITHMS[name].partition(":")
    try:
        return getattr(importlib.import_module(module), cls)
    except ModuleNotFoundError as error:
        raise ImportError(f"{name} needs {error.name}: pip install 'prune_env[contrib]'") from error


def check(preset: Preset) -> None:
    """Refuse what cannot be trained, before anything is loaded or made.

    Raises:
        ValueError: an argument, a policy or a space that does not suit the algorithm.
    """
    scores, rules = (
        base_id(preset.env).replace("-v0", f"-{kind}-v0") for kind in ("Scores", "Rules")
    )
    wrappers = preset.wrappers()
    if not wrappers and preset.env_wrapper is None:
        raise ValueError(
            f"{preset.env} has an action for every arm; take {scores} or {rules}, whose spaces are "
            "small, or name wrappers in the env_wrapper of a preset"
        )
    space = Translation(wrappers).chooser.space(1)
    discrete = isinstance(space, spaces.Discrete)
    if preset.algo in (BOX_ONLY if discrete else DISCRETE_ONLY):
        kind, twin = ("Rules", scores) if discrete else ("Scores", rules)
        raise ValueError(
            f"{preset.algo} does not suit the {type(space).__name__} actions of {preset.env}; "
            f"take {twin}, or another algorithm on -{kind}-v0, such as ppo"
        )
    arguments(preset, space)


def hyperparameters(algo: str) -> dict[str, Any]:
    """The arguments of an algorithm that a preset may name, with what each is by itself."""
    takes = inspect.signature(algorithm(algo)).parameters.values()
    return {taken.name: taken.default for taken in takes if taken.name not in _NOT_HYPERPARAMETERS}


def arguments(preset: Preset, action_space: spaces.Space[Any]) -> dict[str, Any]:
    """What the algorithm is made with: the preset's plain data turned into SB3's objects.

    Args:
        preset: the plain data.
        action_space: of the environment.

    Raises:
        ValueError: an argument that the algorithm does not have, or a wrong value.
    """
    made, takes = algorithm(preset.algo), hyperparameters(preset.algo)
    given = deepcopy(preset.hyperparameters)
    noise = {name: given.pop(name) for name in ("noise_type", "noise_std") if name in given}
    for name, value in given.items():
        known(f"hyper-parameter of {preset.algo}", name, takes)
        given[name] = _argument(name, value, takes[name])
    if noise:
        given["action_noise"] = _noise(preset.algo, action_space, **noise)
    policy = {"policy": _policy(preset, made), "policy_kwargs": _policy_kwargs(preset)}
    return policy | {"device": "cpu"} | given


def _argument(name: str, value: Any, default: Any) -> Any:
    """One argument of an algorithm, of the type that its default has."""
    value = number(name, value)
    if isinstance(value, list):
        return tuple(value)  # train_freq: [1, episode]
    if name in SCHEDULES and isinstance(value, str):
        start = number(name, value.removeprefix("lin_"))
        if not (value.startswith("lin_") and isinstance(start, float)):
            raise ValueError(f'{name} is {value!r}; allowed is a number or "lin_NUMBER"')
        return partial(operator.mul, start)  # of the share that remains
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}; expected true or false")
    elif isinstance(default, int):
        if not isinstance(whole(value), int):
            raise ValueError(f"{name} is {value!r}; expected a whole number")
        return whole(value)
    elif isinstance(default, float) and (
        isinstance(value, bool) or not isinstance(value, int | float)
    ):
        raise ValueError(f"{name} is {value!r}; expected a number")
    return value


def _noise(
    algo: str, space: spaces.Space[Any], noise_std: Any = 0.1, noise_type: str = "normal"
) -> Any:
    """The noise that an algorithm adds to its actions while it trains."""
    from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise

    kinds = {"normal": NormalActionNoise, "ornstein-uhlenbeck": OrnsteinUhlenbeckActionNoise}
    known("noise_type", noise_type, kinds)
    if algo not in BOX_ONLY:
        raise ValueError(f"noise_type suits {', '.join(BOX_ONLY)}; {algo} explores otherwise")
    std, size = _argument("noise_std", noise_std, 0.1), space.shape
    assert size is not None
    return kinds[noise_type](np.zeros(size), np.full(size, float(std)))


def _policy(preset: Preset, made: Any) -> Any:
    if preset.policy == "ArmwisePolicy":
        from prune_agents.sb3.armwise_policy import ArmwisePolicy

        if preset.algo not in ("ppo", "a2c"):
            raise ValueError(f"ArmwisePolicy suits ppo and a2c; algo is {preset.algo}")
        return ArmwisePolicy
    return known(f"policy of {preset.algo}", preset.policy, made.policy_aliases)


def _policy_kwargs(preset: Preset) -> dict[str, Any]:
    given = deepcopy(preset.policy_kwargs)
    if "activation_fn" in given:
        kinds = activations()
        given["activation_fn"] = kinds[known("activation_fn", given["activation_fn"], kinds)]
    return given


def activations() -> dict[str, type]:
    """What `activation_fn` of a preset may be, by name."""
    import torch

    return {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh, "elu": torch.nn.ELU}
