"""One run of a board, done by the first process that claims it: on this machine or on Ray."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from prune_bench.board import claims
from prune_bench.board.board import Board
from prune_bench.board.pins import Pins
from prune_bench.run import stopping
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.provenance import Provenance
from prune_bench.run.run_id import run_id
from prune_env.files import is_disk_trouble, replacing, write_json


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    kind: Literal["done", "failed", "held", "paused"]
    """"held": another process does it; "paused": a disk is full or fails"""
    message: str = ""
    """what the disk says"""
    result: dict[str, Any] | None = None
    """of a run that is over, where the disk did not take it"""


def do_run(
    options: RunOptions,
    folder: Path,
    place: Place,
    checkpoint_seconds: float = 60.0,
    pins: Pins | None = None,
    arms: bool = False,
) -> Outcome:
    """Do a run, from its last checkpoint if there is one, and file its result or its failure.

    Args:
        options: which run.
        folder: of the board.
        place: where it happens.
        checkpoint_seconds: at least so long between two checkpoints.
        pins: of the board when it began; another one over the same folder may pin a source anew.
            None: those of board.yaml.
        arms: write what was measured of every arm too.
    """
    board = Board(folder)
    expected = (pins or board.read()[1]).of(options)
    name = run_id(options, expected)
    result = None
    try:
        claim = claims.take(board.work, name)
        if claim is None:
            return Outcome("held")
        with claim:
            if not board.is_open(name):  # another process finished it before it gave up the claim
                return Outcome("done" if board.result_path(name).exists() else "failed")
            try:
                result = _from_checkpoint(
                    options,
                    expected,
                    replace(place, priors=board.priors),
                    board.checkpoint_path(name),
                    checkpoint_seconds,
                    board.arms_path(name) if arms else None,
                )
                file_result(board, name, result)
            except claims.Held:  # by the process that does the prior run
                return Outcome("held")
            except Exception as error:
                if is_disk_trouble(error):
                    raise
                message = f"{type(error).__name__}: {error}"
                file_failure(board, name, options, message, traceback.format_exc())
                return Outcome("failed")
            return Outcome("done")
    except Exception as error:
        if not is_disk_trouble(error):
            raise
        return Outcome("paused", str(error), result)


def file_result(board: Board, name: str, result: dict[str, Any]) -> None:
    """Record how a run ended; a signal waits until that is done."""
    with stopping.delayed():
        write_json(board.result_path(name), result)
        board.checkpoint_path(name).unlink(missing_ok=True)


def file_failure(board: Board, name: str, options: RunOptions, error: str, trace: str = "") -> None:
    """Record why a run failed. It is tried again on request only, then from its checkpoint."""
    content = {"options": vars(options), "error": error, "traceback": trace}
    write_json(board.failure_path(name), content)


def _from_checkpoint(
    options: RunOptions,
    expected: Provenance,
    place: Place,
    path: Path,
    checkpoint_seconds: float,
    arms: Path | None,
) -> dict[str, Any]:
    """The result of a run that goes on from `path`, and leaves checkpoints there.

    What was measured of every arm is written to `arms`.

    Raises:
        ValueError: it would not be the run that is expected.
    """
    from prune_bench.run import checkpoint  # PyTorch takes seconds to import; planning needs none
    from prune_bench.run.episode import Episode

    episode = Episode(options, place, scores=arms is not None)
    if other := episode.provenance.differences(expected):
        raise ValueError(f"not the run of this board: {', '.join(other)}")
    keeper = checkpoint.Keeper(path, episode.identity(), checkpoint_seconds)
    if (state := keeper.load()) is not None:
        episode.load_state_dict(state)
    with keeper:
        while not episode.terminated:
            episode.step()
            keeper.keep(episode.state_dict())
    if arms is not None and episode.arm_scores:
        with replacing(arms) as temporary:
            episode.arm_scores.write(temporary, arms.suffix)
    return episode.result()
