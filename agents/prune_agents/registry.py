"""The names of the agents.

```python
import prune_agents

agent = prune_agents.make("ucb", keep_ratio=0.3, c=1.0)
agent = prune_agents.make("my_package.my_agent:MyAgent", keep_ratio=0.3)
agent = prune_agents.make("agents/zoo/mine", keep_ratio=0.3)
```

A class gets a name by `@register("name")`; a package that is installed beside this one gives names
to its agents through the entry-point group "prune_agents", which is read when a name is looked up:

```toml
[project.entry-points.prune_agents]
my_agent = "my_package.my_agent:MyAgent"
```
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from prune_env.lookup import unknown

AgentClass = TypeVar("AgentClass", bound=type)

_REGISTERED: dict[str, type] = {}


def register(name: str) -> Callable[[AgentClass], AgentClass]:
    """Class decorator: `make(name)` builds this class from now on.

    Raises:
        ValueError: the name belongs to another class, or has a colon (an import path has one).
    """

    def decorate(cls: AgentClass) -> AgentClass:
        holder = _REGISTERED.get(name, cls)
        if ":" in name:
            raise ValueError(f"an agent's name has no colon; got {name!r}")
        # A module that is imported again, as in a notebook, may replace its own class.
        if (holder.__module__, holder.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(f"{name!r} is the name of {holder.__module__}.{holder.__qualname__}")
        _REGISTERED[name] = cls
        return cls

    return decorate


def names() -> list[str]:
    """All names that `make` knows, sorted."""
    return sorted({*_registered(), *_installed()})


def find(name: str) -> type:
    """The class behind a name or an import path "package.module:Class".

    Raises:
        ValueError: no such name, module or class; near names are listed.
    """
    if ":" in name:
        return _import(name)
    if name in _registered():
        return _registered()[name]
    installed = _installed()
    if name in installed:
        return installed[name].load()
    own = "`prune-env agents` lists them, one's own is named module:Class"
    raise ValueError(unknown("agent", name, names(), own))


def make(name: str, /, **options: Any) -> Any:
    """Build an agent.

    Args:
        name: one of `names()`, an import path "package.module:Class", or a folder with a slash in
            its name that `prune_agents.sb3.save` has written.
        options: the fields of that agent's dataclass.

    Raises:
        ValueError: an unknown name or option, or a value of the wrong type or out of range.
    """
    if "/" in name:
        name, options = "prune_agents.sb3_agent:SB3Agent", options | {"path": name}
    cls = find(name)
    parameters = inspect.signature(cls).parameters.values()
    allowed = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for option in options:
        if option not in allowed and not takes_all:
            raise ValueError(unknown(f"option of agent {name!r}", option, allowed))
    return cls(**options)


def describe(name: str) -> str:
    """The first line of the docstring of an agent."""
    return (inspect.getdoc(find(name)) or "").partition("\n")[0]


def revision(name: str) -> int:
    """How often the rule of a registered policy has been mended since it was first run, plus one.

    Runs of different revisions are different runs. 1 for what has no such number: an import path,
    a folder, or a name that is not known here. Nothing that the name names is imported.
    """
    return getattr(_registered().get(name), "revision", 1)


def own_module(name: str) -> str | None:
    """Where the class of a registered or installed name is that is not of this package.

    Nothing is imported; None for an agent of this package, and for a name that is not known.
    """
    if (cls := _registered().get(name)) is not None:
        return None if cls.__module__.startswith("prune_agents.") else cls.__module__
    point = _installed().get(name)
    return None if point is None else point.module


def _registered() -> dict[str, type]:
    """The names given by `register`. The families are imported when first asked for: 0.1 s."""
    importlib.import_module("prune_agents.families")
    return _REGISTERED


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="prune_agents")}


def _import(path: str) -> type:
    module_name, _, class_name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"cannot import agent {path!r}: {error}") from error
    if not (isinstance(found, type) and hasattr(found, "predict")):
        raise ValueError(f"{path!r} is not an agent: expected a class with a method predict")
    return found
