"""`prune-env envs`: what can be trained."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console

from prune_bench.report.terminal import Listed


@dataclass(frozen=True)
class Envs:
    """List the environments, one line each."""

    def main(self, console: Console) -> None:
        """List them."""
        from prune_env import ENVIRONMENTS
        from prune_env.wrappers.small_ids import base_id

        console.print(Listed({i: line for i, line in ENVIRONMENTS.items() if base_id(i) == i}))
        console.print(
            "\nEach has two twins with a flat observation for Stable-Baselines3: -Scores-v0, whose "
            "action is a weight for each signal, and -Rules-v0, whose action is a rule's number."
        )
