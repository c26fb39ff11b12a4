"""`prune-env verify`: a drawn part of somebody's board is run again."""

from __future__ import annotations

import secrets
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console

from prune_bench.report.terminal import Fitted
from prune_bench.run.options import Place
from prune_bench.run.sources import import_from_here
from prune_env.checks import In, check_ranges
from prune_env.text import number

if TYPE_CHECKING:
    from prune_bench.run.result import Result
    from prune_bench.submission.again import Again

HOLDS = {True: "holds", False: "DOES NOT HOLD"}


@dataclass(frozen=True)
class Verify:
    """Check a submission or a board, run a drawn part of it again and compare."""

    result: tyro.conf.Positional[Path]
    """file that `prune-env submit` made, or the folder of a board"""
    sample: Annotated[int, In("[0, inf)")] = 2
    """runs to do again; 0 checks the files only"""
    seed: Annotated[int, In("[0, inf)")] | None = None
    """draws them; by default a new one that nobody can foresee, which is said"""
    data: str | None = None
    """folder, file or hub name of the data; by default the variable PRUNE_ENV_DATA"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""
    trust: bool = False
    """draw among the runs that need code of their own too, and import that code"""

    def main(self, console: Console) -> None:
        """Verify it."""
        from prune_bench.submission import again, archive
        from prune_bench.submission.check import check

        check_ranges(self)
        if self.trust:
            import_from_here()
        with archive.opened(self.result) as folder, console.status(f"reading {self.result}"):
            found = check(folder)
        results = list(found.results.values())
        runs = number(len(results), "run")
        console.print(f"{self.result}: {runs}, their files are whole", soft_wrap=True)
        for note in found.notes:
            console.print(f"to be said of it: {note}", soft_wrap=True)
        mine = {n for n, r in found.results.items() if self.trust or not again.code_of(r)}
        if left_out := len(results) - len(mine):
            one, many = "run needs code of its own and is", "runs need code of their own and are"
            console.print(f"{number(left_out, one, many)} not drawn; see --trust")
        lacking = {name: why for name in mine if (why := again.absent(found.results[name]))}
        mine -= lacking.keys()
        for why, count in Counter(lacking.values()).items():
            are = number(count, "run is", "runs are")
            console.print(f"{are} not drawn: {why}; it has to lie here as there", soft_wrap=True)
        if not self.sample:
            console.print("nothing was run again; --sample N does so with N runs")
            return
        seed = secrets.randbelow(1 << 32) if self.seed is None else self.seed
        if not mine:
            raise ValueError(f"none of {runs} can be run again here")
        names = again.draw(mine, self.sample, seed)
        took = sum(found.results[name].wall for name in names)
        console.print(
            f"drawn by --seed {seed}: {number(len(names), 'run')}, which took {took:,.0f} s there"
        )
        compared: list[Again] = []
        try:
            for name in names:
                there = found.results[name]
                here = self._run_again(there, console)
                seeds, costs = again.seeds_of(there, results), again.costs_of(there, results)
                compared.append(again.compare(there, here, seeds, len(names), costs))
        finally:  # what was compared is said, too, where a later run cannot be
            _show(compared, console)
        if not all(run.holds for run in compared):
            sys.exit(1)

    def _run_again(self, there: Result, console: Console) -> Result:
        """The same run here; it is said before it begins."""
        from prune_bench.submission import again

        console.print(f"running {there.id} again, {there.wall:,.0f} s there", soft_wrap=True)
        if (threads := again.threads_for(there)) < there.threads:
            console.print(
                f"on {number(threads, 'thread')} in place of {there.threads}, which are more "
                "than there are cores here: compared as on another machine",
                soft_wrap=True,
            )
        with console.status("it runs"):
            return again.run_again(there, Place(self.data, self.device))


def _show(compared: list[Again], console: Console) -> None:
    """Print what was compared, if anything was."""
    if compared:
        console.print(_table(compared))
    for run in filter(lambda run: run.said, compared):
        console.print(f"{run.there.id}: {run.said}", soft_wrap=True)


def _table(compared: list[Again]) -> Fitted:
    """A line for each run: accuracies there and here, where others end, and what that means."""
    rows = []
    for run in compared:
        seeds = "[{:.2%}, {:.2%}]".format(*run.interval) if run.interval else "too few or equal"
        told = f"{run.there.last:.2%}", f"{run.here.last:.2%}", seeds
        rows.append((run.there.id, *told, run.found, HOLDS[run.holds]))
    return Fitted(
        ("run", "there", "here", "its seeds", "found", "so it"),
        rows,
        goes=("its seeds", "there", "here"),
    )
