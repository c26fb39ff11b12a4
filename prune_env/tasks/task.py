"""Task: a kind of inputs as a learner sees it, whatever they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from prune_env.networks.recipe import Recipe


@dataclass(frozen=True)
class Noise:
    """Everything random about the data of one round, for all N arms, kept or not."""

    order: NDArray[np.int64]
    """(N,) int64: a permutation of the arms; a round visits those that are kept in this order."""
    rows: dict[str, NDArray[Any]] = field(default_factory=dict)
    """What each arm's augmentation is made of, by name, (..., N) each."""


class Store(Protocol):
    """N inputs resident on a device."""

    def __len__(self) -> int: ...

    def plain(self, index: Tensor | slice) -> Tensor:
        """(B, ...) those at (B,) int64, as a network takes them."""


class Task(Protocol):
    """Of one training set: its normalisation is made from it."""

    normalisation: dict[str, Tensor]
    """By what inputs are normalised, for whoever uses the network elsewhere."""
    example: Tensor
    """(n, ...) up to 2,000 training inputs as a network takes them, on the CPU."""

    def default_network(self, device: torch.device) -> str:
        """The name of the network where none is named."""

    def store(
        self, inputs: NDArray[Any], device: torch.device, recipe: Recipe | None = None
    ) -> Any:
        """Move inputs to a device; with a recipe they can be augmented as it says."""

    def draw(self, num_arms: int, recipe: Recipe, seed: int, number: int) -> Noise:
        """What is random in a round of this number, from (seed, number) alone."""

    def augmented(self, store: Any, batch: dict[str, Tensor], size: float) -> Tensor:
        """(B, ...) the inputs of a batch, augmented by its rows of the noise.

        Images have their height and width multiplied by size.
        """

    def prepared(self, model: nn.Module) -> nn.Module:
        """The model with its memory laid out as these inputs are."""

    def pictures(self, store: Any, index: Tensor) -> NDArray[np.uint8] | None:
        """(K, H, W, C) uint8 for the dashboard; None where inputs are no images."""
