"""A page for each command, from its options."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro
from prune_bench.commands.main import COMMANDS
from prune_bench.commands.parsing import POSITIONAL, default_of, field_docs

from docsite.markdown import definitions, table
from prune_env.checks import ranges


def pages() -> dict[str, str]:
    """Name -> text of every page."""
    rows = [(f"[prune-env {name}](commands/{name}.md)", _says(name)) for name in COMMANDS]
    overview = f"""# Commands

`prune-env COMMAND --help` prints what is here. A mistake ends with one line and exit status 2, a
run that fails or diverges with 1.

{table(("command", "what it does"), rows)}"""
    return {"commands": overview} | {f"commands/{name}": _page(name) for name in COMMANDS}


def _says(name: str) -> str:
    return inspect.getdoc(COMMANDS[name]) or ""


def _page(name: str) -> str:
    return f"""# prune-env {name}

{_says(name)}

{definitions(_entries(COMMANDS[name])) or "It has no options."}"""


def _entries(cls: type, command: Any = None) -> Iterator[tuple[str, str, str, str]]:
    """Its options and those of the dataclasses in it: term, what it is, allowed, default.

    Args:
        cls: the command, or what is in it.
        command: one with other defaults.
    """
    docs, allowed = field_docs(cls), ranges(cls)
    hints = get_type_hints(cls, include_extras=True)
    for field in fields(cls):
        usual, (kind, *marks) = _usual(field, command), _parts(hints[field.name])
        if is_dataclass(usual):
            yield from _entries(type(usual), usual)
            continue
        text = next((mark.help for mark in marks if getattr(mark, "help", None)), None)
        interval = f"in {allowed[field.name].interval}" if field.name in allowed else ""
        term = _term(field.name, kind, POSITIONAL in marks)
        yield term, text or docs.get(field.name, ""), interval, _shown(usual)


def _usual(field: Field[Any], command: Any) -> Any:
    if command is not None:
        return getattr(command, field.name)
    usual = default_of(field)
    return None if usual is tyro.MISSING else usual


def _parts(hint: Any) -> tuple[Any, ...]:
    """A type and what is marked at it."""
    return get_args(hint) if get_origin(hint) is Annotated else (hint,)


def _term(field: str, kind: Any, is_positional: bool) -> str:
    """How an option is typed: `--seeds` INT."""
    name = field.replace("_", "-")
    if is_positional:
        return f"`{name.upper()}`"
    if kind is bool:
        return f"`--{name}`, `--no-{name}`"
    return f"`--{name}` {_takes(kind)}"


def _takes(kind: Any) -> str:
    """What follows an option, in words: `INT`, `PATH`, `semi|full`, `KEY=VALUE ...`."""
    kind, *_ = _parts(kind)
    inside = [part for part in get_args(kind) if part not in (type(None), Ellipsis)]
    if get_origin(kind) is Literal:
        return f"`{'|'.join(map(str, inside))}`"
    if get_origin(kind) is tuple:
        return f"{_takes(inside[0])} `...`"
    if get_origin(kind) in (dict, Mapping):
        return "`KEY=VALUE ...`"
    return " or ".join(map(_takes, inside)) if inside else f"`{kind.__name__.upper()}`"


def _shown(usual: Any) -> str:
    if usual in (None, "", (), {}):
        return ""
    return " ".join(map(str, usual)) if isinstance(usual, tuple) else str(usual)
