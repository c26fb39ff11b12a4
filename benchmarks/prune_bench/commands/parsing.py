"""From the words of a command line to options; a mistake in them is one line."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import tyro

from prune_env.checks import kind_of
from prune_env.lookup import near, unknown

POSITIONAL = get_args(tyro.conf.Positional[str])[1]
NO_VALUE = "base 10:|could not convert|could be|for arguments:|could be instantiated"
"""What the parser says, in one way or another, of a value that has not the type of its option."""


def parse(command: type, prog: str, words: Sequence[str], default: Any = None) -> Any:
    """The options of a command, a dataclass.

    Args:
        command: the dataclass.
        prog: how it is called.
        words: what was typed after that.
        default: what holds where nothing is typed; by default the dataclass's own.

    Raises:
        ValueError: a mistake in the words, in one line.
    """
    usual = tyro.MISSING_NONPROP if default is None else default
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            return tyro.cli(command, prog=prog, args=list(words), default=usual)
    except SystemExit as end:
        if end.code != 2:  # it was asked for help, or to stop
            raise
    kinds = flags(command)
    known = sorted(kinds)
    hint = f"`{prog} --help` explains them"
    for typed in _typed_flags(words):
        if _plain(typed) not in known:
            of_recipe = _of_recipe(typed) if "--recipe" in known else ""
            raise ValueError(unknown("option", typed, known, of_recipe + hint))
    said = _condensed(told.getvalue(), kinds)
    if said.startswith("nothing takes") and (named := {"--agent", "--agents"} & {*known}):
        said += f"; options come with their names, as in {named.pop()} ucb"
    raise ValueError(f"{said}; {hint}")


def _of_recipe(flag: str) -> str:
    """How a field of a recipe is given, where an option was typed that may mean one."""
    from prune_env.networks import Recipe  # a second of the processor

    close = near(flag.replace("-", "_"), (field.name for field in fields(Recipe)))
    return f"a recipe has --recipe {'=... or --recipe '.join(close)}=...; " if close else ""


@contextlib.contextmanager
def whole_words() -> Iterator[None]:
    """Mends the script of tyro for shells: an explanation of two lines would offer the second as an
    option.
    """
    script = io.StringIO()
    try:
        with contextlib.redirect_stdout(script):
            yield
    finally:
        for line in script.getvalue().splitlines():
            print(line.replace(r"\n", " ") if line.startswith("COMPLETION_SPEC") else line)


def flags(command: type) -> dict[str, Any]:
    """All options of a command as they are typed, and the types of their values."""
    found: dict[str, Any] = {"--help": bool}
    marked, hints = get_type_hints(command, include_extras=True), get_type_hints(command)
    for field in fields(command):
        kind, name = hints[field.name], field.name.replace("_", "-")
        if isinstance(kind, type) and is_dataclass(kind):
            found |= flags(kind)
        elif POSITIONAL not in get_args(marked[field.name]):
            found[f"--{name}"] = kind
            if kind is bool:
                found[f"--no-{name}"] = kind
    return found


def given_flags(words: Sequence[str]) -> Iterator[str]:
    """The options among the words of a command line, without their values, spelled with -."""
    return map(_plain, _typed_flags(words))


def _typed_flags(words: Sequence[str]) -> Iterator[str]:
    """The same as they were typed."""
    return (word.partition("=")[0] for word in words if re.match(r"--[^\W\d]", word))


def _plain(flag: str) -> str:
    """An option as the parser spells it."""
    return flag.replace("_", "-")


def _condensed(box: str, kinds: dict[str, Any]) -> str:
    """What the parser says in a box of several lines, as far as it is about the mistake."""
    box = re.sub(r"\x1b\[[\d;]*m", "", box)  # colours, where the standard output is a terminal
    lines = [line.strip("│|╭╮╰╯ ") for line in box.splitlines()[1:]]  # below its title
    lines = ["" if set(line) <= set("─-") else line for line in lines]
    said = "\n".join(lines).strip().partition("\n\n")[0]  # up to the next rule or blank line
    text = " ".join(said.split()).rstrip(".")
    text = re.sub(r"__tyro.dummy.inner__\.?", "", text)
    text = re.sub(r"^Error parsing [^-\s]\S*: ", "", text)  # a dataclass refuses, no option
    if left := re.fullmatch(r"Unrecognized options: (\S+)", text):
        return f"nothing takes {left[1]!r}"
    value = re.match(rf"Error parsing (\S+): .*(?:{NO_VALUE}) .*?\[?'(.*)'\]?$", text)
    if not value:
        return text
    flag, typed = value[1], value[2].replace("', '", " ")
    return f"{flag} is {typed!r}; expected {kind_of(kinds[flag])}"
