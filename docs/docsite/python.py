"""The page of Python: what can be imported, with signatures and docstrings."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any

from docsite.markdown import of_docstring, options

MODULES = {
    "prune_env": ("RoundOptions", "Selection", "best_k", "random_k", "PruneVectorEnv"),
    "prune_env.training": ("Pruned", "Collate", "Tagged"),
    "prune_env.networks": ("Recipe", "factory"),
    "prune_env.data": ("load", "limited", "Dataset", "Split"),
    "prune_env.wrappers": (
        *("LinearScores", "Rules", "ArmScores", "LossBins", "KeepRatio"),
        *("SummaryObservation", "StackArms"),
    ),
    "prune_agents": ("make", "names", "describe", "find", "register", "Agent"),
    "prune_agents.sb3": ("build", "train", "save", "load", "from_zip"),
}
"""Module -> the names that are for everybody; `PruneEnv` has its manual elsewhere."""


def page() -> str:
    """The page as text."""
    parts = [
        "# Python",
        "What can be imported. The environment itself: [the manual](environments.md).",
    ]
    for module, names in MODULES.items():
        found = importlib.import_module(module)
        parts += [f"## {module}", inspect.getdoc(found) or ""]
        for name in names:
            parts += _entry(name, getattr(found, name))
    return "\n\n".join(parts) + "\n"


def _entry(name: str, thing: Any) -> Iterator[str]:
    yield f"### {name}"
    is_options = is_dataclass(thing) and isinstance(thing, type)
    if not is_options:
        yield f"```\n{name}{_signature(thing)}\n```"
    yield of_docstring(thing, level=4)
    if is_options:
        yield options(thing)
    if isinstance(thing, type):
        for method, function in _methods(thing):
            yield f"#### {name}.{method}"
            yield f"```\n{method}{_signature(function)}\n```"
            yield of_docstring(function, level=5)


def _methods(cls: type) -> Iterator[tuple[str, Any]]:
    """Those that the class itself declares for everybody, and that say what they do."""
    for name, member in vars(cls).items():
        if inspect.isfunction(member) and not name.startswith("_") and member.__doc__:
            yield name, member


def _signature(thing: Any) -> str:
    """With defaults and without types, on several lines where it is long."""
    found = inspect.signature(thing)
    kept = [
        keyword.replace(annotation=inspect.Parameter.empty)
        for keyword in found.parameters.values()
        if keyword.name != "self"
    ]
    text = str(found.replace(parameters=kept, return_annotation=inspect.Signature.empty))
    if len(text) < 80:
        return text
    return "(\n" + "".join(f"    {keyword},\n" for keyword in kept) + ")"
