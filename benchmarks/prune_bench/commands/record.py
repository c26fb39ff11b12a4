"""`prune-env record`: a run becomes a rung."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import tyro
from rich.console import Console

from prune_bench.run.options import Place, RunOptions


@dataclass(frozen=True)
class Record:
    """Run one agent and write what was measured of every arm in every round: a trace."""

    run: tyro.conf.OmitArgPrefixes[RunOptions] = field(
        default_factory=lambda: RunOptions(agent="full", keep_ratio=1.0, evaluate_every=1)
    )
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)
    out: Path = Path("trace.npz")
    """file to write, for `gym.make("prune_env:prune_env/Replay-v0", trace=...)`"""
    overwrite: bool = False
    """write it even where there is one"""

    def main(self, console: Console) -> None:
        """Record it."""
        if self.out.exists() and not self.overwrite:
            raise FileExistsError(f"{self.out} is there already; --overwrite replaces it")
        from prune_bench.commands.run_view import RunProgress
        from prune_bench.run.episode import Episode
        from prune_env.files import replacing
        from prune_env.learners.replay.trace import SIGNALS, record

        with console.status(f"making {self.run.env}"):
            episode = Episode(self.run, self.place, signals=SIGNALS)
        with console.status(f"what {self.run.agent} wants before its run"):
            episode.prepare(patient=True)
        # The file is opened before the run: a folder that cannot be written to costs no training.
        with replacing(self.out) as file, RunProgress(console, self.run) as progress:
            trace = record(
                episode.env,
                episode.agent,
                file,
                self.run.seed,
                episode.agent_state,
                progress.on_round,
            )
        num_arms, rounds = trace.loss.shape
        size = self.out.stat().st_size
        console.print(
            f"{self.out}: {num_arms:,} arms, {rounds} rounds, {size / 1e3:,.0f} kB, "
            f"test accuracy {trace.test_accuracy[-1]:.2%}\n"
            f'gym.make("prune_env:prune_env/Replay-v0", trace="{self.out}")',
            soft_wrap=True,
            highlight=False,
        )

    def on_stop(self) -> str:
        """How to go on."""
        return f"nothing is kept before the end, {self.out} is as it was; begin again"
