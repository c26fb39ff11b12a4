"""Twins: each id once more with small spaces, ready for Stable-Baselines3.

`prune_env/CIFAR10-Scores-v0` is `prune_env/CIFAR10-v0` inside `LinearScores` and
`SummaryObservation`: a Box of 10 and a flat Box of 55. `-Rules-v0` has a Discrete of selection
rules instead. Wrappers are named, so that a spec is JSON and importing `prune_env` loads none:

```python
env = gym.make("prune_env:prune_env/CIFAR10-Scores-v0", keep_ratio=0.1)
envs = gym.make_vec("prune_env:prune_env/Probe-Scores-v0", num_envs=256)
```
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec, register

from prune_env.checks import names
from prune_env.entry_points import renders
from prune_env.lookup import meant, unknown

if TYPE_CHECKING:
    from prune_env.wrappers.small_vector import SmallVectorEnv

Wrappers = Sequence[Mapping[str, Mapping[str, Any]]]
"""[{name: arguments}], innermost first, of `prune_env.wrappers`; as in rl-baselines3-zoo."""

TWINS: dict[str, tuple[list[dict[str, dict[str, Any]]], str]] = {
    "Scores": (
        [{"LinearScores": {"keep_ratio": 0.3}}, {"SummaryObservation": {}}],
        "a weight for each signal",
    ),
    "Rules": (
        [{"Rules": {"keep_ratio": 0.3, "rules": None}}, {"SummaryObservation": {}}],
        "the number of a selection rule",
    ),
}
"""The wrappers of each kind of twin, and what an action is."""


def register_twins(env_id: str) -> dict[str, str]:
    """Register the twins of a registered id; returns their ids, each with one line about it.

    Args:
        env_id: "mine:mine/Birds-v0", if a process that is spawned has to import `mine` for it.
    """
    spec = spec_of(env_id)
    assert spec is not None
    vector = "prune_env.wrappers.small_ids:twin_vector_env" if spec.vector_entry_point else None
    described = {}
    for kind, (wrappers, action) in TWINS.items():
        twin = spec.id.replace("-v0", f"-{kind}-v0")
        kwargs = {"of": env_id, "env_wrapper": wrappers}
        register(
            twin, "prune_env.wrappers.small_ids:twin_env", kwargs=kwargs, vector_entry_point=vector
        )
        described[twin] = f"{env_id} for Stable-Baselines3: {action}, a flat observation"
    return described


class Twin(gym.Wrapper[Any, Any, Any, Any]):
    """An environment inside wrappers whose spec is that of the id alone, which makes them all.

    A spec that listed them could be made anew with no other arguments, nor by `gym.make_vec`.
    """

    @property
    def spec(self) -> EnvSpec | None:  # type: ignore[override]
        """The spec of the id."""
        return self.unwrapped.spec


@renders
def twin_env(
    of: str, env_wrapper: Wrappers, keep_ratio: float | None = None, **options: Any
) -> gym.Env[Any, Any]:
    """An environment inside wrappers; what `gym.make` calls for a twin.

    It rewards the fall of the validation loss whatever the id itself does, and shows all signals,
    so evaluations are charged to the agent wherever there is a budget.

    Args:
        of: the id without wrappers.
        env_wrapper: the wrappers around it.
        keep_ratio: share of the arms to keep each round; None: that of the wrapper.
        options: what the id takes.
    """
    from prune_env import wrappers

    _refuse_misspelt(options)
    pairs = named(with_keep_ratio(env_wrapper, keep_ratio))
    env = gym.make(of, disable_env_checker=True, **({"reward": "val_loss_drop"} | options))
    env = env.unwrapped
    for name, arguments in pairs:
        try:
            env = getattr(wrappers, name)(env, **arguments)
        except TypeError as error:
            raise ValueError(f"wrapper {name} cannot be made so: {error}") from error
    return Twin(env)


def twin_vector_env(
    num_envs: int, of: str, env_wrapper: Wrappers, keep_ratio: float | None = None, **options: Any
) -> SmallVectorEnv:
    """The same, `num_envs` of them at once; what `gym.make_vec` calls."""
    from prune_env.wrappers.arm_features import READS
    from prune_env.wrappers.small_vector import SmallVectorEnv

    _refuse_misspelt(options)
    shown = dict.fromkeys((*names("signals", options.pop("signals", READS)), "label"))
    options = {"reward": "val_loss_drop"} | options | {"signals": tuple(shown)}
    return SmallVectorEnv(
        gym.make_vec(of, num_envs, **options), named(with_keep_ratio(env_wrapper, keep_ratio))
    )


def _refuse_misspelt(options: Iterable[str]) -> None:
    """Refuse what was meant to be `keep_ratio`, which the environment inside does not know.

    Raises:
        TypeError: in Python's own words.
    """
    for name in options:
        if hint := meant(name, ["keep_ratio"]):
            raise TypeError(f"got an unexpected keyword argument {name!r}{hint}")


def named(wrappers: Wrappers) -> list[tuple[str, dict[str, Any]]]:
    """(name, arguments) of each wrapper, innermost first.

    A name may stand behind its module, `prune_env.wrappers.LinearScores`, as rl-baselines3-zoo has
    it, or alone, where it has no arguments.

    Raises:
        ValueError: a wrapper that `prune_env.wrappers` does not have, or another form.
    """
    from prune_env.wrappers import __all__ as known

    form = "expected [{name: {argument: value}}]"
    if isinstance(wrappers, str | Mapping) or not isinstance(wrappers, Sequence):
        raise ValueError(f"env_wrapper is {wrappers!r}; {form}")
    pairs = []
    for wrapper in wrappers:
        if not isinstance(wrapper, str | Mapping):
            raise ValueError(f"env_wrapper has {wrapper!r}; {form}")
        entries = {wrapper: {}} if isinstance(wrapper, str) else wrapper
        for path, arguments in entries.items():
            name = str(path).removeprefix("prune_env.wrappers.")
            if name not in known:
                raise ValueError(unknown("wrapper", path, known))
            if not isinstance(arguments, Mapping | None):
                raise ValueError(f"env_wrapper gives {name} {arguments!r}; {form}")
            pairs.append((name, dict(arguments or {})))
    return pairs


def with_keep_ratio(wrappers: Wrappers, keep_ratio: float | None) -> Wrappers:
    """The same wrappers with another keep ratio; None leaves them as they are.

    Raises:
        ValueError: none of them chooses.
    """
    if keep_ratio is None:
        return wrappers
    from prune_env.wrappers.choosers import CHOOSERS

    changed = [{name: deepcopy(arguments)} for name, arguments in named(wrappers)]
    holders = [wrapper for wrapper in changed if set(wrapper) & set(CHOOSERS)]
    if not holders:
        raise ValueError(f"keep_ratio is {keep_ratio}, but no wrapper chooses: {wrappers}")
    for wrapper in holders:
        for arguments in wrapper.values():
            arguments["keep_ratio"] = keep_ratio
    return changed


def plain_id(env_id: str) -> str:
    """An id without the module that `gym.make` is to import, where that is this package.

    One id has one name in results and presets.

    >>> plain_id("prune_env:prune_env/Digits-v0"), plain_id("mine:mine/Digits-v0")
    ('prune_env/Digits-v0', 'mine:mine/Digits-v0')
    """
    return env_id.removeprefix("prune_env:")


def base_id(env_id: str) -> str:
    """The id without wrappers that this one, if it is a twin, belongs to.

    >>> base_id("prune_env/CIFAR10-Scores-v0"), base_id("prune_env:prune_env/CIFAR10-v0")
    ('prune_env/CIFAR10-v0', 'prune_env/CIFAR10-v0')
    """
    env_id = plain_id(env_id)
    spec = spec_of(env_id)
    return env_id if spec is None else spec.kwargs.get("of", env_id)


def spec_of(env_id: str) -> EnvSpec | None:
    """The spec of an id, a module before it or not; None if there is none. Imports nothing."""
    return gym.registry.get(env_id.rpartition(":")[2])
