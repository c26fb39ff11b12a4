"""Replay: recorded traces of a real run, played back arm by arm; nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.learners.learner import MEASURED, Metrics, Signals, SplitName
from prune_env.learners.traces import Trace, find_trace
from prune_env.selection import Selection

LOSS = MEASURED.index("loss")
CORRECT = MEASURED.index("correct")


@dataclass(frozen=True)
class ReplayOptions:
    """What is replayed and how. Checked when made."""

    trace: Any = "digits"
    """a name in `prune_env.learners.traces.SHIPPED`, an .npz file or a `Trace`"""
    generalisation: float | None = None
    """what an arm gains from the training of others, in [0, 1]; None: measured on the trace"""

    def __post_init__(self) -> None:
        if self.generalisation is not None and not 0 <= self.generalisation <= 1:
            raise ValueError(f"generalisation is {self.generalisation}; allowed is 0 to 1, or None")


class ReplayLearner:
    """M runs over the N arms of a recorded run of T rounds.

    ## The model
    In the recorded run every arm was trained in every round. A run that keeps only some would have
    gone differently; how is modelled, not known. Arm i has a position t_i in its own trace, 0 at
    the start, and shows what the trace has there (linear between two rounds, the last round's
    values from T - 1 on): loss_i(t_i) and the other signals. The network as a whole has a position
    t. A round that keeps the arms S moves them by

        left_i  = max(loss_i(t_i) - loss_i(T - 1), 0)             what is left to learn from arm i
        share   = sum over S of left_i / sum over all of left_i   in [0, 1]
        t       <- t + share
        t_i     <- t_i + (1 - g) [i in S] + g share

    and validation and test metrics are those recorded after round t. So keeping all arms is the
    recorded run, exactly; an arm moves by being kept and, with weight g, by what the network learns
    from the others. A loss weight w counts an arm w times. Where nothing is left, share is K / N.

    g is `generalisation`. By default it is measured: an arm that was never kept should end where
    the validation samples, which never were, ended, so g T is the round in which the mean loss of
    the arms was what the validation loss was at the end.

    ## What this can and cannot answer
    It has the real spread of difficulty over arms, real order of learning, real noise from round to
    round, real label errors; it costs no training and no GPU, so it is a place to develop and debug
    policies and to train agents. It cannot say how good a policy is for a real network: that arms
    which are never learned are worth nothing is an assumption, redundancy between arms is unknown
    (two copies of one image count twice), forgetting of arms that are left out is absent, and the
    learning-rate schedule is the recorded one: a run of fewer rounds than T stops in the middle of
    it, with a network whose learning rate has not come down. How well it predicts is measured, by
    `prune-env fidelity`, not assumed.

    Nothing is random: runs of different seeds that keep the same arms are the same.

    Args:
        options: what to replay.
        num_runs: M.
    """

    def __init__(self, options: ReplayOptions, num_runs: int = 1) -> None:
        self.options, self.num_runs = options, num_runs
        trace = find_trace(options.trace)
        self.num_arms, self.num_rounds = trace.loss.shape
        self.num_classes, self.num_validation = trace.num_classes, trace.num_validation
        self.labels = trace.labels
        self._table = _table(trace)
        """(N, T, 5) float32, the columns of `MEASURED`."""
        guess = {"loss": np.log(self.num_classes), "accuracy": 1 / self.num_classes}
        self._metrics = {
            (split, name): np.array([start, *getattr(trace, f"{prefix}_{name}")])
            for split, prefix in (("validation", "val"), ("test", "test"))
            for name, start in guess.items()
        }
        """(T + 1,) each: before the first round and after each."""
        self.generalisation = (
            measured_generalisation(trace)
            if options.generalisation is None
            else options.generalisation
        )
        self.positions = np.zeros((num_runs, self.num_arms), np.float32)
        """(M, N) float32, in rounds of the trace: t_i."""
        self.position = np.zeros(num_runs)
        """(M,) float64, in rounds of the trace: t."""

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin M new runs; the seeds play no part."""
        self.reset_runs(np.arange(self.num_runs), seeds)

    def reset_runs(self, runs: NDArray[np.int64], seeds: Sequence[int]) -> None:
        """Begin new runs in some slots; the others go on."""
        self.positions[runs] = 0
        self.position[runs] = 0

    def train(
        self, selection: Selection, start: NDArray[np.float64], end: NDArray[np.float64]
    ) -> Signals:
        """Move along the traces by the formulas above; `start` and `end` play no part."""
        signals = self.score(selection.indices)
        kept = np.zeros((self.num_runs, self.num_arms), np.float32)
        kept.reshape(-1)[selection.indices] = 1 if selection.weights is None else selection.weights
        share = np.array([self._share(run, row) for run, row in enumerate(kept)])
        kept *= 1 - self.generalisation
        kept += (self.generalisation * share)[:, None].astype(np.float32)
        self.positions += kept
        np.minimum(self.positions, self.num_rounds, out=self.positions)
        self.position = np.minimum(self.position + share, self.num_rounds)
        return signals

    def score(self, indices: NDArray[np.int64]) -> Signals:
        """What the traces show at the positions of these arms."""
        arms = indices % self.num_arms
        table = self._at(self._table, arms, self.positions.reshape(-1)[indices])
        table[:, CORRECT] = table[:, CORRECT] > 0.5
        return Signals(indices, table)

    def evaluate(self, split: SplitName) -> Metrics:
        """The recorded metrics at the position of each run."""
        rounds = np.arange(self.num_rounds + 1)
        loss, accuracy = (
            np.interp(self.position, rounds, self._metrics[split, name])
            for name in ("loss", "accuracy")
        )
        return Metrics(loss, accuracy)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue bit for bit, copied."""
        return {"positions": self.positions.copy(), "position": self.position.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.positions, self.position = state["positions"].copy(), state["position"].copy()

    def _share(self, run: int, kept: NDArray[np.float32]) -> float:
        """How much of what one run has left to learn is in the arms it keeps, (N,) weights."""
        loss = self._table[:, :, LOSS]
        left = self._at(loss, np.arange(self.num_arms), self.positions[run]) - loss[:, -1]
        np.maximum(left, 0, out=left)
        total = left.sum(dtype=np.float64)
        if total == 0:
            return float(kept.mean(dtype=np.float64))
        return float((left * kept).sum(dtype=np.float64) / total)

    def _at(
        self, table: NDArray[np.float32], arms: NDArray[np.int64], positions: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Rows of a table (N, T, ...) at positions between its rounds, each (K,)."""
        positions = np.minimum(positions, self.num_rounds - 1)
        before = positions.astype(np.int64)
        after = np.minimum(before + 1, self.num_rounds - 1)
        part = (positions - before).reshape(-1, *[1] * (table.ndim - 2)).astype(np.float32)
        return (1 - part) * table[arms, before] + part * table[arms, after]


def measured_generalisation(trace: Trace) -> float:
    """The share of the run after which the mean loss of the arms was the last validation loss."""
    mean = trace.loss.mean(axis=0, dtype=np.float64)
    falling = np.minimum.accumulate(mean)[::-1]
    rounds = np.arange(len(mean))[::-1]
    last = max(len(mean) - 1, 1)
    return float(np.interp(trace.val_loss[-1], falling, rounds) / last)


def _table(trace: Trace) -> NDArray[np.float32]:
    """(N, T, 5) float32: the columns of `MEASURED`.

    The error norm is not recorded. It is worked out as if the probability that the label and its
    rival leave were spread evenly over the other classes.
    """
    confidence = trace.confidence.astype(np.float32)
    rival = confidence - trace.margin
    others = np.maximum(1 - confidence - rival, 0)
    spread = others**2 / max(trace.num_classes - 2, 1)
    error_norm = np.sqrt((1 - confidence) ** 2 + rival**2 + spread)
    columns = (trace.loss, confidence, trace.margin, trace.correct, error_norm)
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=-1)
