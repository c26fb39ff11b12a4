"""Replay: recorded traces of a real run, played back arm by arm; nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.core.selection import Selection
from prune_env.core.signals import MEASURED, column, write_columns
from prune_env.learners.protocol import Metrics, Signals, SplitName
from prune_env.learners.replay.trace import Trace, find_trace


@dataclass(frozen=True)
class ReplayOptions:
    """What is replayed."""

    trace: Any = "cifar10"
    """a name in `prune_env.learners.replay.trace.SHIPPED`, an .npz file or a `Trace`"""


class ReplayLearner:
    """M runs over the N arms of a recorded run of T rounds.

    ## The model
    In the recorded run every arm was trained in every round. A run that keeps only some would have
    gone differently; how is modelled, not known. Arm i has a position t_i in its own trace, 0 at
    the start, and shows what the trace has there (linear between two rounds, the last round's
    values from T - 1 on): loss_i(t_i) and the other signals. The network as a whole has a position
    t. A round that keeps the arms S moves them by

        left_i(r) = max(loss_i(r) - loss_i(T - 1), 0)       what arm i still had to learn in round r
        worth_i   = left_i(t_i) / mean over all j of left_j(t_i)       1 for the average arm
        share     = 1/N sum over S of worth_i
        t         <- t + share
        t_i       <- t_i + h(t + share) - h(t)                                   for every arm
        t_i       <- t_i + 1 - (h(t + 1) - h(t))                                 for the arms in S

    and validation and test metrics are those recorded after round t. h(t) is how far an arm comes
    that is never kept: the round in which the mean loss of the arms was what the validation loss
    was after round t, for validation samples never were kept either (at most t, never falling).
    So keeping all arms is the recorded run, up to rounding; an arm moves by being kept, and by what
    the network learns from the others as far as the recorded network generalised. A loss weight w
    counts an arm w times.

    ## What this can and cannot answer
    It has the real spread of difficulty over arms, the real order of learning, real noise from
    round to round and real label errors; it costs no training and no GPU, so it is a place to
    develop and debug policies and to train agents. It cannot say how good a policy is for a real
    network: that arms which were never learned are worth nothing is an assumption; an arm that is
    kept again is worth what it was in the recorded run, so a fixed subset does as well as a fresh
    one; redundancy between arms is unknown (two copies of one image count twice), and so is the
    forgetting of arms that are left out. The learning-rate schedule is the recorded one: a run that
    trains less stops in the middle of it, with a learning rate that has not come down. How well it
    predicts is measured, by `prune-env fidelity`, not assumed: at keep 0.3 and 0.5 it puts the
    agents of the CIFAR-10 board that choose by loss ahead of random ones, as the network does, and
    cannot tell the random ones apart; but `el2n`, the hardest arms and always those, is first here
    at every ratio, and last there at 0.1 and 0.3. Kendall's tau over ten agents is -0.33 [-0.64,
    -0.07] at keep 0.1, 0.07 [-0.07, 0.24] at 0.3 and 0.47 [0.33, 0.64] at 0.5
    (benchmarks/results/fidelity_*.json).

    Nothing is random: runs of different seeds that keep the same arms are the same.

    Args:
        options: what to replay.
        num_runs: M.
    """

    def __init__(self, options: ReplayOptions, num_runs: int = 1) -> None:
        self.options, self.num_runs = options, num_runs
        trace = find_trace(options.trace)
        self.digest = trace.digest
        self.num_arms, self.num_rounds = trace.loss.shape
        self.num_classes, self.num_validation = trace.num_classes, trace.num_validation
        self.labels = trace.labels
        self._table = _table(trace)
        """(N, T, 5) float32, the columns of `MEASURED`."""
        self._worth = relative_worth(trace.loss)
        """(N, max(T - 1, 1)) float32: worth in each round."""
        self._unkept = reach_of_unkept(trace)
        """(T + 1,) float64: h at 0, 1 ... T."""
        guess = {"loss": np.log(self.num_classes), "accuracy": 1 / self.num_classes}
        self._metrics = {
            (split, name): np.array([start, *getattr(trace, f"{prefix}_{name}")])
            for split, prefix in (("validation", "val"), ("test", "test"))
            for name, start in guess.items()
        }
        """(T + 1,) each: before the first round and after each."""
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
        index, counts = selection.indices, selection.counts
        signals = self.score(index)
        weights = np.ones(len(index), np.float32)
        if selection.weights is not None:
            weights = selection.weights
        positions = self.positions.reshape(-1)
        worth = weights * _at(self._worth, index % self.num_arms, positions[index])
        runs = np.repeat(np.arange(self.num_runs), counts)
        share = np.bincount(runs, worth, self.num_runs) / self.num_arms
        before = self._h(self.position)
        own = 1 - (self._h(self.position + 1) - before)
        positions[index] += weights * np.repeat(own, counts).astype(np.float32)
        self.position += share
        self.positions += (self._h(self.position) - before).astype(np.float32)[:, None]
        return signals

    def score(self, indices: NDArray[np.int64]) -> Signals:
        """What the traces show at the positions of these arms."""
        arms = indices % self.num_arms
        table = _at(self._table, arms, self.positions.reshape(-1)[indices])
        correct = column(table, "correct")
        correct[...] = correct > 0.5
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

    def _h(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(position, np.arange(self.num_rounds + 1), self._unkept)


def relative_worth(loss: NDArray[np.floating]) -> NDArray[np.float32]:
    """What keeping each arm was worth in each round, relative to the average arm.

    Args:
        loss: (N, T).

    Returns:
        (N, T - 1), each column with a mean of 1. Nothing is left after the last round, so the last
        column is of the round before, and holds from there on; one round tells nothing: all 1.
    """
    loss = loss.astype(np.float32)
    left = np.maximum(loss[:, : max(loss.shape[1] - 1, 1)] - loss[:, -1:], 0)
    mean = left.mean(axis=0, dtype=np.float64)
    return np.where(mean > 0, left / np.where(mean > 0, mean, 1), 1).astype(np.float32)


def reach_of_unkept(trace: Trace) -> NDArray[np.float64]:
    """Where arms are that were never kept, after 0, 1 ... T rounds: h in the formulas.

    The round in which the mean loss of the arms was the validation loss then; it never falls, and
    rises by 1 a round at most.
    """
    mean = trace.loss.mean(axis=0, dtype=np.float64)
    falling = np.minimum.accumulate(mean)[::-1]
    reach = np.interp(trace.val_loss, falling, np.arange(len(mean))[::-1])
    h = [0.0]
    for here in np.maximum.accumulate(reach):
        h.append(float(np.clip(here, h[-1], h[-1] + 1)))
    return np.array(h)


def _at(
    table: NDArray[np.float32], arms: NDArray[np.int64], positions: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Rows of a table (N, R, ...) at positions between its rounds, (K,); the last from there on."""
    last = table.shape[1] - 1
    positions = np.minimum(positions, last)
    before = positions.astype(np.int64)
    part = (positions - before).reshape(-1, *[1] * (table.ndim - 2)).astype(np.float32)
    return (1 - part) * table[arms, before] + part * table[arms, np.minimum(before + 1, last)]


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
    table = np.empty((*confidence.shape, len(MEASURED)), np.float32)
    write_columns(
        table,
        loss=trace.loss,
        confidence=confidence,
        margin=trace.margin,
        correct=trace.correct,
        error_norm=error_norm,
    )
    return table
