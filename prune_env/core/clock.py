"""Clock: where the time of an episode went. Times live here and never in `info`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

Phase = Literal["train", "select", "observe", "evaluate", "test"]


class Clock:
    """Seconds spent in each phase since the last reset.

    train: the training pass. select: the agent's choice, and decoding it. observe: refresh passes,
    the arm table and the observation. evaluate: the validation split. test: the test split, which
    no agent sees.
    """

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self.reset()

    def reset(self) -> None:
        """Set all to zero."""
        self.wall = dict.fromkeys(get_args(Phase), 0.0)
        self.cpu = dict.fromkeys(get_args(Phase), 0.0)

    @contextmanager
    def __call__(self, phase: Phase) -> Iterator[None]:
        """Count the time of a `with` block towards a phase: wall-clock and this process's CPU."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall[phase] += time.perf_counter() - wall
            self.cpu[phase] += time.process_time() - cpu

    def state_dict(self) -> dict[str, dict[str, float]]:
        """The seconds so far."""
        return {"wall": dict(self.wall), "cpu": dict(self.cpu)}

    def load_state_dict(self, state: dict[str, dict[str, float]]) -> None:
        """Go on counting from `state_dict`."""
        self.wall, self.cpu = dict(state["wall"]), dict(state["cpu"])
