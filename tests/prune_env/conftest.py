"""A learner whose every number can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from prune_env.core.selection import Selection
from prune_env.core.signals import MEASURED
from prune_env.learners.protocol import Metrics, Signals, SplitName
from prune_env.wrappers.arm_features import READS


class HalvingLearner:
    """Training on an arm halves its loss; validation is the mean loss of all arms.

    Arm i starts at a loss of i + 1 nats. Deterministic but for `noise`, which the seed decides.
    """

    num_classes = 2
    num_validation = 6

    def __init__(self, num_arms: int = 4, num_runs: int = 1, diverge_after: int = 99) -> None:
        self.num_arms, self.num_runs = num_arms, num_runs
        self.labels = np.arange(num_arms, dtype=np.int64) % 2
        self.diverge_after = diverge_after
        self.spans: list[tuple[float, float]] = []

    def reset(self, seeds: Sequence[int]) -> None:
        noise = [np.random.default_rng(seed).random() * 1e-3 for seed in seeds]
        self.loss = np.arange(1.0, self.num_arms + 1) + np.array(noise)[:, None]
        self.rounds = 0

    def _signals(self, indices: NDArray[np.int64]) -> Signals:
        loss = self.loss.reshape(-1)[indices]
        p = np.exp(-loss)
        columns = {
            "loss": loss,
            "confidence": p,
            "margin": 2 * p - 1,
            "correct": p > 0.5,
            "error_norm": np.sqrt(2) * (1 - p),
        }
        table = np.stack([columns[name] for name in MEASURED], axis=1).astype(np.float32)
        if self.rounds >= self.diverge_after:
            table[:] = np.nan
        return Signals(indices, table)

    def train(
        self, selection: Selection, start: NDArray[np.float64], end: NDArray[np.float64]
    ) -> Signals:
        self.spans.append((float(start[0]), float(end[0])))
        self.rounds += 1
        signals = self._signals(selection.indices)
        self.loss.reshape(-1)[selection.indices] /= 2
        return signals

    def score(self, indices: NDArray[np.int64]) -> Signals:
        return self._signals(indices)

    def evaluate(self, split: SplitName) -> Metrics:
        loss = self.loss.mean(axis=1) * (1 if self.rounds < self.diverge_after else np.nan)
        return Metrics(loss, np.exp(-loss))

    def state_dict(self) -> dict[str, Any]:
        return {"loss": self.loss.copy(), "rounds": self.rounds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.loss, self.rounds = state["loss"].copy(), state["rounds"]


@pytest.fixture
def halving() -> Callable[..., HalvingLearner]:
    """The class itself, so that a test can say how many arms and runs it wants."""
    return HalvingLearner


@pytest.fixture
def observation() -> Callable[..., dict[str, NDArray[np.float32]]]:
    """Makes what features read, of M runs: zeros but for the entries given, which are one run's."""

    def make(num_runs: int = 1, num_arms: int = 4, **entries: Any) -> dict[str, Any]:
        run_entries = ("progress", "budget_left", "val_loss", "val_accuracy")
        zeros = {
            name: np.zeros((num_runs, 1 if name in run_entries else num_arms), np.float32)
            for name in READS
        }
        entries = {"label": [0, 1] * (num_arms // 2)} | entries
        return zeros | {
            name: np.tile(np.array(row, np.float32), (num_runs, 1)) for name, row in entries.items()
        }

    return make
