"""The terminal: a console in which no text acts, and tables and lists that fit its width."""

from __future__ import annotations

import codecs
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.status import Status
from rich.text import Text

from prune_env.text import plain

GAP = 2
"""Columns between two columns of a table."""

NARROW = 30
"""An explanation stands beside its name where it has so many columns, else beneath."""

SHORT, SHORTEST = 20, 12
"""Columns that names keep before another column has to go, and when all have gone."""

GLUE, WHOLE = "\0", re.compile(r"(?<=[\d,]) (?=[%\[]|points|s\b)|(?<=\[)\S+, (?=\S+\])")
"""What stands for a space at which no line ends, and where there is one."""

SPELLING = str.maketrans(
    {"−": "-", "–": "-", "…": "...", "±": "+-", "·": "|", "▲": "^", "▼": "v", "×": "x"}
    | {"━": "="}
    | dict.fromkeys("─╸╺", "-")
    | dict.fromkeys("│┃", "|")
    | dict.fromkeys("╭╮╰╯├┤┼", "+")
)
"""How signs of ours are written where an encoding lacks them; others are spelled as \\u4e2d."""


def spelled(error: UnicodeError) -> tuple[str, int]:
    """A handler of encoding errors: nothing is lost, and nothing stops."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(SPELLING)
    return text.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error("prune_bench.spelled", spelled)


def spell_out() -> None:
    """Spell characters that the encoding of the output lacks, instead of stopping the program."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="prune_bench.spelled")


class Terminal(Console):
    """A console that shows text as it is: markup is text, and no character acts.

    Where the output is no terminal and COLUMNS is not set, tables have all their columns.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)
        sized = "width" in options or os.environ.get("COLUMNS")
        self.unbounded = not (self.is_terminal or sized)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            lines = segment.text.split("\n")
            yield (
                segment if segment.control else segment._replace(text="\n".join(map(plain, lines)))
            )

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*objects, **({"crop": not self.unbounded} | options))

    def on_broken_pipe(self) -> None:
        """Leave it to the command how it ends, which prints by other ways too."""
        self.quiet = True
        raise BrokenPipeError

    def status(self, status: RenderableType, **options: Any) -> Status:
        spinner = "dots" if self.encoding.startswith("utf") else "line"
        return _LiteralStatus(_literal(status), console=self, spinner=spinner)


class _LiteralStatus(Status):
    """A status that shows its texts as they are: nothing in them is markup."""

    def update(self, status: RenderableType | None = None, **options: Any) -> None:
        super().update(None if status is None else _literal(status), **options)


def _literal(text: RenderableType) -> RenderableType:
    return Text(plain(text)) if isinstance(text, str) else text


class Fitted:
    """A table whose cells are never broken.

    Where it is too wide, the names of the first column are shortened in their middle, then columns
    go one after another; lines beneath have the names in full and say what went.

    Args:
        headings: of the columns, different ones; the first is of names and flush left.
        rows: a cell for each heading.
        goes: headings, the first to go first; then the others, from the right.
        title: a line above.
        styles: of the rows, by default none.
    """

    def __init__(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[str | Text]],
        goes: Sequence[str] = (),
        title: str = "",
        styles: Sequence[str] = (),
    ) -> None:
        self.headings, self.title = list(headings), title
        named = [heading for heading in goes if heading in self.headings]
        self.goes = list(dict.fromkeys([*named, *self.headings[:0:-1]]))
        self.rows = [[_text(cell) for cell in row] for row in rows]
        self.styles = list(styles) or [""] * len(rows)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self._widths(10**6 if getattr(console, "unbounded", False) else options.max_width)
        if self.title:
            yield Text(self.title, "cyan", overflow="fold")
        yield _line([Text(self.headings[place], "bold") for place in widths], widths.values())
        full = {}
        for row, style in zip(self.rows, self.styles, strict=True):
            name = shortened(row[0].plain, widths[0])
            if name != row[0].plain:
                full[row[0].plain] = name
            cells = [Text(name, row[0].style), *(row[place] for place in widths if place)]
            line = _line(cells, widths.values())
            line.stylize_before(style)
            yield line
        for name, short in full.items():
            yield Text(f"{short} is {name}", "dim", overflow="fold")
        if gone := [name for place, name in enumerate(self.headings) if place not in widths]:
            yield Prose(f"columns without room: {'; '.join(gone).lower()}", "dim")

    def _widths(self, room: int) -> dict[int, int]:
        """The width of each column that has room, by its place."""
        cells = [[Text(heading) for heading in self.headings], *self.rows]
        widths = {
            place: max(row[place].cell_len for row in cells) for place in range(len(self.headings))
        }
        names = widths[0]
        for heading in self.goes:
            if _total(widths) - names + min(names, SHORT) <= room:
                break
            del widths[self.headings.index(heading)]
        widths[0] -= min(max(0, _total(widths) - room), max(0, names - SHORTEST))
        return widths


class Listed:
    """Names beside what they mean; beneath, where beside is no room."""

    def __init__(self, lines: Mapping[str, str]) -> None:
        self.lines = {plain(name): plain(line) for name, line in lines.items()}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        indent = max(map(cell_len, self.lines), default=0) + GAP
        beneath = options.max_width - indent < NARROW
        indent = GAP if beneath else indent
        for name, line in self.lines.items():
            wrapped = Text(line).wrap(console, max(1, options.max_width - indent))
            for part in wrapped:
                part.rstrip()
            first = Text(name, "bold")
            if not beneath and wrapped:
                first = Text.assemble(first, " " * (indent - cell_len(name)), wrapped.pop(0))
            yield first
            for rest in wrapped:
                yield Text.assemble(" " * indent, rest)


class Prose:
    """Sentences; no line ends between a number and its unit, nor within an interval."""

    def __init__(self, text: str, style: str = "") -> None:
        self.text, self.style = plain(text), style

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = WHOLE.sub(_glued, self.text)
        for line in textwrap.wrap(text, options.max_width, break_on_hyphens=False):
            yield Text(line.replace(GLUE, " "), self.style)


def _glued(found: re.Match[str]) -> str:
    return found[0].replace(" ", GLUE)


def bar(done: int, total: int, width: int) -> Text:
    """How far it is, in so many columns."""
    filled = width * done // max(1, total)
    return Text.assemble(("━" * filled, "green"), ("─" * (width - filled), "dim"))


def shortened(name: str, width: int) -> str:
    """A name in so many columns; its end says more than its beginning, and its middle goes."""
    if cell_len(name) <= width:
        return name
    head, tail = "", name
    while tail and cell_len(head) + 1 + cell_len(tail) > width:
        tail = tail[1:]
        if len(head) < width // 3:
            head = name[: len(head) + 1]
    return f"{head}…{tail}"


def _total(widths: Mapping[int, int]) -> int:
    """What columns of these widths take."""
    return sum(widths.values()) + GAP * (len(widths) - 1)


def _text(cell: str | Text) -> Text:
    """A cell in which nothing acts."""
    return Text(plain(cell)) if isinstance(cell, str) else Text(plain(cell.plain), cell.style)


def _line(cells: Sequence[Text], widths: Iterable[int]) -> Text:
    """A row: the first cell flush left, the others flush right."""
    line = Text(no_wrap=True, overflow="ignore", end="\n")
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - cell.cell_len)
        gap = " " * GAP if place else ""
        line.append_text(Text.assemble(gap, *((space, cell) if place else (cell, space))))
    line.rstrip()
    return line
