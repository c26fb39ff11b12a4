"""Markdown out of what the code says: tables, docstrings, options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any

from prune_bench.commands.parsing import field_docs

from prune_env.checks import ranges

GOOGLE = re.compile(r"^(Args|Returns|Raises|Yields):\n", re.MULTILINE)
TITLES = {"Args": "Argument", "Raises": "Error", "Returns": "Returns", "Yields": "Yields"}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars and line breaks inside of cells are kept from ending them."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(re.sub(r"(?<!\\)\|", r"\\|", text).split())


def of_docstring(thing: Any, level: int = 2) -> str:
    """The docstring of a thing; its headings begin at a level, its sections become tables."""
    text = inspect.getdoc(thing) or ""
    text = re.sub(r"^## ", "#" * level + " ", text, flags=re.MULTILINE)
    body, *sections = GOOGLE.split(text)
    parts = [_flowing(body.strip())]
    for name, section in zip(sections[::2], sections[1::2], strict=True):
        inside = re.match(r"(?:[ ]{4}.*\n?|\n)*", section)
        assert inside
        parts += [_section(name, inspect.cleandoc(inside[0])), section[inside.end() :].strip()]
    return "\n\n".join(part for part in parts if part) + "\n"


def _flowing(text: str) -> str:
    """Paragraphs on one line each, so that a line which begins with "1)" makes no list."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        paragraph
        if any(
            line.startswith((" ", "|", "*", "#", ">", "`" * 3)) for line in paragraph.split("\n")
        )
        else " ".join(paragraph.split())
        for paragraph in paragraphs
    )


def _section(name: str, text: str) -> str:
    """`name: what it is` lines, indented where they go on, as a table."""
    entries = re.findall(r"^(\S[^:\n]*): (.*(?:\n[ ]+.*)*)", text, re.MULTILINE)
    if name in ("Returns", "Yields") or not entries:
        return f"{TITLES[name]}: {text}"
    return table((TITLES[name], "what"), ((f"`{entry}`", what) for entry, what in entries))


def options(cls: type, without: Sequence[str] = ()) -> str:
    """The fields of a dataclass: the default, what is allowed, and what it says of each."""
    docs, allowed = field_docs(cls), ranges(cls)
    return definitions(
        (
            f"`{field.name}`",
            docs.get(field.name, ""),
            f"in {allowed[field.name].interval}" if field.name in allowed else "",
            _default(field),
        )
        for field in fields(cls)
        if field.name not in without and field.init
    )


def definitions(entries: Iterable[tuple[str, str, str, str]]) -> str:
    """A list of terms: each with what it is, what is allowed, and the default, "" for none.

    A list reads well on a phone, where a table of four columns does not.
    """
    lines = []
    for term, text, allowed, usual in entries:
        parts = (
            sentence(text),
            allowed and f"Allowed: {allowed}.",
            usual and f"Default: `{usual}`.",
        )
        lines.append(f"{term}\n: {' '.join(part for part in parts if part) or '–'}\n")
    return "\n".join(lines)


def sentence(text: str) -> str:
    """A text with a capital, unless it begins with a name, and a full stop."""
    text = " ".join(text.split())
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _default(field: Field[Any]) -> str:
    if field.default is None:
        return ""
    if field.default is not MISSING:
        return repr(field.default)
    return repr(field.default_factory()) if field.default_factory is not MISSING else ""
