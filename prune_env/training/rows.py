"""Rows: what a loop has measured, batch by batch, and the learner that a round takes it for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from prune_env.core.selection import Selection
from prune_env.core.signals import MEASURED, SIGNALS
from prune_env.learners.protocol import Metrics, Signals, SplitName
from prune_env.training.measuring import Values, table_of

MOST = 1 << 20
"""Numbers that wait to be measured, 4 MB; more are measured, for which nothing has to be waited."""
FLUSH = 1 << 22
"""Numbers that may lie on the device, 16 MB; more go to the host, for which it has to be waited."""


class Rows:
    """What has been measured of arms in the order in which it was, on the device until it is taken.

    So no step waits for the device, and few have to measure.
    """

    def __init__(self) -> None:
        self._arms: list[NDArray[np.int64]] = []
        self._new = Pile()
        self._measured = Pile()
        self._old: list[dict[str, NDArray[np.float32]]] = []
        self.common = 0
        """How many of the first ones are known to all ranks."""

    def add(self, arms: NDArray[np.int64], values: Values) -> None:
        """Add a batch.

        Args:
            arms: (B,) int64.
            values: of them, without gradients; of another form than those before where a loop has
                several heads, or logits of some batches and losses of others.
        """
        self._arms.append(arms)
        if not self._new.takes(values):
            self._measure()
        self._new.add(values)
        if self._new.numbers >= MOST:
            self._measure()
        if self._measured.numbers >= FLUSH:
            self._flush()

    def __len__(self) -> int:
        return sum(map(len, self._arms))

    def _measure(self) -> None:
        if self._new.parts:
            self._measured.add(table_of(self._new.take()))

    def _flush(self) -> None:
        self._measure()
        if self._measured.parts:
            joined = self._measured.take()
            self._old.append({name: t.float().cpu().numpy() for name, t in joined.items()})

    def signals(self) -> Signals:
        """All of them, so far."""
        self._flush()
        if not self._arms:
            return Signals(np.empty(0, np.int64), np.empty((0, len(MEASURED)), np.float32))
        joined = {n: np.concatenate([part[n] for part in self._old]) for n in self._old[0]}
        self._old = [joined]
        self._arms = [np.concatenate(self._arms)]
        return Signals(
            self._arms[0], joined["table"], {n: joined[n] for n in joined if n != "table"}
        )

    @classmethod
    def of(cls, signals: Signals) -> Rows:
        """Rows that begin with these, which all ranks know."""
        rows = cls()
        if len(signals.indices):
            rows._arms = [signals.indices]
            rows._old = [{"table": signals.table, **signals.extras}]
            rows.common = len(signals.indices)
        return rows


class Pile:
    """Values of several batches, and how many numbers they are."""

    def __init__(self) -> None:
        self.parts: list[Values] = []
        self.numbers = 0

    def takes(self, values: Values) -> bool:
        """Whether these are of one form with what is here: the same names, and shapes of an arm."""
        return not self.parts or _form(values) == _form(self.parts[0])

    def add(self, values: Values) -> None:
        """Add those of a batch."""
        self.parts.append(values)
        self.numbers += sum(value.numel() for value in values.values())

    def take(self) -> Values:
        """All of them as one, and forget them."""
        parts, self.parts, self.numbers = self.parts, [], 0
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _form(values: Values) -> dict[str, torch.Size]:
    return {name: value.shape[1:] for name, value in values.items()}


class LoopLearner:
    """The learner of a round whose training somebody's own loop has done: it answers from rows.

    Args:
        labels: (N,) int64.
        num_classes: C.
        num_validation: samples of the validation split.
        extras: which of `EXTRAS` the loop measures: the name, and the shape of one arm's.
    """

    num_runs = 1

    def __init__(
        self,
        labels: NDArray[np.int64],
        num_classes: int,
        num_validation: int,
        extras: Mapping[str, tuple[int, ...]],
    ) -> None:
        self.num_arms, self.labels, self.num_classes = len(labels), labels, num_classes
        self.num_validation, self.extras = num_validation, dict(extras)
        self.trained, self.looked = Rows(), Rows()
        """What the training pass of this round has measured, and the look at the other arms."""
        first = [SIGNALS[name].at_start(num_classes) for name in ("val_loss", "val_accuracy")]
        self.metrics = Metrics(np.array(first[:1]), np.array(first[1:]))
        """Of the validation split, last measured."""

    def measure_also(self, extras: Sequence[str]) -> None:
        """Nothing: the loop measures what it does."""

    def reset(self, seeds: Sequence[int]) -> None:
        """Forget what the last round has measured."""
        self.trained, self.looked = Rows(), Rows()

    def train(
        self, selection: Selection, start: NDArray[np.float64], end: NDArray[np.float64]
    ) -> Signals:
        """What the loop has measured of the arms that it trained on."""
        return self.trained.signals()

    def score(self, indices: NDArray[np.int64]) -> Signals:
        """What it has measured of the others."""
        return self.looked.signals()

    def evaluate(self, split: SplitName) -> Metrics:
        """What it has said of the validation split."""
        return self.metrics

    def state_dict(self) -> dict[str, Any]:
        """The rows of this round, copied."""
        parts = {"trained": self.trained.signals(), "looked": self.looked.signals()}
        return {
            name: {"indices": s.indices.copy(), "table": s.table.copy(), "extras": dict(s.extras)}
            for name, s in parts.items()
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.trained, self.looked = (
            Rows.of(Signals(**state[name])) for name in ("trained", "looked")
        )
