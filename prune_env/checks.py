"""Options: dataclasses whose values come from users; what is checked of all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache, cached_property
from numbers import Integral, Real
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class In:
    """The range of an option, said where its field is: `alpha: Annotated[float, In("(0, 1]")]`.

    Args:
        interval: "[0, 1)" and the like, as in mathematics; an end may be inf.
    """

    interval: str

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The two numbers."""
        low, high = self.interval[1:-1].split(",")
        return float(low), float(high)

    def __contains__(self, value: Any) -> bool:
        low, high = self.ends
        above = value >= low if self.interval[0] == "[" else value > low
        below = value <= high if self.interval[-1] == "]" else value < high
        return above and below  # NaN is nowhere

    def allowed(self, name: str) -> str:
        """The range in the words of an error message."""
        low, high = self.ends
        if high == float("inf"):
            return f"{low:g} or more" if self.interval[0] == "[" else f"above {low:g}"
        signs = ["<=" if end in "[]" else "<" for end in (self.interval[0], self.interval[-1])]
        return f"{low:g} {signs[0]} {name} {signs[1]} {high:g}"


def range_of(hint: Any) -> In | None:
    """The range in the annotation of a field, also in that of a choice such as `X | None`."""
    if get_origin(hint) in (Union, UnionType):
        return next((found for choice in get_args(hint) if (found := range_of(choice))), None)
    extras = getattr(hint, "__metadata__", ())
    return next((extra for extra in extras if isinstance(extra, In)), None)


@cache
def ranges(options: type) -> dict[str, In]:
    """The ranges of the fields of a dataclass that have one, by their names."""
    hints = get_type_hints(options, include_extras=True)
    return {name: found for name, hint in hints.items() if (found := range_of(hint))}


EXACT = 2**53
"""Below it whole numbers are floats without loss."""


def check(options: DataclassInstance) -> None:
    """Refuse a field whose value is not of the type, or not in the range, that it declares.

    A whole number where a float is declared becomes one: YAML's 50 and a command line's 50.0 are
    one option, and have one name. NumPy's numbers become Python's, which any file can hold.

    Raises:
        ValueError: the field, its value and what is allowed.
    """
    check_types(options)
    check_ranges(options)
    for name, hint in _hints(type(options)).items():
        value = given = getattr(options, name)
        if isinstance(value, np.generic):
            value = value.item()
        choices = _choices(hint)
        if float in choices and int not in choices and _fits(value, int) and abs(value) < EXACT:
            value = float(value)
        if value is not given:
            object.__setattr__(options, name, value)


def check_ranges(options: DataclassInstance) -> None:
    """Refuse a field whose value is not in the range that it declares.

    Raises:
        ValueError: the field, its value and what is allowed.
    """
    for name, allowed in ranges(type(options)).items():
        _check_range(name, getattr(options, name), allowed)


def check_types(options: DataclassInstance) -> None:
    """Refuse a field whose value is not of the type that the dataclass declares.

    A float may be any real number and an int any whole one, NumPy's too, but no bool. A list where
    a tuple is declared, as it comes from JSON and YAML, becomes one; a text is no list of letters.

    Raises:
        ValueError: the field, its value and the type that is expected.
    """
    hints = _hints(type(options))
    for field in fields(options):
        value, hint = getattr(options, field.name), hints[field.name]
        takes_tuple = any(get_origin(choice) is tuple for choice in _choices(hint))
        if takes_tuple and isinstance(value, list):
            object.__setattr__(options, field.name, value := tuple(value))
        _check_type(field.name, value, hint)


def check_argument(name: str, value: object, hint: Any) -> None:
    """Refuse the value of an argument as `check` does that of a field.

    Args:
        name: of the argument.
        value: of it.
        hint: its type, with its range: `Annotated[int, In("[1, inf)")]`.

    Raises:
        ValueError: the argument, its value and what is expected.
    """
    _check_type(name, value, get_args(hint)[0] if hasattr(hint, "__metadata__") else hint)
    if (allowed := range_of(hint)) is not None:
        _check_range(name, value, allowed)


