"""Completed: what a preset leaves open is read off the model that is to be saved with it.

So a model that somebody has made by hand, with a network and a learning rate of their own, becomes
a folder by its algorithm and its id alone, and `load` makes the same model again.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np

from prune_agents.sb3.presets import (
    SCHEDULES,
    Preset,
    activations,
    algorithm,
    hyperparameters,
)
from prune_env import wrappers
from prune_env.notices import say

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

COMPUTED = {"n_top": "n_delta", "target_entropy": "target_entropy"}
"""Hyper-parameters that an algorithm sets by itself, and what of it has the same value then."""

SIGHTS = (gym.ObservationWrapper, gym.ActionWrapper)
"""Wrappers that change what is seen or done, even where the space stays the same."""


def completed(preset: Preset, model: BaseAlgorithm) -> Preset:
    """The preset with the policy, hyper-parameters and keep ratio of a model where it names none.

    Args:
        preset: algorithm, id, and whatever else is known.
        model: of that algorithm. What of it is no plain data is left out.

    Raises:
        ValueError: the model was trained in other wrappers than those of the preset.
    """
    said = preset.hyperparameters
    schedules, noise = _schedules(model), _noise(model)
    lost = [name for name, number in schedules.items() if number is None]
    if noise is None:
        lost.append("noise_type")
    if lost := [name for name in lost if name not in said]:
        say(
            f"a preset cannot say the {' and the '.join(lost)} of the model: the agent acts alike, "
            "and a training that goes on from its folder has those that the algorithm has by itself"
        )
    if noise is None or {"noise_type", "noise_std"} & said.keys():
        noise = {}
    policy = preset.policy
    if policy == Preset.policy:  # the default: it may not have been named
        aliases = algorithm(preset.algo).policy_aliases  # type: ignore[attr-defined]
        names = [name for name, kind in aliases.items() if kind is model.policy_class]
        policy = names[0] if names and policy not in names else policy
    return replace(
        _with_wrappers(preset, model).resolved(),
        policy=policy,
        policy_kwargs=_policy_kwargs(model, preset.policy_kwargs) | preset.policy_kwargs,
        hyperparameters=noise | _hyperparameters(model, preset, schedules) | said,
    )


def _policy_kwargs(model: BaseAlgorithm, said: Mapping[str, Any]) -> dict[str, Any]:
    """What its policy was made with beside what is said of it.

    Raises:
        ValueError: it was made with code of one's own.
    """
    names = {kind: name for name, kind in activations().items()}
    usual = inspect.signature(model.policy_class).parameters
    given: dict[str, Any] = {}
    for name, value in model.policy_kwargs.items():
        plain = names.get(value, value) if name == "activation_fn" else value
        if name == "use_sde" or name.startswith("optimizer") or name in said:
            continue
        if _is_plain(plain):
            given[name] = plain
        elif name not in usual or value is not usual[name].default:
            raise ValueError(
                f"the policy of the model has {name}={getattr(value, '__name__', value)}, code "
                "that no folder holds; a subclass of prune_agents.sb3.SB3Agent with a read of its "
                "own makes an agent of it all the same, see docs/stable_baselines3.md"
            )
    return given


def _hyperparameters(
    model: BaseAlgorithm, preset: Preset, schedules: Mapping[str, Any]
) -> dict[str, Any]:
    """Those that the model has otherwise than its algorithm would by itself."""
    found = {}
    for name, default in hyperparameters(preset.algo).items():
        value = schedules[name] if name in schedules else getattr(model, name, default)
        if hasattr(value, "frequency"):  # SB3 makes a pair of train_freq
            value = (
                value.frequency if value.unit.value == "step" else [*value[:1], value.unit.value]
            )
        by_itself = default, getattr(model, COMPUTED.get(name, ""), None)
        if name not in ("verbose", "device") and _is_plain(value) and value not in by_itself:
            found[name] = value
    return found


def _schedules(model: BaseAlgorithm) -> dict[str, float | str | None]:
    """Its schedules by their names, as a preset says them."""
    has = {name: getattr(model, name, None) for name in SCHEDULES}
    return {name: _as_number(value) for name, value in has.items() if callable(value)}


def _as_number(schedule: Any) -> float | str | None:
    """A schedule of the share that remains as a preset says it; None of what is no line."""
    start, half, end = (float(schedule(share)) for share in (1.0, 0.5, 0.0))
    if start == half == end:
        return start
    return f"lin_{start}" if end == 0 and math.isclose(half, start / 2) else None


def _noise(model: BaseAlgorithm) -> dict[str, Any] | None:
    """The noise of its actions as a preset says it; None where it differs or has a mean."""
    from stable_baselines3.common.noise import NormalActionNoise

    noise: Any = getattr(model, "action_noise", None)
    if noise is None:
        return {}
    if type(noise) is not NormalActionNoise or np.any(noise._mu) or np.ptp(noise._sigma):
        return None
    return {"noise_type": "normal", "noise_std": float(noise._sigma[0])}


def _with_wrappers(preset: Preset, model: BaseAlgorithm) -> Preset:
    """The preset with the keep ratio of the wrappers that the model was trained in."""
    has: list[tuple[str, dict[str, Any]]] = []
    for wrapper in _wrappers(model):
        name, ours = type(wrapper).__name__, type(wrapper).__module__.startswith("prune_env.")
        if isinstance(wrapper, SIGHTS) and not ours:
            raise ValueError(
                f"the model was trained in the wrapper {name}, which its agent will not have; "
                "train it without, or in wrappers of prune_env"
            )
        if ours and isinstance(wrapper, gym.utils.RecordConstructorArgs):
            has.insert(0, (name, _spelled(name, wrapper._saved_kwargs)))
    if not has:  # nothing is known of it; its spaces have to do
        return preset
    ratio = next((given["keep_ratio"] for _, given in has if "keep_ratio" in given), None)
    if ratio is not None and preset.env_wrapper is None and "keep_ratio" not in preset.env_kwargs:
        preset = preset.with_keep_ratio(ratio)
    says = [(name, _spelled(name, given)) for name, given in preset.wrappers()]
    if has != says:
        raise ValueError(
            f"the model was trained in the wrappers {_shown(has)}, and its preset says "
            f"{_shown(says)}; Preset(env_wrapper=[{{name: arguments}}, ...]) names them, innermost "
            "first"
        )
    return preset


def _wrappers(model: BaseAlgorithm) -> Iterator[gym.Wrapper[Any, Any, Any, Any]]:
    """The wrappers of the first environment of a model, outermost first, where it has them."""
    envs: Any = model.get_env()
    while hasattr(envs, "venv"):
        envs = envs.venv
    several = getattr(envs, "envs", None)
    env = several[0] if isinstance(several, list) and several else None
    while isinstance(env, gym.Wrapper):
        yield env
        env = env.env


def _spelled(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a wrapper with those that it has by itself."""
    bound = inspect.signature(getattr(wrappers, name)).bind("env", **given)
    bound.apply_defaults()
    spelled = dict(list(bound.arguments.items())[1:])
    return {n: list(of) if isinstance(of, tuple) else of for n, of in spelled.items()}


def _shown(named: list[tuple[str, dict[str, Any]]]) -> str:
    return ", ".join(
        f"{name}({', '.join(f'{option}={value}' for option, value in given.items())})"
        for name, given in named
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and _is_plain(of) for name, of in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return type(value) in (bool, int, float, str)
