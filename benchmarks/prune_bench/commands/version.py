"""`prune-env --version`: what a report of a fault begins with."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version

from rich.console import Console

from prune_bench.run.provenance import PACKAGES, commit
from prune_env import __version__


@dataclass(frozen=True)
class Version:
    """Say which version this is, of which commit, and what it runs on."""

    def main(self, console: Console) -> None:
        """Print it in one line."""
        at = f" ({found})" if (found := commit()) else ""
        others = ", ".join(f"{name} {version(name)}" for name in PACKAGES[1:])
        line = f"prune-env {__version__}{at}, Python {platform.python_version()}, {others}"
        console.print(line, soft_wrap=True)
