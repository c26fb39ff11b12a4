"""A single run as `prune-env run` does it: its checkpoint and its trained network are kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from prune_bench.commands.run_view import RunProgress
from prune_bench.run import checkpoint
from prune_bench.run.episode import Episode
from prune_bench.run.evaluation import said
from prune_bench.run.options import Place, RunOptions
from prune_env.files import replacing
from prune_env.learners.network.learner import NetworkLearner
from prune_env.learners.ranks import Ranks
from prune_env.text import number

CHECKPOINT_SECONDS = 60.0
"""At least so long between two writes of the checkpoint."""


def run(
    options: RunOptions,
    place: Place,
    kept: Path | None,
    network: Path | None,
    scores: Path | None,
    progress: RunProgress,
    on_end: Callable[[dict[str, Any]], None],
    on_kept: Callable[[], None],
) -> None:
    """Run one episode to its end. Of several processes the first writes files.

    Args:
        options: what determines the run.
        place: where it happens.
        kept: the checkpoint; what is there is gone on from, and it is removed in the end.
        network: where the trained network is saved.
        scores: where it is written what was measured of every arm, .csv or .npz.
        progress: shows the run.
        on_end: called with the result.
        on_kept: called once the checkpoint is one of this run.

    Raises:
        ValueError, OSError: bad options, a checkpoint of something else, or a file that is there
            already or cannot be written; nothing has been trained then.
    """
    status, ranks = progress.console.status, Ranks.here()
    first = ranks.rank == 0
    with ExitStack() as files:
        # Files are opened before the run: a folder that cannot be written to costs no training.
        unfinished, table = (
            path and first and files.enter_context(_new(path)) for path in (network, scores)
        )
        with status(f"making {options.env}"):
            episode = Episode(options, place, scores=scores is not None)
        learner = episode.env.learner
        split = f"{number(learner.num_arms, 'arm')} to choose from"
        if learner.num_validation:
            split += f", {number(learner.num_validation, 'sample')} for validation"
        if isinstance(learner, NetworkLearner):
            split += f", {learner.num_test:,} for the test"
        progress.console.print(split)
        if episode.env.options.evaluate_every > 1:
            when = said(episode.env)
            progress.console.print(f"evaluated after {when}; --evaluate-every N changes that")
        if ranks.size > 1 and not isinstance(learner, NetworkLearner):
            raise ValueError(f"{options.env} trains no network that several processes could share")
        if network and not isinstance(learner, NetworkLearner):
            raise ValueError(f"{options.env} trains no network that {network} could keep")
        if kept is not None:
            keeper = checkpoint.Keeper(kept, episode.identity(), CHECKPOINT_SECONDS)
            there = np.frombuffer(kept.read_bytes() if kept.exists() else b"", np.uint8)
            ranks.agree(there, f"file {kept}")
            if len(there):
                episode.load_state_dict(checkpoint.load(kept, keeper.of))
            elif first:  # also to see whether it can be written
                checkpoint.save(kept, episode.state_dict(), keeper.of)
            on_kept()
            if first:
                files.enter_context(keeper)
        if episode.prior:
            with status(f"the prior run of {options.agent}"):
                episode.prepare(patient=True)
        with progress:
            while not episode.terminated:
                progress.on_round(episode.env, episode.step())
                if kept is not None and first:
                    keeper.keep(episode.state_dict())
        result = episode.result()
        if unfinished:
            torch.save(trained_network(episode), unfinished)
        if table and scores and episode.arm_scores:
            episode.arm_scores.write(table, scores.suffix)
        on_end(result)
    if kept is not None and first:
        kept.unlink(missing_ok=True)


def _new(path: Path) -> AbstractContextManager[Path]:
    """A file to write, where there is none yet."""
    if path.exists():
        raise FileExistsError(f"{path} is there already; name another file, or remove it")
    return replacing(path)


def trained_network(episode: Episode) -> dict[str, Any]:
    """The network of a run and all that is needed to use it: tensors and plain values.

    `torch.load(weights_only=True)` reads it; docs/networks.md shows how.
    """
    learner = episode.env.learner
    return {
        **learner.export(),  # type: ignore[attr-defined]
        "run": asdict(episode.options),
        "test_accuracy": episode.test_accuracy,
    }
