"""Replay: recorded traces of a real run, played back arm by arm; nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.core.selection import Selection
from prune_env.core.signals import MEASURED, column, write_columns
from prune_env.learners.protocol import Metrics, Signals, SplitName
from prune_env.learners.replay.trace import Trace, find_trace

BLOCK = 131_072
"""Kept arms that are worked on at a time: what is in between fits the cache."""


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
    predicts a real network is measured by `prune-env fidelity`; docs/studies.md has the numbers.
    It takes `el2n`, which always keeps the hardest arms, for the best agent; the network does not.

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
        if trace.positions is not None:
            self.train_positions = trace.positions
        self._columns = _with_next([*_columns(trace), relative_worth(trace.loss).T])
        """(6, T, N) complex64: `MEASURED`, then the worth; see `_with_next`."""
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
        table = self._new_table(len(selection.indices))
        weights = selection.weights
        before = self._h(self.position)
        own = (1 - (self._h(self.position + 1) - before)).astype(np.float32)
        flat = self.positions.reshape(-1)
        for runs, part in _blocks(selection.counts):
            index, run = selection.indices[part], _repeated(runs, selection.counts)
            weight = np.float32(1) if weights is None else weights[part]
            arms, positions = index - run * self.num_arms, flat[index]
            worth = weight * self._measure(arms, positions, table[part])
            begins = np.searchsorted(run, np.arange(runs.start, runs.stop))
            self.position[runs] += np.add.reduceat(worth, begins, dtype=float) / self.num_arms
            flat[index] = positions + weight * own[run]
            moved = self._h(self.position[runs]) - before[runs]
            self.positions[runs] += moved.astype(np.float32)[:, None]
        return Signals(selection.indices, table)

    def score(self, indices: NDArray[np.int64]) -> Signals:
        """What the traces show at the positions of these arms."""
        table = self._new_table(len(indices))
        for begin in range(0, len(indices), BLOCK):
            part = slice(begin, begin + BLOCK)
            positions = self.positions.reshape(-1)[indices[part]]
            self._measure(indices[part] % self.num_arms, positions, table[part])
        return Signals(indices, table)

    def _measure(
        self, arms: NDArray[np.int64], positions: NDArray[np.float32], table: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Write what the traces of some arms, (K,), show at their positions, into (K, 5).

        Returns:
            (K,) float32, what they are worth there.
        """
        positions = np.minimum(positions, np.float32(self.num_rounds - 1))
        before = positions.astype(np.int64)
        part = positions - before.astype(np.float32)
        rest, flat = 1 - part, before * self.num_arms + arms
        worth = np.empty_like(part)
        for values, shown in zip(self._columns, [*table.T, worth], strict=True):
            both = values.take(flat)
            np.multiply(both.real, rest, out=shown)
            shown += both.imag * part
        correct = column(table, "correct")
        np.greater(correct, 0.5, out=correct)
        return worth

    def _new_table(self, size: int) -> NDArray[np.float32]:
        """(K, 5) float32 whose columns are contiguous; anything is in it."""
        return np.empty((len(MEASURED), size), np.float32).T

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


def _blocks(counts: NDArray[np.int64]) -> Iterator[tuple[slice, slice]]:
    """The runs in blocks of about `BLOCK` kept arms: which runs, and which of their arms."""
    ends = np.cumsum(counts)
    first = begin = 0
    while first < len(counts):
        last = max(int(np.searchsorted(ends, begin + BLOCK, side="right")), first + 1)
        end = int(ends[last - 1])
        yield slice(first, last), slice(begin, end)
        first, begin = last, end


def _repeated(runs: slice, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """(K,): the run of each kept arm of these runs."""
    return np.repeat(np.arange(runs.start, runs.stop), counts[runs])


def _with_next(columns: Sequence[NDArray[np.floating]]) -> NDArray[np.complex64]:
    """(L, T, N) complex64 from L columns (T, N): the value of a round, and that of the next one.

    They lie side by side, so that one look finds both. The last round is its own next one. A column
    of fewer rounds goes on with its last value.
    """
    found = np.empty((len(columns), *columns[0].shape), np.complex64)
    for pairs, values in zip(found, columns, strict=True):
        pairs.real[: len(values)] = values
        pairs.real[len(values) :] = values[-1]
        pairs.imag[:-1] = pairs.real[1:]
        pairs.imag[-1] = pairs.real[-1]
    return found


def _columns(trace: Trace) -> NDArray[np.float32]:
    """(5, T, N) float32, as `MEASURED`.

    The error norm is not recorded. It is worked out as if the probability that the label and its
    rival leave were spread evenly over the other classes.
    """
    confidence = trace.confidence.T.astype(np.float32)
    rival = confidence - trace.margin.T
    others = np.maximum(1 - confidence - rival, 0)
    spread = others**2 / max(trace.num_classes - 2, 1)
    error_norm = np.sqrt((1 - confidence) ** 2 + rival**2 + spread)
    columns = np.empty((len(MEASURED), *confidence.shape), np.float32)
    write_columns(
        np.moveaxis(columns, 0, -1),
        loss=trace.loss.T,
        confidence=confidence,
        margin=trace.margin.T,
        correct=trace.correct.T,
        error_norm=error_norm,
    )
    return columns
