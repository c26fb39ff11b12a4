"""One run of a board, done by whoever gets to it first: the same for processes and for Ray."""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from prune_bench import claims
from prune_bench.board import Board
from prune_bench.results import run_id
from prune_bench.runner import Place, RunOptions
from prune_env.files import write_json

Outcome = Literal["done", "failed", "held"]
"""What became of a run; "held" means that somebody else is at it."""


def do_run(
    options: RunOptions, folder: Path, place: Place, checkpoint_seconds: float = 60.0
) -> Outcome:
    """Do a run, from its last checkpoint if there is one, and file its result or its failure.

    Args:
        options: which run.
        folder: of the board.
        place: where it happens.
        checkpoint_seconds: at least so long between two checkpoints.
    """
    board, name = Board(folder), run_id(options)
    claim = claims.take(board.work, name)
    if claim is None:
        return "held"
    with claim:
        if not board.is_open(name):  # somebody finished it just before the claim was free
            return "done" if board.result_path(name).exists() else "failed"
        try:
            result = _from_checkpoint(
                options,
                replace(place, priors=board.priors),
                board.checkpoint_path(name),
                checkpoint_seconds,
            )
        except claims.Held:  # by the process that does the prior run
            return "held"
        except Exception as error:
            file_failure(board, options, f"{type(error).__name__}: {error}", traceback.format_exc())
            return "failed"
        write_json(board.result_path(name), result)
        board.checkpoint_path(name).unlink(missing_ok=True)
        return "done"


def file_failure(board: Board, options: RunOptions, error: str, trace: str = "") -> None:
    """Record why a run failed. It will be retried from its beginning, and only on request."""
    name = run_id(options)
    board.checkpoint_path(name).unlink(missing_ok=True)
    content = {"options": vars(options), "error": error, "traceback": trace}
    write_json(board.failure_path(name), content)


def _from_checkpoint(
    options: RunOptions, place: Place, path: Path, checkpoint_seconds: float
) -> dict[str, Any]:
    """The result of a run that goes on from `path`, and leaves checkpoints there."""
    from prune_bench import checkpoint  # PyTorch takes seconds to import; planning needs none
    from prune_bench.runner import Episode

    episode = Episode(options, place)
    if path.exists():
        episode.load_state_dict(checkpoint.load(path))
    saved = time.monotonic()
    while not episode.terminated:
        episode.step()
        if time.monotonic() - saved >= checkpoint_seconds:
            checkpoint.save(path, episode.state_dict())
            saved = time.monotonic()
    return episode.result()
