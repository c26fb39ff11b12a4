"""Images: (N, H, W, C) uint8, cropped and mirrored, normalised by channel."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from prune_env import networks
from prune_env.data.augment import ImageStore, channel_statistics, draw_noise, shrunk
from prune_env.networks.recipe import Recipe
from prune_env.tasks.task import Noise


class Images:
    """See `prune_env.tasks.Task`.

    Args:
        images: (N, H, W, C) uint8, of the arms.
        device: where the example is computed.
    """

    def __init__(self, images: NDArray[np.uint8], device: torch.device) -> None:
        sample = images[:: max(1, len(images) // 1000)]
        self._shape = images.shape[1:]
        self._mean, self._std = channel_statistics(sample)
        self.normalisation = {
            "mean": torch.tensor(self._mean).view(-1, 1, 1),
            "std": torch.tensor(self._std).view(-1, 1, 1),
        }
        self.example = self.store(sample, device).plain(slice(None)).cpu()

    def default_network(self, device: torch.device) -> str:
        """By the size of the images and the device."""
        return networks.default_name(self._shape, device)

    def store(
        self, inputs: NDArray[np.uint8], device: torch.device, recipe: Recipe | None = None
    ) -> ImageStore:
        """Images on the device, padded as the recipe's crops need it."""
        padding = recipe.padding if recipe else 0
        return ImageStore(inputs, padding, self._mean, self._std, device)

    def draw(self, num_arms: int, recipe: Recipe, seed: int, number: int) -> Noise:
        """The order, where each image is cropped and which are mirrored."""
        noise = draw_noise(num_arms, recipe.padding, recipe.flip, seed, number)
        return Noise(noise.order, {"shift": noise.shift, "flip": noise.flip})

    def augmented(self, store: ImageStore, batch: dict[str, Tensor], size: float) -> Tensor:
        """(B, C, H, W) float32."""
        return shrunk(store.augmented(batch["index"], batch["shift"], batch["flip"]), size)

    def prepared(self, model: nn.Module) -> nn.Module:
        """In channels_last memory: 15 to 130 % faster on a CPU."""
        return model.to(memory_format=torch.channels_last)

    def pictures(self, store: ImageStore, index: Tensor) -> NDArray[np.uint8]:
        """(K, H, W, C) uint8: the images themselves."""
        return store.images[index].cpu().numpy()
