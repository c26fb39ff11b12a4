"""ArmTable: what has been observed of every arm, for M runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.checks import difference
from prune_env.core.buffers import Buffers
from prune_env.core.selection import Selection
from prune_env.core.signals import MEASURED, SIGNALS
from prune_env.learners.protocol import Signals


class ArmTable:
    """The last measurement of each arm, when it was made and how often the arm was kept.

    Before its first measurement an arm looks as under a uniform guess over the C classes: a loss
    of log C, a confidence of 1/C, a margin of 0; and features of 0.

    Args:
        num_runs: M.
        labels: (N,) int64, the class of each arm.
        num_classes: C.
        measured: which of `MEASURED` to store; each costs 4 bytes an arm.
        extras: which of `EXTRAS`, with the shape of one arm's.
    """

    def __init__(
        self,
        num_runs: int,
        labels: NDArray[np.int64],
        num_classes: int,
        measured: Sequence[str] = MEASURED,
        extras: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        self.num_runs, self.num_arms = num_runs, len(labels)
        self.labels, self.num_classes = labels, num_classes
        shape = (num_runs, self.num_arms)
        of_one = dict.fromkeys(measured, ()) | dict(extras or {})
        self.measured = {
            name: np.empty((*shape, *more), np.float32) for name, more in of_one.items()
        }
        self.last_seen = np.empty(shape, np.int32)
        """(M, N) int32: the round in which the arm was last measured, counted from 1; or 0."""
        self.pulls = np.empty(shape, np.int32)
        """(M, N) int32: in how many rounds the arm was kept."""
        self.round = np.empty(num_runs, np.int32)
        """(M,) int32: rounds finished."""
        self._buffers = Buffers()
        self.reset(np.ones(num_runs, bool))

    def also_store(self, name: str) -> None:
        """Store one more of `MEASURED`, for whoever looks on; nobody is shown it. Before a run."""
        if name not in self.measured:
            start = SIGNALS[name].at_start(self.num_classes)
            self.measured[name] = np.full(self.pulls.shape, start, np.float32)

    def reset(self, runs: NDArray[np.bool_]) -> None:
        """Forget all about the arms of these runs. runs: (M,) bool."""
        for name, values in self.measured.items():
            values[runs] = SIGNALS[name].at_start(self.num_classes)
        self.last_seen[runs] = 0
        self.pulls[runs] = 0
        self.round[runs] = 0

    def record(self, selection: Selection, signals: Sequence[Signals]) -> None:
        """Close a round: count the pulls and store what was measured in it."""
        self.round += 1
        self.pulls.reshape(-1)[selection.indices] += 1
        self.store(signals)

    def store(self, signals: Sequence[Signals]) -> None:
        """Store what was measured in the last round, or after it."""
        alike = (self.round == self.round[0]).all()
        for batch in signals:
            now = self.round[0] if alike else self.round[batch.indices // self.num_arms]
            self.last_seen.reshape(-1)[batch.indices] = now
            for name, values in self.measured.items():
                of_arm = values.reshape(-1, *values.shape[2:])
                of_arm[batch.indices] = SIGNALS[name].finite(batch.of(name))

    def observe(self, name: str, run: int | None = None) -> NDArray[np.float32]:
        """A signal of the arms that shares memory with nothing that anybody holds.

        Returns:
            (M, N) float32, or (M, N, D) of features; of one run, (1, ...).
        """
        rows = slice(run, None if run is None else run + 1)
        values = self.measured.get(name, self.last_seen)[rows]
        if run is None:
            shown = self._buffers.take(name, values.shape)
        else:
            shown = np.empty(values.shape, np.float32)
        if name in self.measured:
            np.copyto(shown, values)
        elif name == "seen":
            last = np.where(self.round > 0, self.round, -1)[rows, None]
            np.equal(values, last, out=shown)
        elif name == "age":
            np.subtract(self.round[rows, None], values, out=shown)
        else:
            known = self.pulls[rows] if name == "pulls" else self.labels
            np.copyto(shown, known, casting="same_kind")
        return shown

    def state_dict(self) -> dict[str, Any]:
        """Copies of every array."""
        return {name: array.copy() for name, array in self._entries.items()}

    @property
    def _entries(self) -> dict[str, NDArray[Any]]:
        counters = {"last_seen": self.last_seen, "pulls": self.pulls, "round": self.round}
        return {**self.measured, **counters}

    def check_state(self, state: dict[str, Any]) -> None:
        """Refuse a state of other arms or signals.

        Raises:
            ValueError: what differs.
        """
        before, now = ({n: a.shape for n, a in of.items()} for of in (state, self._entries))
        if differs := difference(before, now):
            raise ValueError(f"a state of another environment: its table of arms has {differs}")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        for name, values in self.measured.items():
            values[...] = state[name]
        self.last_seen[...] = state["last_seen"]
        self.pulls[...] = state["pulls"]
        self.round[...] = state["round"]
