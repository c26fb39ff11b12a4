"""Moving averages of the weights of a network: one that agents see, one that it returns to."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import nn

from prune_env.learners.network.modes import draw_nothing


class Reference:
    """Follows a network step by step: average <- d average + (1 - d) weights.

    d = min(decay, (1 + t) / (10 + t)) in step t, as TensorFlow and timm warm such averages up: it
    is over about the last ninth of the steps. With 0.999 from the start, a run of 60 steps would
    end with an average that is 94 % initial weights. On the digits (8 epochs, keep 0.3, 20 seeds)
    the agent molpeg ended at 97.1 % with a decay of 0.5, 0.9 and 0.999 alike, at 96.5 % with 0.

    Only parameters are averaged. In training, BatchNorm takes the statistics of the batch, as in
    the network itself, so that two losses of a sample differ by the weights alone; its running
    averages are of these passes. Dropout is off: nothing random is drawn.

    Args:
        model: where it begins; it is copied.
        decay: the bound of d, in [0, 1).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = deepcopy(model).requires_grad_(False)
        self.decay, self.steps = decay, 0

    def train(self, mode: bool) -> None:
        """Take batch statistics, or running ones."""
        draw_nothing(self.model, batch_statistics=mode)

    @torch.no_grad()
    def follow(self, model: nn.Module) -> None:
        """Take a step towards the weights of the network."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        averages = tuple(self.model.parameters())
        torch._foreach_lerp_(averages, tuple(model.parameters()), 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and a number, not copied."""
        return {"model": dict(self.model.state_dict()), "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.model.load_state_dict(state["model"])
        self.steps = state["steps"]


class Lookahead:
    """Slow weights that follow the fast ones of training; these return to them every 5 steps.

    slow <- a slow + (1 - a) fast, fast <- slow, with a = 0.95^5 (t/T)^3: at first the fast weights
    are left alone, towards the end they are held back (arXiv 1907.08610, with the schedule of
    arXiv 2404.00498). At the end of the run fast <- slow. BatchNorm's running averages are part.

    Args:
        model: whose weights these are; its tensors are read and written in place.
    """

    EVERY = 5

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._slow = [tensor.clone() for tensor in self._fast]
        self.steps = 0

    @property
    def _fast(self) -> list[torch.Tensor]:
        """Those of the network; asked for each time, as a copied network has other tensors."""
        state = self._model.state_dict().values()
        return [tensor for tensor in state if tensor.is_floating_point()]

    @torch.no_grad()
    def follow(self, fraction: float) -> None:
        """Count a step, after which this fraction of the run, in [0, 1], is over."""
        self.steps += 1
        if self.steps % self.EVERY == 0:
            decay = 0.95**self.EVERY * fraction**3
            torch._foreach_lerp_(self._slow, self._fast, 1 - decay)
            torch._foreach_copy_(self._fast, self._slow)

    @torch.no_grad()
    def finish(self) -> None:
        """Let the slow weights be those of the network."""
        torch._foreach_copy_(self._fast, self._slow)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and a number, not copied."""
        return {"slow": list(self._slow), "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`, of a network that is restored too."""
        torch._foreach_copy_(self._slow, list(state["slow"]))
        self.steps = state["steps"]
