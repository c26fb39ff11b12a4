"""The commands that study a policy by itself: record, branch, inspect and fidelity."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import tyro
from rich.console import Console

from prune_bench.run.options import Place, RunOptions
from prune_bench.run.provenance import import_from_here
from prune_bench.studies.branch import BranchOptions
from prune_bench.studies.fidelity import FidelityOptions
from prune_bench.studies.inspect import InspectOptions


@dataclass(frozen=True)
class Record:
    """Run one agent and write what was measured of every arm in every round: a trace."""

    run: tyro.conf.OmitArgPrefixes[RunOptions] = field(
        default_factory=lambda: RunOptions(agent="full", keep_ratio=1.0)
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
            result = branch.branch(
                self.branch,
                self.place,
                lambda done, total: status.update(f"{done} of {total} branches"),
            )
        console.print(branch.table(result))


@dataclass(frozen=True)
class Inspect:
    """Draw what policies keep, when, how often and how alike: one picture."""

    inspect: tyro.conf.OmitArgPrefixes[InspectOptions] = field(default_factory=InspectOptions)
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)

    def main(self, console: Console) -> None:
        """Draw it."""
        from prune_bench.studies import inspect
        from prune_env.files import replacing

        try:
            from prune_bench.report.charts.inspect_picture import picture
        except ImportError as error:
            raise ImportError("a picture needs: pip install 'prune_env[report]'") from error
        options = self.inspect
        title = f"{options.env}, keep {options.keep_ratio:.0%}, seed {options.seed}"
        with replacing(options.out) as file, console.status(f"making {options.env}") as status:
            runs = inspect.inspect(
                options,
                self.place,
                lambda agent, env: status.update(f"{agent}, round {env.rounds.arms.round[0]}"),
            )
            file.write_bytes(picture(runs, title))
        console.print(f"picture: {options.out.resolve().as_uri()}", soft_wrap=True)


@dataclass(frozen=True)
class Fidelity:
    """Compare the order of agents on the cheap rungs with that on a board of a real network."""

    fidelity: tyro.conf.OmitArgPrefixes[FidelityOptions] = field(default_factory=FidelityOptions)

    def main(self, console: Console) -> None:
        """Run what is missing and compare."""
        import torch

        from prune_bench.studies import fidelity

        if self.fidelity.trust:
            import_from_here()
        torch.set_num_threads(1)  # what the rungs train is fastest on one
        with console.status(f"reading {self.fidelity.board}") as status:
            result = fidelity.compare(
                self.fidelity, lambda rung, agent: status.update(f"{agent} on {rung}")
            )
        console.print(fidelity.table(result))
