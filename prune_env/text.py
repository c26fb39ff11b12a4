"""Text of others, made harmless for where it is shown.

Names of agents, classes and folders, error messages and results come from users and from strangers'
files. `plain` is for every place; Markdown and spreadsheets read signs of their own beside it. A
page escapes by itself (Jinja's autoescape), and the terminal of the command reads no markup.
"""

from __future__ import annotations

import re
import unicodedata

ACTING = ("Cc", "Cf", "Cn", "Cs", "Zl", "Zp")
"""Categories of characters that do something, or are none: controls, marks that turn the direction
of writing, ends of lines and paragraphs, halves of characters."""

JOINERS = "\u200c\u200d"
"""Of those what writing needs: within words, and within emoji."""

FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""What begins a formula in a spreadsheet, in both widths."""


def plain(text: object) -> str:
    r"""Text on one line in which nothing acts; what would is spelled: \x1b, \n, \u202e.

    Nothing is lost, and two texts that differ still do.
    """
    text = str(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_spelled, text))


def number(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun: "1 run", "2,000 runs"; "1 row is", "2 rows are".

    Args:
        count: 0 or more.
        one: what follows 1.
        many: what follows other counts; by default `one` with an s.
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def sentence(error: object) -> str:
    """The message of an error as one plain line."""
    return plain(re.sub(r"\s*[\r\n]\s*", " ", str(error).strip()))


def markdown(text: object) -> str:
    """Text that Markdown shows as it is, in a table too."""
    return re.sub(r"([\\|<>`*_\[\]~&$#])", r"\\\1", plain(text))


def cell(value: object) -> object:
    """A value for a spreadsheet: text is never a formula, a number stays a number."""
    if not isinstance(value, str):
        return value
    text = plain(value)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text


def _spelled(character: str) -> str:
    if unicodedata.category(character) not in ACTING or character in JOINERS:
        return character
    return character.encode("unicode_escape").decode()
