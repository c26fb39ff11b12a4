"""Recorder: what a loop shows of every arm, epoch by epoch, for agents that choose by that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.checks import in_a_line
from prune_env.core.rounds import Rounds
from prune_env.core.signals import MEASURED, TRAIN
from prune_env.core.traces import Traces
from prune_env.text import number
from prune_env.training import notes
from prune_env.training.measuring import UNTOLD


class Recorder:
    """Keeps the table of arms after every epoch.

    With `features` it keeps `gradient_norm` too, the 2-norm of the gradient of the loss by the last
    linear layer: that by its output is `error_norm` long. It is of the training pass, where a prior
    run in the environment takes a pass of its own after it.

    Args:
        bias: whether that layer has one.
    """

    def __init__(self, bias: bool) -> None:
        self.bias = bias
        self.rows: list[dict[str, NDArray[np.float32]]] = []

    def keep(self, rounds: Rounds, only_losses: bool) -> None:
        """Take the table as it is, (N,) float32 a signal; of a loop of losses what those tell."""
        untold = UNTOLD if only_losses else ()
        measured = {n: table for n, table in rounds.arms.measured.items() if n not in untold}
        row = {name: table[0].copy() for name, table in measured.items() if table.ndim == 2}
        if "features" in measured and "error_norm" in measured:
            squares = np.square(measured["features"][0]).sum(axis=1)
            row["gradient_norm"] = row["error_norm"] * np.sqrt(squares + self.bias)
        self.rows.append(row)

    def traces(self, rounds: Rounds) -> Traces:
        """What there is so far, of one run.

        Raises:
            ValueError: no epoch is over.
        """
        if not self.rows:
            raise ValueError("no epoch is over, so there are no traces; expected 1 or more")
        features = rounds.arms.measured.get("features")
        names = [name for name in self.rows[0] if all(name in row for row in self.rows)]
        return Traces(
            signals={n: np.stack([row[n] for row in self.rows])[None] for n in names},
            passes=int(rounds.ledger.charged[0]),
            seconds=sum(rounds.clock.wall.values()),
            cpu_seconds=sum(rounds.clock.cpu.values()),
            labels=rounds.arms.labels,
            features=None if features is None else features.copy(),
        )


def begun(agent: Any, traces: Traces | None, who: str) -> Any:
    """What an agent knows before the first epoch, after what a prior run has shown.

    Raises:
        ValueError: that has not shown what it reads.
    """
    try:
        return agent.begin(traces) if traces else None
    except KeyError as error:
        if not (traces and error.args[0] in MEASURED and error.args[0] not in traces.signals):
            raise
        raise ValueError(
            f"{who} reads {error.args[0]} of a prior run, which these traces do not have; record "
            "it where samples have classes"
        ) from error


def read_prior(
    given: Any, wanted: Any, who: str, num_arms: int, labels: NDArray[np.int64] | None
) -> Traces | None:
    """The traces that an agent wants, from what was given; None where it wants none.

    Args:
        given: traces, the path of a file of them, or a list of such: one for each prior run.
        wanted: the `Prior` of the agent.
        who: its name.
        num_arms: N.
        labels: (N,) of the data set, where they are known. Other ones are only noted: some may
            have been put right, or classes numbered otherwise.

    Raises:
        ValueError: they are of other data, or do not show what is wanted.
    """
    if wanted is None:
        return None
    parts = given if isinstance(given, list | tuple) else [given]
    strange = [p for p in parts if not (hasattr(p, "signals") or isinstance(p, str | Path))]
    if strange or not parts:
        raise ValueError(
            f"prior is {in_a_line(strange[0] if strange else given)}; expected what traces() "
            "gives, a file of that, or a list of such"
        )
    runs = [part if hasattr(part, "signals") else Traces.load(part) for part in parts]
    traces = Traces.join(runs) if len(runs) > 1 else runs[0]
    shape = np.shape(traces.signals["loss"])
    if shape[2] != num_arms:
        raise ValueError(f"the prior run is of {shape[2]} samples; the data set has {num_arms}")
    told = labels is not None and traces.labels.any()
    if told and (different := int(np.count_nonzero(traces.labels != labels))):
        notes.other_labels(different, num_arms)
    if shape[0] < wanted.runs or shape[1] < wanted.rounds:
        raise ValueError(
            f"{who} wants {number(wanted.runs, 'prior run')} of {wanted.rounds} epochs; the traces "
            f"are of {shape[0]} of {shape[1]}"
        )
    if missing := [name for name in wanted.extra if name not in traces.signals]:
        raise ValueError(
            f"{who} wants {', '.join(missing)} of a prior run, which these traces do not have"
        )
    if wanted.features and traces.features is None:
        raise ValueError(
            f"{who} wants the features of a prior run; record it with model= and "
            "signals=('features',)"
        )
    if wanted.halves and traces.trained is None:
        raise ValueError(
            f"{who} wants prior runs that leave out one half of the arms each, which only "
            "prune_agents.prior.record makes"
        )
    share = traces.passes / (TRAIN * np.prod(shape))
    if traces.trained is None and share < 1:
        notes.pruned_prior(share, who)
    return traces if wanted.features else traces.first(wanted.rounds)
