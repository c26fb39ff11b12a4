"""Twins: each id once more with small spaces, ready for Stable-Baselines3.

`prune_env/CIFAR10-Scores-v0` is `prune_env/CIFAR10-v0` inside `LinearScores` and
`SummaryObservation`: a Box of 10 and a flat Box of 55. `-Rules-v0` has a Discrete of selection
rules instead. Their wrappers are in the spec, by name, so that importing `prune_env` loads none.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec, WrapperSpec, register

from prune_env.lookup import unknown

_CHOOSING = "prune_env.wrappers.choosing"
_SUMMARY = WrapperSpec(
    "SummaryObservation", "prune_env.wrappers.observing:SummaryObservation", kwargs={}
)

TWINS: dict[str, tuple[tuple[WrapperSpec, ...], str]] = {
    "Scores": (
        (
            WrapperSpec("LinearScores", f"{_CHOOSING}:LinearScores", kwargs={"keep_ratio": 0.3}),
            _SUMMARY,
        ),
        "a weight for each signal",
    ),
    "Rules": (
        (
            WrapperSpec("Rules", f"{_CHOOSING}:Rules", kwargs={"keep_ratio": 0.3, "rules": None}),
            _SUMMARY,
        ),
        "the number of a selection rule",
    ),
}
"""The wrappers of each kind of twin, innermost first, and what an action is."""


def register_twins(env_id: str) -> dict[str, str]:
    """Register the twins of a registered id; returns their ids, each with one line about it.

    A twin rewards the fall of the validation loss whatever the id itself does, and shows all
    signals, so evaluations are charged to the agent wherever there is a budget.
    """
    spec = gym.spec(env_id)
    described = {}
    for kind, (wrappers, action) in TWINS.items():
        twin = env_id.replace("-v0", f"-{kind}-v0")
        kwargs = spec.kwargs | {"reward": "val_loss_drop"}
        register(twin, spec.entry_point, kwargs=kwargs, additional_wrappers=wrappers)
        described[twin] = f"{env_id} for Stable-Baselines3: {action}, a flat observation"
    return described


def base_id(env_id: str) -> str:
    """The id without wrappers that this one, if it is a twin, belongs to.

    >>> base_id("prune_env/CIFAR10-Scores-v0"), base_id("prune_env/CIFAR10-v0")
    ('prune_env/CIFAR10-v0', 'prune_env/CIFAR10-v0')
    """
    for kind in TWINS:
        env_id = env_id.replace(f"-{kind}-v0", "-v0")
    return env_id


def with_wrapper_options(env_id: str, **options: Any) -> EnvSpec:
    """The spec of an id with other arguments of its wrappers; `gym.make` takes it like an id.

    >>> import gymnasium as gym, prune_env
    >>> spec = with_wrapper_options("prune_env/Digits-Scores-v0", keep_ratio=0.1)
    >>> env = gym.make(spec, limit=200, device="cpu")
    >>> env.get_wrapper_attr("keep_ratio")
    0.1

    Raises:
        ValueError: none of the wrappers of this id has such an argument.
    """
    spec = deepcopy(gym.spec(env_id))
    for name, value in options.items():
        holders = [w.kwargs for w in spec.additional_wrappers if name in (w.kwargs or {})]
        if not holders:
            known = sorted({key for w in spec.additional_wrappers for key in w.kwargs or {}})
            raise ValueError(unknown(f"argument of the wrappers of {env_id}", name, known))
        for kwargs in holders:
            assert kwargs is not None
            kwargs[name] = value
    return spec
