"""Muon (Keller Jordan, 2024): momentum whose singular values are all brought near 1."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, optim


class Muon(optim.SGD):
    """SGD in which some groups step along the orthogonalised Nesterov momentum of their filters.

    Those groups have a "muon_momentum". Their weight decay is decoupled: W loses lr * decay * W.
    All others are trained by SGD with Nesterov momentum.

    Args:
        groups: as for SGD.
        lr: of groups that say nothing.
        momentum: of SGD.
        renormalise: give each filter bank the norm sqrt(outputs) before each step, so that lr is
            the share by which it turns.
        fused: as for SGD.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        momentum: float,
        renormalise: bool,
        fused: bool | None = None,
    ) -> None:
        groups = [g | {"momentum": 0.0} if "muon_momentum" in g else g for g in groups]
        super().__init__(groups, lr, momentum, nesterov=momentum > 0, fused=fused)
        self.renormalise = renormalise

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take a step; the gradients of the filters are overwritten by what they step along."""
        for group in self.param_groups:
            if "muon_momentum" not in group:
                continue
            for filters in group["params"]:
                if filters.grad is not None:
                    if self.renormalise:
                        norm = torch.linalg.vector_norm(filters).clamp_min(1e-7)
                        filters.mul_(len(filters) ** 0.5 / norm)
                    filters.grad.copy_(self._direction(filters, group["muon_momentum"]))
        return super().step(closure)

    def _direction(self, filters: Tensor, momentum: float) -> Tensor:
        """What these filters step along, of their shape."""
        gradient, state = filters.grad, self.state[filters]
        assert gradient is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        average = state["momentum_buffer"].mul_(momentum).add_(gradient)
        nesterov = gradient.add(average, alpha=momentum)
        return orthogonalised(nesterov.flatten(1)).view_as(gradient)


def orthogonalised(matrix: Tensor, steps: int = 3) -> Tensor:
    """About U V^T of a matrix U S V^T, by Newton-Schulz steps.

    The polynomial rises steeply at 0 and does not converge: after a few steps most singular values
    lie between 0.5 and 1.5, which trains as well as all of them at 1.

    Args:
        matrix: (outputs, inputs) float32.
        steps: how often 3.4445 X - 4.7750 (X X^T) X + 2.0315 (X X^T)^2 X is taken.

    Returns:
        (outputs, inputs) float32.
    """
    x = matrix / (torch.linalg.vector_norm(matrix) + 1e-7)  # no singular value above 1
    tall = len(x) > x.shape[1]
    x = x.T if tall else x
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if tall else x