def _check_type(name: str, value: object, hint: Any) -> None:
    if not _fits(value, hint):
        raise ValueError(f"{name} is {in_a_line(value)}; expected {kind_of(hint)}")


def _check_range(name: str, value: object, allowed: In) -> None:
    if isinstance(value, Real) and value not in allowed:
        raise ValueError(f"{name} is {value!r}; allowed is {allowed.allowed(name)}")


def in_a_line(value: object, most: int = 200) -> str:
    """A value in the words of an error message: by its type where it has none, or too many.

    >>> in_a_line("a"), in_a_line(["x"] * 1000), in_a_line(object())
    ("'a'", 'a list', 'a object')
    """
    text = repr(value)
    said = len(text) <= most and "\n" not in text and " at 0x" not in text
    return text if said else f"a {type(value).__name__}"


def in_words(error: BaseException, most: int = 500) -> str:
    """What an error of a library says, in one line; some quote the file that they refuse.

    >>> in_words(ValueError("bad " * 1000), most=20)
    'bad bad bad bad ...'
    """
    text = " ".join(str(error).split())
    return text if len(text) <= most else f"{text[: most - 4].rstrip()} ..."


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first thing that differs, for a message after "has"; None where nothing does.

    >>> difference({"sigma": 0.3}, {"sigma": 0.5}), difference({"sigma": 0.3}, {"sigma": 0.3})
    ('sigma 0.3; now it is 0.5', None)
    """
    for name in {**now, **before}:
        if before.get(name) != now.get(name):
            then, this = before.get(name), now.get(name)
            if (old := in_a_line(then)) != (new := in_a_line(this)):
                return f"{name} {old}; now it is {new}"
            if isinstance(then, Mapping) and isinstance(this, Mapping):  # both cut short
                return f"{name} with {difference(then, this)}"
            return f"other {name} than now"
    return None


@cache
def _hints(kind: type) -> dict[str, Any]:
    """The types of the fields of a dataclass; a board makes its options by the thousand."""
    return get_type_hints(kind)


def _choices(hint: Any) -> tuple[Any, ...]:
    """The types of which a value has to have one."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def names(argument: str, value: Iterable[str]) -> tuple[str, ...]:
    """The names that an argument lists; a single text is refused, it is no list of letters.

    Raises:
        ValueError: the argument, its value and what is expected.
    """
    listed = () if isinstance(value, str) else tuple(value)
    if isinstance(value, str) or not all(isinstance(name, str) for name in listed):
        raise ValueError(f"{argument} is {in_a_line(value)}; expected {kind_of(tuple[str, ...])}")
    return listed


def kind_of(hint: Any) -> str:
    """A type in the words of an error message.

    >>> kind_of(int | Literal["auto"]), kind_of(tuple[float, ...])
    ("int or 'auto'", 'a list of float')
    """
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(map(kind_of, get_args(hint)))
    if hint is type(None):
        return "None"
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if get_origin(hint) is tuple:
        return f"a list of {kind_of(get_args(hint)[0])}"
    if get_origin(hint) is Callable:
        return "a function"
    if get_origin(hint) is Mapping:
        return "a dict"
    return hint.__name__ if isinstance(hint, type) else str(hint)


def _fits(value: object, hint: Any) -> bool:
    """Whether an option has the type that its dataclass field declares."""
    return _test(hint)(value)


@cache
def _test(hint: Any) -> Callable[[Any], bool]:
    """What tells whether a value has a type; a hint is looked into once."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return lambda value: True
    if origin in (Union, UnionType):
        tests = [_test(choice) for choice in parts]
        return lambda value: any(test(value) for test in tests)
    if origin is Literal:
        return lambda value: value in parts
    if origin is tuple:  # of any length: tuple[X, ...]
        inside = _test(parts[0])
        return lambda value: isinstance(value, tuple) and all(map(inside, value))
    if hint is float:
        return lambda value: isinstance(value, Real) and not isinstance(value, bool)
    if hint is int:
        return lambda value: isinstance(value, Integral) and not isinstance(value, bool)
    return lambda value: isinstance(value, origin or hint)
