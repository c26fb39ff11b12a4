"""The names of the agents.

```python
import prune_agents

agent = prune_agents.make("ucb", keep_ratio=0.3, c=1.0)
agent = prune_agents.make("my_package.my_agent:MyAgent", keep_ratio=0.3)
agent = prune_agents.make("agents/zoo/mine", keep_ratio=0.3)
```

The built-in policies are in the table of `prune_agents.policies`. A class of one's own gets a name
by `@register("name")`; a package that is installed beside this one gives names to its agents by the
entry-point group "prune_agents", which is read when a name is looked up:

```toml
[project.entry-points.prune_agents]
my_agent = "my_package.my_agent:MyAgent"
```
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar

from prune_agents.adopted import adopt
from prune_agents.agent import Agent
from prune_agents.declared import check_declared, untyped
from prune_agents.policies import POLICIES
from prune_env.checks import in_a_line
from prune_env.lookup import refuse_file, unknown

AgentClass = TypeVar("AgentClass", bound=type)

_REGISTERED: dict[str, type] = {}


def register(name: str) -> Callable[[AgentClass], AgentClass]:
    """Class decorator: `make(name)` builds this class from now on.

    Raises:
        ValueError: the name belongs to another class, or has a colon (an import path has one).
    """

    def decorate(cls: AgentClass) -> AgentClass:
        if ":" in name:
            raise ValueError(f"an agent's name has no colon; got {name!r}")
        holder = _registered(name) or cls
        # A module that is imported again, as in a notebook, may replace its own class.
        if (holder.__module__, holder.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(f"{name!r} is the name of {holder.__module__}.{holder.__qualname__}")
        _REGISTERED[name] = cls
        return cls

    return decorate


def names() -> list[str]:
    """All names that `make` knows, sorted."""
    return sorted({*POLICIES, *_REGISTERED, *_installed()})


def saved_folder(name: str) -> str | None:
    """The path of a trained agent, where a name is one; nothing is imported.

    What has a slash is a path, and so is a folder with a preset whose name no agent has.
    """
    if "/" in name or os.sep in name or name.endswith(".zip"):
        return name
    return name if ":" not in name and _is_saved(Path(name)) and name not in names() else None


def find(name: str) -> Any:
    """What is behind a name or an import path "package.module:Class": a class, or an object.

    An import path may end with the name that `register` gives in that module.

    Raises:
        ValueError: no such name, module or class; near names are listed.
    """
    refuse_file("agent", name)
    if (agent := _with_options(name)) is not None:
        raise ValueError(
            f"{name!r} names an agent with its options, which are typed as {agent}:NAME=VALUE,"
            f"NAME=VALUE, and in Python as make({agent!r}, NAME=VALUE)"
        )
    if ":" in name:
        return _import(name)
    if (cls := _registered(name)) is not None:
        return cls
    installed = _installed()
    if name in installed:
        return installed[name].load()
    own = "`prune-env agents` lists them, one's own is named module:Class"
    if os.path.isdir(name):
        own = f"the folder {name} holds none; {own}"
    raise ValueError(unknown("agent", name, names(), own))


def find_inside(option: str, name: str) -> type[Agent]:
    """What is behind the name of an agent that is an option of another one.

    No import path: whether code may be imported, and whose source a run depends on, is seen by the
    names of agents, not by their options.

    Raises:
        ValueError: it is an import path or no `Agent`, or as for `find`.
    """
    if ":" in name:
        raise ValueError(
            f"{option} is {name!r}; inside another agent allowed are the names that "
            "`prune-env agents` lists, and what prune_agents.register has named"
        )
    found = find(name)
    if not (isinstance(found, type) and issubclass(found, Agent)):
        raise ValueError(
            f"{option} is {name!r}; allowed inside another agent is a subclass of Agent"
        )
    return found


def _with_options(name: str) -> str | None:
    """The agent of a name that has options in it, or what looks like some: ucb,c=1 and ucb:c."""
    if "=" in name:
        return re.split(r"[:,](?=[^:,]*$)", name.partition("=")[0])[0]
    agent, colon, _ = name.partition(":")
    return agent if colon and agent in names() else None


def make(name: str, /, **options: Any) -> Any:
    """Build an agent.

    Args:
        name: one of `names()`, an import path "package.module:Class", or a folder that
            `prune_agents.sb3.save` has written.
        options: the fields of that agent's dataclass.

    Raises:
        ValueError: an unknown name or option, or a value of the wrong type or out of range.
    """
    cls, options = _found(name, options)
    if not isinstance(cls, type):
        if options:
            raise ValueError(f"agent {name!r} is made already; it takes no {', '.join(options)}")
        return cls
    allowed, takes_all = _options_of(cls)
    for option in options:
        if option not in allowed and not takes_all:
            if (declared := untyped(cls, option)) is not None:
                raise ValueError(declared)
            raise ValueError(unknown(f"option of agent {name!r}", option, allowed))
    try:
        return cls(**options)
    except (TypeError, ValueError) as error:
        raise ValueError(f"agent {name!r} cannot be made so: {error}") from error


def make_for_run(name: str, /, keep_ratio: float, seed: int = 0, **options: Any) -> Any:
    """Build an agent with all that a run asks of it, even if it has only `predict`.

    The keep ratio and the seed are of the run; an agent that has no such options gets none.

    Raises:
        ValueError: as for `make`, or a subclass of `Agent` that does not take them.
    """
    found, _ = _found(name, options)
    of_run = {"keep_ratio": keep_ratio, "seed": seed}
    taken, takes_all = _options_of(found) if isinstance(found, type) else ([], False)
    is_policy = isinstance(found, type) and issubclass(found, Agent)
    every = is_policy and takes_all
    given = {option: value for option, value in of_run.items() if every or option in taken}
    agent = make(name, **options, **given)
    if is_policy:
        _check_taken(agent, of_run)
    return adopt(agent, reads_keep_ratio="keep_ratio" in taken)


def _check_taken(agent: Agent, of_run: dict[str, Any]) -> None:
    """Refuse a policy whose own `__init__` has dropped what the run says."""
    for option, value in of_run.items():
        if (has := getattr(agent, option)) != value:
            raise ValueError(
                f"{type(agent).__name__} has {option}={has} where the run says {value}: its "
                f"__init__ must take {option} and pass it to super().__init__, or be left out; "
                "options are fields of a dataclass"
            )


def _found(name: str, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What is behind a name, and the options with the path where that is a folder."""
    if not isinstance(name, str):
        made = isinstance(name, type) and f"; call it: {name.__name__}(...)"
        raise ValueError(f"name is {in_a_line(name)}; expected the name of an agent{made or ''}")
    refuse_file("agent", name)
    if (path := saved_folder(name)) is not None:
        return find("prune_agents.sb3.agent:SB3Agent"), options | {"path": path}
    found = find(name)
    if isinstance(found, type) and issubclass(found, Agent):
        check_declared(found, Agent)
    return found, options


