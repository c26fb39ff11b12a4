"""A page for each environment: what it is, a frame, its spaces and its arguments."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import gymnasium as gym
from prune_bench.run.pairs import short_name

from docsite.markdown import of_docstring, options, table
from prune_env import ENVIRONMENTS, RUNGS, PruneEnv, RoundOptions, entry_points
from prune_env.wrappers.small_ids import TWINS, base_id

IDS = [env_id for env_id in ENVIRONMENTS if base_id(env_id) == env_id]
"""Every id without its twins."""
DATA = {
    "CIFAR10": ', data="cifar10/", limit=2_000',
    "CIFAR100": ', data="cifar100/", limit=2_000',
    "Images": ', data="photos/"',
    "Arrays": ', data="table.npz"',
}
"""What has to be said beside the id, of those that bring no data."""


def page_name(env_id: str) -> str:
    """The name of its page."""
    return f"environments/{short_name(env_id).lower()}"


def pages() -> dict[str, str]:
    """Name -> text of every page."""
    return {"environments": _overview()} | {page_name(env_id): page(env_id) for env_id in IDS}


def _overview() -> str:
    rows = [
        (f"[{env_id}](environments/{short_name(env_id).lower()}.md)", ENVIRONMENTS[env_id])
        for env_id in IDS
    ]
    twins = [
        (f"`-{kind}-v0`", action, ", ".join(f"`{name}`" for wrapper in of for name in wrapper))
        for kind, (of, action) in TWINS.items()
    ]
    return f"""# Environments

All have the same spaces, signals and rewards; what differs is what is trained.
The first five train a network on your data, the last three are [cheap rungs](concepts.md#rungs).

{table(("id", "what is trained"), rows)}
Every id has twins for Stable-Baselines3, with small spaces:
[agents of Stable-Baselines3](stable_baselines3.md).

{table(("twin", "an action", "wrappers round the id"), twins)}
## The manual of all of them

What `help(prune_env.PruneEnv)` prints.

{of_docstring(PruneEnv, level=3)}
## How an episode is run

The fields of `prune_env.RoundOptions`, which `gym.make` takes for every id.

{options(RoundOptions)}
"""


def page(env_id: str) -> str:
    """The page of an id."""
    name = short_name(env_id)
    learner = _learner(env_id) if env_id in RUNGS else None
    return "\n\n".join(
        [
            f"# {env_id}",
            f"{ENVIRONMENTS[env_id][0].upper()}{ENVIRONMENTS[env_id][1:]}.",
            _snippet(name),
            f"![A frame of {env_id}](../pictures/frame-{name.lower()}.png)",
            _frame_note(name),
            "" if learner else _spaces_note(),
            _spaces(env_id) if not DATA.get(name) else "",
            f"## How it works\n\n{of_docstring(learner, level=3)}" if learner else "",
            _arguments(env_id, learner),
            _twins(name),
        ]
    )


def _snippet(name: str) -> str:
    """Code that runs where the data is there."""
    return f"""```python
import gymnasium as gym

env = gym.make("prune_env:prune_env/{name}-v0"{DATA.get(name, "")}, epochs=3)
observation, info = env.reset(seed=0)
env.action_space.seed(0)
observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
print(info["kept"], info["val_accuracy"])
```"""


def _frame_note(name: str) -> str:
    if name in ("CIFAR10", "CIFAR100", "Images"):
        return 'Drawn by `env.render()` with `render_mode="rgb_array"`, of CIFAR-10.'
    return 'Drawn by `env.render()` with `render_mode="rgb_array"`, of a run of `ucb`.'


def _spaces_note() -> str:
    return "The action, the observation, rewards and `info`: [the manual](../environments.md)."


def _spaces(env_id: str) -> str:
    """The spaces as they are made."""
    env = gym.make(env_id)
    assert isinstance(env.observation_space, gym.spaces.Dict)
    rows = [(f"`{name}`", f"`{space}`") for name, space in env.observation_space.items()]
    return f"""## Spaces

The action is `{env.action_space}`: 1 keeps an arm. What the entries of the observation
mean: [the manual](../environments.md).

{table(("entry", "space"), rows)}"""


def _learner(env_id: str) -> Any:
    module, _, name = RUNGS[env_id].partition(":")
    return getattr(importlib.import_module(f"prune_env.learners.{module}"), name)


def _arguments(env_id: str, learner: Any) -> str:
    """What `gym.make` takes beside `RoundOptions`."""
    if learner:
        taken = get_type_hints(learner.__init__)["options"]
        own = f"The fields of `{taken.__module__}.{taken.__name__}`:\n\n{options(taken)}"
    else:
        makers: list[Callable[..., Any]] = [entry_points.network_env]
        if short_name(env_id) == "Arrays":
            makers.insert(0, entry_points.arrays_env)
        own = "\n\n".join(map(_keywords, makers))
    shared = "[those of every environment](../environments.md#how-an-episode-is-run)"
    return f"## Arguments\n\nBeside {shared} it takes these.\n\n{own}"


def _keywords(maker: Callable[..., Any]) -> str:
    """The docstring of a function, and the defaults of its keywords."""
    usual = [
        f"`{name}={keyword.default!r}`"
        for name, keyword in inspect.signature(maker).parameters.items()
        if keyword.default is not keyword.empty
    ]
    return f"{of_docstring(maker, level=3)}\nDefaults: {', '.join(usual)}."


def _twins(name: str) -> str:
    ids = " and ".join(f"`prune_env/{name}-{kind}-v0`" for kind in TWINS)
    return f"## Twins\n\n{ids}, for [Stable-Baselines3](../stable_baselines3.md)."
