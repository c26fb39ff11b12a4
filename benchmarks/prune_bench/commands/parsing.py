"""From the words of a command line to options; a mistake in them is one line."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

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
    kinds = flags(command)
    _refuse_twice(kinds, words)
    usual = tyro.MISSING_NONPROP if default is None else default
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            return tyro.cli(command, prog=prog, args=[*words], default=usual, registry=REGISTRY)
    except SystemExit as end:
        if end.code != 2:  # it was asked for help, or to stop
            raise
    known = sorted(kinds)
    hint = f"`{prog} --help` explains them"
    for typed in _typed_flags(words):
        if _plain(typed) not in known:
            of_recipe = _of_recipe(typed, known) if "--recipe" in known else ""
            raise ValueError(unknown("option", typed, known, of_recipe + hint))
    raise ValueError(f"{_condensed(told.getvalue(), kinds, words)}; {hint}")


REGISTRY = tyro.constructors.ConstructorRegistry()


@REGISTRY.struct_rule
def _options(
    kind: tyro.constructors.StructTypeInfo,
) -> tyro.constructors.StructConstructorSpec | None:
    """The options of a dataclass, each explained by the string under it as one paragraph."""
    if not is_dataclass(kind.type) or kind.type.__module__.startswith("tyro."):
        return None
    hints = get_type_hints(kind.type, include_extras=True)
    usual = vars(kind.default) if isinstance(kind.default, kind.type) else {}
    return tyro.constructors.StructConstructorSpec(
        instantiate=kind.type,
        fields=tuple(
            tyro.constructors.StructFieldSpec(
                name=field.name,
                type=hints[field.name],
                default=usual.get(field.name, default_of(field)),
                helptext=partial(_doc, kind.type, field.name),  # read where help is asked for
            )
            for field in fields(kind.type)
        ),
    )


def default_of(field: Field[Any]) -> Any:
    """What holds where an option is not typed; the parser's sign where it must be."""
    if field.default_factory is not MISSING:
        return field.default_factory()
    return tyro.MISSING if field.default is MISSING else field.default


def _doc(cls: type, name: str) -> str | None:
    return field_docs(cls).get(name)


@cache
def field_docs(cls: type) -> dict[str, str]:
    """The string under each field of a dataclass and its bases, by the name of the field."""
    docs = {}
    for base in reversed(cls.__mro__[:-1]):
        [node] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(node, ast.ClassDef)
        for field, below in pairwise(node.body):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    docs[name] = " ".join(text.split())
    return docs


@REGISTRY.primitive_rule
def _whole_numbers(
    kind: tyro.constructors.PrimitiveTypeInfo,
) -> tyro.constructors.PrimitiveConstructorSpec[int] | None:
    """Whole numbers may be written as in presets: 1e5."""
    if kind.type is not int:
        return None
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="INT",
        instance_from_str=lambda words: _whole(words[0]),
        is_instance=lambda value: isinstance(value, int) and not isinstance(value, bool),
        str_from_instance=lambda value: [str(value)],
    )


def _whole(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        if not float(word).is_integer():
            raise
        return int(float(word))


def _refuse_twice(kinds: dict[str, Any], words: Sequence[str]) -> None:
    """Refuse an option of several values that is there twice: only the last would count."""
    given = list(given_flags(words))
    for flag in given:
        if given.count(flag) > 1 and get_origin(kinds.get(flag)) in (tuple, dict):
            raise ValueError(f"{flag} is there twice; its values follow one {flag}, with blanks")


def _of_recipe(flag: str, known: Sequence[str]) -> str:
    """How a field of a recipe is given, where that is likelier meant than an option."""
    from prune_env.networks import Recipe  # a second of the processor

    close = near(flag, [*known, *(field.name for field in fields(Recipe))])
    meant = [name for name in close if name not in known]
    likely = close[:1] == meant[:1] != []
    return f"a recipe has --recipe {'=... or --recipe '.join(meant)}=...; " if likely else ""


def of_commas(said: str, command: type, words: Sequence[str]) -> str:
    """What to add to a refusal that is of a value with commas, of an option that takes several.

    Args:
        said: why it was refused; it quotes the value.
        command: the dataclass.
        words: what was typed after the command's name.
    """
    kinds, flag = flags(command), ""
    said = said.replace(" ", "")  # a narrow terminal breaks lines at commas
    for word in words:
        if word.startswith("--"):
            flag, _, word = word.partition("=")
        takes_several = get_origin(kinds.get(_plain(flag))) in (tuple, dict)
        values = (of.replace(" ", "") for of in (word, word.partition("=")[2]))
        if takes_several and any("," in value and value in said for value in values):
            return "; several are separated by blanks"
    return ""


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


def _condensed(box: str, kinds: dict[str, Any], words: Sequence[str]) -> str:
    """What the parser says in a box of several lines, as far as it is about the mistake."""
    box = re.sub(r"\x1b\[[\d;]*m", "", box)  # colours, where the standard output is a terminal
    lines = [line.strip("│|╭╮╰╯ ") for line in box.splitlines()[1:]]  # below its title
    lines = ["" if set(line) <= set("─-") else line for line in lines]
    said = "\n".join(lines).strip().partition("\n\n")[0]  # up to the next rule or blank line
    text = " ".join(said.split()).rstrip(".")
    text = re.sub(r"__tyro.dummy.inner__\.?", "", text)
    text = re.sub(r"^Error parsing [^-\s]\S*: ", "", text)  # a dataclass refuses, no option
    if left := re.fullmatch(r"Unrecognized options: (.+)", text):
        return _left_over(left[1].split(", "), kinds, words)
    if lacks := re.fullmatch(r"Missing from [^:]+: (\S+) (.+) \(required\)", text):
        return f"{lacks[1]} is missing: {lacks[2]}"
    value = re.match(rf"Error parsing (\S+): .*(?:{NO_VALUE}) .*?\[?'(.*)'\]?$", text)
    if not value:
        return text
    flag, typed = value[1], value[2].replace("', '", " ")
    return f"{flag} is {typed!r}; expected {kind_of(kinds[flag])}"


def _left_over(left: list[str], kinds: dict[str, Any], words: Sequence[str]) -> str:
    """What is said of words that no option takes: those after a value may have been meant for it.

    A whole number whose option is named in the plural is a count.
    """
    said = f"nothing takes {', '.join(map(repr, left))}"
    apart = [w for word in words for w in (word.split("=", 1) if word[:2] == "--" else [word])]
    before = apart[: apart.index(left[0])][-2:] if left[0] in apart else []
    flag = _plain(before[0]) if len(before) == 2 else ""
    types = {kinds.get(flag), *get_args(kinds.get(flag))}
    if int in types and flag.endswith("s") and left[0].isdecimal():
        return f"{flag} is how many, such as 3; {said}"
    if types & {str, Path}:
        return f"{flag} takes one value, and {said}; one with blanks is quoted"
    named = sorted({"--agent", "--agents"} & {*kinds})
    return f"{said}; options come with their names, as in {named[0]} ucb" if named else said
