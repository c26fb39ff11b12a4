"""`prune-env envs`: what can be trained."""

from __future__ import annotations

from dataclasses import dataclass

import tyro
from rich.console import Console

from prune_bench.report.terminal import Listed
from prune_bench.run.pairs import short_name
from prune_env.lookup import unknown


@dataclass(frozen=True)
class Envs:
    """List the environments, one line each, or one with its twins."""

    name: tyro.conf.Positional[str | None] = None
    """the environment to show: its id, or Digits of prune_env/Digits-v0"""

    def main(self, console: Console) -> None:
        """List them."""
        from prune_env import ENVIRONMENTS
        from prune_env.wrappers.small_ids import base_id

        if self.name is not None:
            name = short_name(self.name).lower()
            named = {i: {short_name(of).lower() for of in (i, base_id(i))} for i in ENVIRONMENTS}
            shown = {i: line for i, line in ENVIRONMENTS.items() if name in named[i]}
            if not shown:
                ids = [i for i in ENVIRONMENTS if base_id(i) == i]
                raise ValueError(unknown("environment", self.name, ids))
            console.print(Listed(shown))
            return
        console.print(Listed({i: line for i, line in ENVIRONMENTS.items() if base_id(i) == i}))
        console.print(
            "\nEach has two twins with a flat observation for Stable-Baselines3: -Scores-v0, whose "
            "action is a weight for each signal, and -Rules-v0, whose action is a rule's number."
        )
