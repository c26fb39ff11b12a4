"""`prune-env train`: an agent of Stable-Baselines3, or the agent `learned`, learns to choose."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

import tyro
from rich.console import Console

from prune_bench.run.schema import THREADS
from prune_bench.training.options import (
    EVOLUTION,
    EvolutionOptions,
    TrainOptions,
    check_together,
)
from prune_env.checks import check_ranges


@dataclass(frozen=True)
class Train:
    """Train an agent of Stable-Baselines3 to choose the data, and compare it with random choice.

    With --algo evolution: search for the weights of `learned`, on --instances instead of --env.
    """

    train: tyro.conf.OmitArgPrefixes[TrainOptions] = field(default_factory=TrainOptions)
    evolution: tyro.conf.OmitArgPrefixes[EvolutionOptions] = field(default_factory=EvolutionOptions)
    threads: Annotated[int, THREADS] = 1
    """threads of PyTorch; small networks are fastest on one"""
    json: bool = False
    """print the scores as one JSON object and nothing else"""

    def main(self, console: Console) -> None:
        """Train it."""
        import torch

        from prune_bench.commands.train_view import TrainProgress
        from prune_bench.training import train

        check_ranges(self)
        check_together(self.train, self.evolution)
        if self.train.algo == EVOLUTION:
            self._evolve(console)
            return
        torch.set_num_threads(self.threads)
        if self.json:
            print(json.dumps(train.train(self.train), sort_keys=True))
            return
        with TrainProgress(console, self.train) as progress:
            scores = train.train(self.train, progress.on_progress)
        progress.print_scores(scores)

    def _evolve(self, console: Console) -> None:
        from prune_bench.commands import evolution_view as view
        from prune_bench.training.evolution import evolve

        if self.json:
            print(json.dumps(evolve(self.train, self.evolution), sort_keys=True))
            return
        told = (partial(of, console) for of in (view.print_generation, view.print_comparison))
        scores = evolve(self.train, self.evolution, *told)
        view.print_weights(console, self.train.out)
        view.print_scores(console, scores)

    def on_stop(self) -> str:
        """How to go on."""
        if self.train.algo == EVOLUTION:
            return f"--resume goes on from the last generation in {self.train.out}"
        if (self.train.out / "model.zip").exists():
            return f"--resume goes on from the last checkpoint in {self.train.out}"
        return "nothing of the training is kept yet"
