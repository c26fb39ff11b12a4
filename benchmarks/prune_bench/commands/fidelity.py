"""`prune-env fidelity`: how well cheap rungs, or smaller boards, predict boards."""

from __future__ import annotations

from dataclasses import dataclass, field

import tyro
from rich.console import Console

from prune_bench.run.sources import import_from_here
from prune_bench.studies.fidelity import FidelityOptions


@dataclass(frozen=True)
class Fidelity:
    """Compare the order of agents on cheap rungs or smaller boards with that on other boards."""

    fidelity: tyro.conf.OmitArgPrefixes[FidelityOptions] = field(default_factory=FidelityOptions)

    def main(self, console: Console) -> None:
        """Run what is missing and compare."""
        import torch

        from prune_bench.studies import fidelity

        if self.fidelity.trust:
            import_from_here()
        torch.set_num_threads(1)  # what the rungs train is fastest on one
        with console.status("reading the boards") as status:
            comparison = fidelity.compare(
                self.fidelity, lambda rung, agent: status.update(f"{agent} on {rung}")
            )
        console.print(fidelity.table(comparison))
