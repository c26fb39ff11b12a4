"""`prune-env regimes`: when choosing pays, over the size of the data, the epochs, the network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from prune_bench.commands.board import Board, go_on
from prune_bench.studies.regimes import Cell, RegimesOptions
from prune_env.checks import In
from prune_env.files import replacing


@dataclass(frozen=True)
class Regimes:
    """Map where hardest-first, easiest-first and random choice beat fewer epochs, and how far."""

    cells: tyro.conf.OmitArgPrefixes[RegimesOptions] = field(default_factory=RegimesOptions)
    out: Path = Path("regimes")
    """folder of the board underneath; what is there already is not run again"""
    jobs: Annotated[int, In("[1, inf)")] = 1
    """runs at a time"""
    data: str | None = None
    """folder of the data, or one with folders cifar10 and cifar100; by default PRUNE_ENV_DATA"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""
    retry_failed: bool = False
    """try the runs again that failed before"""

    def main(self, console: Console) -> None:
        """Run what is missing and show the map."""
        from prune_bench.board.pinning import make_learner
        from prune_bench.run.options import Place
        from prune_bench.studies import regimes
        from prune_bench.studies.explanations import explained

        board = regimes.Map(self.out.resolve())
        grids = list(regimes.grids(self.cells, regimes.sizes_of(self.cells, self.data)))
        for run in {grid.network: grid.runs()[0] for grid in grids}.values():
            make_learner(run, Place(self.data, "cpu"))  # before the board has what nobody can run
        for grid in grids:
            board.add(grid)
        engine = Board(
            jobs=self.jobs, data=self.data, device=self.device, retry_failed=self.retry_failed
        )
        view = engine.work_off(board, None, console)
        cells = regimes.read_cells(board.folder)
        console.print(regimes.table(cells))
        console.print(explained(cells))
        if cells:
            self._draw(cells, console)
        for problem in view.problems():
            console.print(problem)
        if view.failed or view.diverged:
            sys.exit(1)

    def _draw(self, cells: Sequence[Cell], console: Console) -> None:
        """Draw the map, where what draws is installed."""
        try:
            from prune_bench.report.charts.regimes_picture import picture
        except ImportError:
            console.print("a picture needs: pip install 'prune_env[report]'")
            return
        path = self.out / "map.png"
        with replacing(path) as file:
            file.write_bytes(picture(cells))
        console.print(f"picture: {path.resolve().as_uri()}", soft_wrap=True)

    def on_stop(self) -> str:
        """How to go on."""
        return go_on(self.out)
