"""`prune-env submit`: a board becomes one file, if it is fit to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from prune_bench.commands.report import require_board
from prune_env.text import number


@dataclass(frozen=True)
class Submit:
    """Check a board and make one file of it, to be sent and verified; docs/submitting.md."""

    folder: tyro.conf.Positional[Path]
    """folder of the board"""
    out: Path | None = None
    """file to write; by default the folder's name with the digest, where you are"""

    def main(self, console: Console) -> None:
        """Check it and write the file."""
        from prune_bench.run.pairs import agent_label
        from prune_bench.submission import archive
        from prune_bench.submission.check import check

        require_board(self.folder)
        found = check(self.folder)
        names = [f"runs/{name}.json" for name in found.results]
        names += [f"failed/{name}.json" for name in found.failures]
        packed, digest = archive.pack(self.folder, ["board.yaml", *names])
        out = self.out or Path(f"{self.folder.resolve().name}-{digest[:12]}.zip")
        if out.exists() and out.read_bytes() != packed:
            raise FileExistsError(f"{out} is there already, with something else; name another file")
        archive.write(out, packed)
        agents = {
            agent_label(result.options["agent"], result.options["agent_options"])
            for result in found.results.values()
        }
        console.print(
            f"{out}: {number(len(found.results), 'run')} of {number(len(agents), 'agent')}, "
            f"{len(packed) / 1e3:,.0f} kB\ndigest {digest}",
            soft_wrap=True,
        )
        for note in found.notes:
            console.print(f"to be said of it: {note}", soft_wrap=True)