def _options_of(cls: type) -> tuple[list[str], bool]:
    """The names of the options of a class, and whether it takes any others."""
    parameters = inspect.signature(cls).parameters.values()
    allowed = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return allowed, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _is_saved(folder: Path) -> bool:
    return os.path.isfile(folder / "preset.yaml")  # False of a name that no file can have, too


def reads_keep_ratio(name: str) -> bool:
    """Whether the agent of a name, which is no folder, is another one at another keep ratio.

    Raises:
        ValueError: as for `find`.
    """
    found = find(name)
    taken = isinstance(found, type) and "keep_ratio" in _options_of(found)[0]
    return getattr(found, "reads_keep_ratio", taken)


def describe(name: str) -> str:
    """The first line of the docstring of an agent."""
    return (inspect.getdoc(find(name)) or "").partition("\n")[0]


def inside(name: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The policies inside an agent, by name: what its option `policy` or `policies` says."""
    found: list[str] = []
    for option in ("policy", "policies"):
        given = options.get(option, getattr(_registered(name), option, ()))
        found += (given,) if isinstance(given, str) else _texts(given)
    return tuple(found)


def _texts(given: Any) -> tuple[str, ...]:
    """Names that an option lists; none where it means something else."""
    listed = given if isinstance(given, tuple | list) else ()
    return tuple(name for name in listed if isinstance(name, str))


def revision(name: str, options: Mapping[str, Any]) -> int:
    """How often the rule of a registered policy has been mended since it was first run, plus one.

    Those of the policies inside it count too. Runs of different revisions are different runs. 1 for
    what has no such number: an import path, a folder, or a name that is not known here. Nothing
    that the name names is imported.
    """
    own: int = getattr(_registered(name), "revision", 1)
    return own + sum(revision(policy, {}) - 1 for policy in inside(name, options))


def own_module(name: str) -> str | None:
    """Where the class of a registered or installed name is that is not of this package.

    Nothing is imported; None for an agent of this package, and for a name that is not known.
    """
    if (cls := _registered(name)) is not None:
        return None if cls.__module__.startswith("prune_agents.") else cls.__module__
    point = _installed().get(name)
    return None if point is None else point.module


def _registered(name: str) -> type | None:
    """The class of a built-in policy, whose file is imported, or of a name given by `register`."""
    if name in POLICIES:
        module, _, attribute = POLICIES[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
    return _REGISTERED.get(name)


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="prune_agents")}


def _first_place() -> str:
    """The folder in which one's own modules are looked for: that where one is, or of the script."""
    here = os.getcwd()
    return here if {here, ""} & {*sys.path} else sys.path[0]


def _import(path: str) -> Any:
    module_name, _, name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever is wrong with somebody's module
        kind = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
        ran = [f for f in traceback.extract_tb(error.__traceback__) if f.name == "<module>"]
        where = f"{Path(ran[-1].filename).name}, line {ran[-1].lineno}: " if ran else ""
        lacks = getattr(error, "name", None) == module_name.partition(".")[0]
        places = f"; looked for in {_first_place()}, and among what is installed" if lacks else ""
        raise ValueError(f"cannot import agent {path!r}: {where}{kind}{error}{places}") from error
    registered = _REGISTERED.get(name)
    if registered and registered.__module__.partition(".")[0] == module_name.partition(".")[0]:
        return registered
    if not hasattr(module, name):
        there = {key: value for key, value in vars(module).items() if hasattr(value, "predict")}
        known = [  # a class that was imported, such as Agent, is a base and no agent of the module
            key
            for key, value in there.items()
            if not isinstance(value, type) or value.__module__.startswith(module_name)
        ]
        raise ValueError(unknown(f"agent in {module_name}", name, known))
    found = getattr(module, name)
    if not callable(getattr(found, "predict", None)):
        raise ValueError(
            f"{path!r} is not an agent: expected a class, or an object, with a method predict"
        )
    return found
