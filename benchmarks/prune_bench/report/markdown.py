"""Tables of Markdown, as the blocks of README and docs have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prune_bench.standings.statistics import Estimate
from prune_bench.standings.verdict import points


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown themselves."""
    lines = [_line(headings), "|---" * len(headings) + "|", *map(_line, rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def bold_if_certain(lead: Estimate | None, sign: int) -> str:
    """A lead in points, bold where its sign is not 0."""
    text = points(lead, signed=True)
    return f"**{text}**" if sign else text
