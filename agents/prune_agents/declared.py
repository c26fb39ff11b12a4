"""What a policy's class declares, held against what it does: slips that would pass in silence."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import FrozenInstanceError
from difflib import SequenceMatcher
from typing import Any, NoReturn

from numpy.typing import NDArray

from prune_env.core.selection import NoNumbers
from prune_env.core.signals import SIGNALS
from prune_env.lookup import unknown

HOOKS = ("start", "update")
"""Methods of a policy whose absence says nothing, so that a misspelt one would never be called."""
CALLED = (*HOOKS, "scores", "choose", "begin", "prior", "env_options")
"""Methods of a policy that the base calls, by position."""
ALIKE = 0.85
"""From this ratio of `difflib` on a method is a misspelt hook: updat, starts."""


class Shown(dict[str, NDArray[Any]]):
    """The observation as a policy sees it: a signal that it has not declared is named."""

    def __init__(self, entries: Mapping[str, NDArray[Any]], cls: type) -> None:
        super().__init__(entries)
        self.cls = cls

    def __missing__(self, name: str) -> NoReturn:
        if name not in SIGNALS:
            raise ValueError(unknown("signal", name, SIGNALS))
        who, declared = self.cls.__name__, getattr(self.cls, "signals", ())
        raise ValueError(
            f"{who} reads {name}, which it does not declare; write signals = {(*declared, name)}"
        )


def check_declared(cls: type, base: type) -> None:
    """Refuse a policy that declares options but is no dataclass, or misspells a method of `base`.

    Raises:
        ValueError: options would be none, a method would never be called or not as it is written,
            or signals are one text.
    """
    if isinstance(signals := getattr(cls, "signals", ()), str):
        raise ValueError(
            f"{cls.__name__}.signals is the text {signals!r}; write signals = ({signals!r},), "
            "with the comma"
        )
    for own in cls.__mro__[: cls.__mro__.index(base)]:
        _check_hooks(own, cls, base)
    _check_parameters(cls, base)
    for own in cls.__mro__:
        if own is base or "__dataclass_fields__" in own.__dict__:
            return
        for name, hint in inspect.get_annotations(own).items():
            if "ClassVar" not in str(hint):
                raise ValueError(
                    f"{own.__name__} declares the option {name}, but is no dataclass; write "
                    "@dataclass(frozen=True, kw_only=True) above it"
                )


def _check_hooks(own: type, cls: type, base: type) -> None:
    """Refuse a method that has the parameters of a hook, nearly its name, and takes its place."""
    for hook in HOOKS:
        if getattr(cls, hook) is not getattr(base, hook):
            continue
        takes = len(inspect.signature(getattr(base, hook)).parameters)
        for name, method in vars(own).items():
            if not inspect.isfunction(method) or hasattr(base, name):
                continue
            alike = SequenceMatcher(None, name, hook).ratio() >= ALIKE
            if alike and len(inspect.signature(method).parameters) == takes:
                raise ValueError(
                    f"{own.__name__} has a method {name}, which nothing calls; did you mean {hook}?"
                )


def _check_parameters(cls: type, base: type) -> None:
    """Refuse a method that does not take what the base calls it with."""
    for name in CALLED:
        method = inspect.getattr_static(cls, name)
        if not inspect.isfunction(method) or method is getattr(base, name):
            continue
        _, *takes = inspect.signature(getattr(base, name)).parameters
        try:
            inspect.signature(method).bind(cls, *takes)
        except TypeError as error:
            raise ValueError(
                f"{cls.__name__}.{name} is called as {name}({', '.join(takes)}), but: {error}; "
                f"write def {name}(self, {', '.join(takes)})"
            ) from None


@contextmanager
def blamed(who: str) -> Iterator[None]:
    """Say whose scores are no numbers, and where a policy keeps what it learns when it writes to
    itself.
    """
    try:
        yield
    except NoNumbers as error:
        raise ValueError(f"{who}: {error}") from error
    except FrozenInstanceError as error:
        raise ValueError(
            f"{who} stores something in the object ({error}); what it learns goes into state, in "
            "entries that start has made"
        ) from error


def untyped(cls: type, option: str) -> str | None:
    """How an option is declared that was only given a value, so that it is none; else None."""
    value = getattr(cls, option, None)
    if value is None or callable(value) or not isinstance(value, bool | int | float | str):
        return None
    kind = type(value).__name__
    who = f"{cls.__name__}.{option}"
    return f"{who} has no type, so it is no option; write {option}: {kind} = {value!r}"
