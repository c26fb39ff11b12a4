"""Names of code of one's own, and names that are not there: one answer for all kinds of them."""

from __future__ import annotations

import importlib
import inspect
import os
from collections.abc import Callable, Collection, Iterable
from difflib import SequenceMatcher
from typing import Any

Function = str | Callable[..., Any]
"""A function of one's own, or its import path "package.module:name"."""

LIKE, SLACK = 0.6, 0.15
"""From this ratio of `difflib` on, 1 being the same, two names are near; by how much less than the
likeliest another may be."""
A_WORD = 0.8
"""How near a name is of which the other is a word, as lr is of peak_lr."""

FEW = 32
"""So many names are listed where there are no more."""


def is_own(name: object) -> bool:
    """Whether this is a function, or the import path of one: "package.module:name"."""
    return callable(name) or (isinstance(name, str) and ":" in name)


def imported(what: str, path: Function, *takes: str) -> Callable[..., Any]:
    """The function at an import path; one that is given as itself comes back.

    Args:
        what: it is for: "reward", "network".
        path: where it is.
        takes: what it is called with, by position.

    Raises:
        ValueError: it cannot be imported, or cannot be called so.
    """
    found = path if callable(path) else _at(what, path)
    try:
        # a torch.nn.Module is called by its forward, its class by what makes one
        called = found if isinstance(found, type) else getattr(found, "forward", found)
        inspect.signature(called).bind(*takes)
    except TypeError as error:
        raise ValueError(
            f"the {what} {path_of(path)!r} is called as {what}({', '.join(takes)}), but: {error}"
        ) from None
    except ValueError:
        pass  # of some functions in C nobody knows what they take
    return found


def refuse_file(what: str, path: str) -> None:
    """Refuse "my_module.py:name" and "./my_module:name", files where an import path is expected.

    Raises:
        ValueError: says the import path.
    """
    file, _, name = path.partition(":")
    is_file = file.endswith(".py") or ("/" in file and name.isidentifier())
    if name and is_file and not os.path.exists(path):
        module = file.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
        raise ValueError(
            f"the {what} {path!r} names a file; expected is {module}:{name}, a module that Python "
            "finds, such as one in the folder where you type"
        )


def _at(what: str, path: str) -> Callable[..., Any]:
    """What can be called at an import path."""
    refuse_file(what, path)
    module, _, attribute = path.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"the {what} {path!r} cannot be imported: {error}") from error
    if not callable(found):
        raise ValueError(f"the {what} {path!r} is a {type(found).__name__}; expected a function")
    return found


def path_of(function: Function) -> str:
    """The import path of a function; the path itself where that was given."""
    if isinstance(function, str):
        return function
    kind = type(function)  # a partial or an object that can be called has no name of its own
    name = getattr(function, "__qualname__", kind.__qualname__)
    return f"{getattr(function, '__module__', kind.__module__)}:{name}"


def near(name: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Of these names those that may be meant, the likeliest first, each once."""
    likeness = {other: _likeness(name, other) for other in names}
    least = max(LIKE, max(likeness.values(), default=0.0) - SLACK)
    like = [other for other in likeness if likeness[other] >= least]
    best = sorted(like, key=lambda other: -likeness[other])[:most]
    return best[:1] if best and likeness[best[0]] == 1 else best


def meant(name: str, names: Iterable[str]) -> str:
    """What follows a name in a message: " (did you mean ucb?)", or nothing where none is near."""
    close = near(name, names)
    return f" (did you mean {' or '.join(close)}?)" if close else ""


def known(what: str, name: object, names: Collection[str]) -> str:
    """The name, if it is one of these: a file may have anything in its place.

    Raises:
        ValueError: it is none; see `unknown`.
    """
    if isinstance(name, str) and name in names:
        return name
    raise ValueError(unknown(what, name, names))


def unknown(what: str, name: object, names: Iterable[str], more: str = "") -> str:
    """The message for a name that is not there.

    Args:
        what: is not there: "agent", "option of agent 'ucb'".
        name: what was given.
        names: those that there are, in the order in which they are worth reading.
        more: what else may be named, or where to read on.

    Returns:
        "unknown agent 'ucbb' (did you mean ucb?)", and all names where they are few.
    """
    names = list(dict.fromkeys(names))
    parts = [f"unknown {what} {name!r}{meant(str(name), names)}"]
    if names and len(names) <= FEW:
        parts.append(f"allowed are {', '.join(names)}")
    return "; ".join([*parts, more] if more else parts)


def _likeness(one: str, other: str) -> float:
    """How alike two names are, in [0, 1]: the whole ones, or what follows their last slash."""
    one, other = (text.lower().replace("-", "_").strip("_") for text in (one, other))
    if len(one) > 1 and one != other and one in other.split("_"):
        return A_WORD
    if min(len(one), len(other)) / max(len(one), len(other), 1) < LIKE / 3:
        return 0.0  # cheap; networks have a thousand names
    ends = one.rpartition("/")[2], other.rpartition("/")[2]
    return max(SequenceMatcher(None, *pair).ratio() for pair in ((one, other), ends))
