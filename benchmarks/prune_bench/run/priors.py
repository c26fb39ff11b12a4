"""Prior runs in a folder, so that the policies of a board share them.

A file holds one recording and is named by what determines it. It grows: a policy that wants more
rounds than there are continues from where the file ends, one that wants fewer reads the first of
them. A run is charged for all rounds that it uses, also for those that another run recorded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from prune_agents.prior import Prior, Recording, Traces, record, start_recording

from prune_bench.board import claims
from prune_bench.run import checkpoint
from prune_bench.run.options import RunOptions
from prune_bench.run.provenance import Provenance
from prune_bench.run.run_id import named_options
from prune_env.learners.protocol import Learner

OF_THE_RUN_ALONE = (
    "agent", "keep_ratio", "agent_options", "feedback", "refresh", "evaluate_every",
)  # fmt: skip
"""The options of a run that do not decide its prior runs."""

APART = ("agent", "processes")
"""What of a provenance does not decide them; several processes keep no recordings."""

CHECKPOINT_SECONDS = 60.0
"""At least so long between two copies of an unfinished recording."""


def traces_for(
    learner: Learner,
    prior: Prior,
    options: RunOptions,
    provenance: Provenance,
    epochs: int,
    folder: Path | None,
    patient: bool = False,
) -> Traces:
    """What a policy is shown before its run. Rounds that the folder has not are recorded.

    Args:
        learner: what is trained. Whatever it was doing is over.
        prior: what the policy wants.
        options: of the run that follows.
        provenance: of that run.
        epochs: its length.
        folder: where recordings are kept; None keeps none.
        patient: wait for another process that is at one of them.

    Raises:
        claims.Held: another process is at it.
    """
    if folder is None:
        return record(learner, prior, epochs, options.seed)
    runs = []
    for number in range(prior.runs):
        fresh = partial(start_recording, learner, prior, epochs, options.seed, number)
        name = _name(options, provenance, number, prior, learner, epochs)
        of = checkpoint.circumstances(learner) | {"recording": name}
        keeper = checkpoint.Keeper(folder / f"{name}.pt", of, CHECKPOINT_SECONDS)
        recording = _read(keeper, fresh)
        if recording.rounds < prior.rounds:
            with _claimed(keeper.path, patient):
                recording = _read(keeper, fresh)  # others may have gone on until now
                _extend(keeper, recording, prior.rounds)
        runs.append(recording.traces(prior.rounds, prior.features))
    return Traces.join(runs)


def _name(
    options: RunOptions,
    provenance: Provenance,
    number: int,
    prior: Prior,
    learner: Learner,
    epochs: int,
) -> str:
    """The name of a recording: equal exactly where all that determines it is equal.

    An agent may wish for other epochs and another recipe than the options say: what is made counts.
    """
    key = {n: value for n, value in named_options(options).items() if n not in OF_THE_RUN_ALONE}
    key["made"] = [epochs, repr(getattr(learner, "recipe", None))]
    key["provenance"] = {n: value for n, value in asdict(provenance).items() if n not in APART}
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]
    half = ["half"] if prior.halves else []
    return "-".join([f"s{options.seed}", f"run{number}", *half, *sorted(prior.extra), digest])


def _claimed(path: Path, patient: bool) -> claims.Claim:
    if patient:
        return claims.wait_for(path.parent, path.stem, pause=1.0)
    claim = claims.take(path.parent, path.stem)
    if claim is None:
        raise claims.Held(f"another process is recording {path}; try again when it is done")
    return claim


def _read(keeper: checkpoint.Keeper, fresh: Callable[[], Recording]) -> Recording:
    """The recording of a file; a fresh one where there is no whole file."""
    recording = fresh()
    if (state := keeper.load()) is not None:
        recording.load_state_dict(state)
    return recording


def _extend(keeper: checkpoint.Keeper, recording: Recording, rounds: int) -> None:
    """Record up to so many rounds and keep them; where the disk is full, for this run only."""
    with keeper:
        while recording.rounds < rounds:
            recording.advance()
            keeper.keep(recording.state_dict())
    keeper.write()
