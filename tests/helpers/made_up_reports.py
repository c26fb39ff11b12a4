"""Reports of results that are made up."""

from __future__ import annotations

import io

from prune_bench.report.page import FILE, write_pictures, write_report
from prune_bench.report.terminal import Terminal
from prune_bench.run.result import Result
from prune_bench.standings import build


def standings(contents, expected=None, failures=()):
    """The standings of results that are made up: what their files say, and a name as `id`."""
    results = [Result(content, content.get("id", "")) for content in contents]
    return build.standings(results, expected, failures)


def printed(table, width=120):
    console = Terminal(width=width, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


HOSTILE = "=cmd|'x'!A1\x1b[31m\n| x | [red] <b>"


def written(folder, standings):
    """The page of a report, whose pictures are drawn too."""
    write_pictures(write_report(folder, standings), folder)
    return folder / FILE
