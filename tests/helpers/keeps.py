"""An agent that keeps what a test says, and remembers what it was shown."""

from __future__ import annotations

import numpy as np


class Keeps:
    """Keeps the first so many arms, another number in each epoch."""

    def __init__(self, *counts, signals=("loss",), weight=None):
        self.counts, self.signals, self.shown = counts, signals, []
        self.weight, self.action = weight, "keep" if weight is None else "weights"

    def predict(self, observation, state=None):
        epoch = 0 if state is None else int(state["epoch"])
        self.shown.append(observation)
        action = np.zeros(len(observation["seen"]), np.float32)
        action[: self.counts[epoch]] = self.weight or 1
        return action, {"epoch": np.array(epoch + 1)}
