"""Arrays: inputs of any shape (N, ...). Numbers are standardised; integers are tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from prune_env.core.generators import of_round
from prune_env.data.augment import channel_statistics
from prune_env.networks.recipe import Recipe
from prune_env.networks.registry import TOKENS
from prune_env.tasks.task import Noise


class ArrayStore:
    """N inputs on a device.

    Args:
        inputs: (N, ...) float32, uint8 or int64.
        mean: (D,) float32 of the last axis, subtracted; None of tokens, which stay as they are.
        std: (D,) float32, divided by.
        device: where the inputs stay.
    """

    def __init__(
        self,
        inputs: NDArray[Any],
        mean: Tensor | None,
        std: Tensor | None,
        device: torch.device,
    ) -> None:
        self._inputs = torch.from_numpy(np.array(inputs)).to(device)
        self._mean = None if mean is None else mean.to(device)
        self._std = None if std is None else std.to(device)

    def __len__(self) -> int:
        return len(self._inputs)

    def plain(self, index: Tensor | slice) -> Tensor:
        """(B, ...) float32, standardised, or int64."""
        inputs = self._inputs[index]
        if self._mean is None or self._std is None:
            return inputs
        return (inputs - self._mean) / self._std


class Arrays:
    """See `prune_env.tasks.Task`. Numbers get mean 0 and standard deviation 1 along the last axis.

    Args:
        inputs: (N, ...) of the arms.
        largest: the largest token of all splits; the example has it, so that a network can see
            there how many there are.
        device: where the example is computed.
    """

    def __init__(self, inputs: NDArray[Any], largest: int, device: torch.device) -> None:
        sample = inputs[:: max(1, len(inputs) // 1000)]
        self._mean: Tensor | None = None
        self._std: Tensor | None = None
        self.normalisation: dict[str, Tensor] = {}
        if inputs.dtype == np.int64:
            sample = sample.copy()
            sample.flat[-1] = largest
        else:
            flat = inputs if inputs.ndim > 1 else inputs[:, None]
            self._mean, self._std = map(torch.tensor, channel_statistics(flat))
            self.normalisation = {"mean": self._mean, "std": self._std}
        self.example = self.store(sample, device).plain(slice(None)).cpu()

    def default_network(self, device: torch.device) -> str:
        """A perceptron; there is none for tokens.

        Raises:
            ValueError: the inputs are tokens.
        """
        if self._mean is None:
            raise ValueError(f"network is None (--network), and {TOKENS}")
        return "mlp"

    def store(
        self, inputs: NDArray[Any], device: torch.device, recipe: Recipe | None = None
    ) -> ArrayStore:
        """Inputs on the device; nothing is augmented.

        Raises:
            ValueError: the recipe crops or mirrors.
        """
        for name in ("padding", "flip", "image_sizes"):
            if recipe and (value := getattr(recipe, name)):
                raise ValueError(f"recipe {name} is {value}; what is no image allows 0")
        return ArrayStore(inputs, self._mean, self._std, device)

    def draw(self, num_arms: int, recipe: Recipe, seed: int, number: int) -> Noise:
        """The order."""
        return Noise(of_round(seed, number).permutation(num_arms))

    def augmented(self, store: ArrayStore, batch: dict[str, Tensor], size: float) -> Tensor:
        """(B, ...) the inputs as they are."""
        return store.plain(batch["index"])

    def prepared(self, model: nn.Module) -> nn.Module:
        """The model as it is."""
        return model

    def pictures(self, store: ArrayStore, index: Tensor) -> None:
        """None: these are no images."""
