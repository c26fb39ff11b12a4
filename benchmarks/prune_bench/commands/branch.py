"""`prune-env branch`: what one round on a group of arms is worth."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import tyro
from rich.console import Console

from prune_bench.run.options import Place
from prune_bench.studies.branch import BranchOptions


@dataclass(frozen=True)
class Branch:
    """From one state of a run, train a round on different groups of arms, and compare."""

    branch: tyro.conf.OmitArgPrefixes[BranchOptions] = field(default_factory=BranchOptions)
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)
    json: bool = False
    """print every draw as one JSON object and nothing else"""

    def main(self, console: Console) -> None:
        """Run all branches."""
        from prune_bench.studies import branch

        if self.json:
            print(json.dumps(branch.branch(self.branch, self.place), sort_keys=True))
            return
        with console.status(f"making {self.branch.run.env}") as status:
            branches = branch.branch(
                self.branch,
                self.place,
                lambda done, total: status.update(f"{done} of {total} branches"),
            )
        console.print(branch.table(branches))
