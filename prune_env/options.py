"""Options: dataclasses whose values come from users; what is checked of all of them alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from numbers import Integral, Real
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def check_types(options: DataclassInstance) -> None:
    """Refuse a field whose value is not of the type that the dataclass declares.

    A float may be any real number and an int any whole one, NumPy's too, but no bool. A list where
    a tuple is declared, as it comes from JSON and YAML, becomes one; a text is no list of letters.

    Raises:
        ValueError: the field, its value and the type that is expected.
    """
    hints = get_type_hints(type(options))
    for field in fields(options):
        value, hint = getattr(options, field.name), hints[field.name]
        if get_origin(hint) is tuple and isinstance(value, list):
            object.__setattr__(options, field.name, value := tuple(value))
        if not _fits(value, hint):
            raise ValueError(f"{field.name} is {value!r}; expected {_name(hint)}")


def names(argument: str, value: Iterable[str]) -> tuple[str, ...]:
    """The names that an argument lists; a single text is refused, it is no list of letters.

    Raises:
        ValueError: the argument, its value and what is expected.
    """
    listed = () if isinstance(value, str) else tuple(value)
    if isinstance(value, str) or not all(isinstance(name, str) for name in listed):
        raise ValueError(f"{argument} is {value!r}; expected {_name(tuple[str, ...])}")
    return listed


def check_at_least(options: DataclassInstance, **bounds: float) -> None:
    """Refuse a field whose value is below its bound, or is NaN.

    Raises:
        ValueError: the field, its value and what is allowed.
    """
    for name, bound in bounds.items():
        if not (value := getattr(options, name)) >= bound:
            raise ValueError(f"{name} is {value}; allowed is {bound} or more")


def _name(hint: Any) -> str:
    """A type in the words of an error message."""
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if get_origin(hint) is tuple:
        return f"a list of {_name(get_args(hint)[0])}"
    return hint.__name__ if isinstance(hint, type) else str(hint)


def _fits(value: object, hint: Any) -> bool:
    """Whether an option has the type that its dataclass field declares."""
    if hint is Any:
        return True
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, choice) for choice in get_args(hint))
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is tuple:  # of any length: tuple[X, ...]
        return isinstance(value, tuple) and all(_fits(part, get_args(hint)[0]) for part in value)
    if hint is float:
        return isinstance(value, Real) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    return isinstance(value, get_origin(hint) or hint)
