"""From the name of a network to a factory of untrained networks, and to its default recipe."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from prune_env.networks import library
from prune_env.networks.mlp import Mlp
from prune_env.networks.recipe import Recipe
from prune_env.networks.small import SmallNet, whitening_filters

if TYPE_CHECKING:
    Factory = Callable[[], nn.Module]

CROP_AND_FLIP = Recipe(padding=4, flip=True, weight_decay=5e-4)

RECIPES = {
    "mlp": Recipe(epochs=10, batch_size=32, peak_lr=0.1, weight_decay=1e-4),
    # found by the search in benchmarks/prune_bench/results/recipe_search.md
    "small": Recipe(
        epochs=8,
        batch_size=128,
        peak_lr=0.2,
        bias_lr_scale=16,
        momentum=0.85,
        weight_decay=1e-3,
        label_smoothing=0.1,
        padding=2,
        flip=True,
    ),
    "resnet18": Recipe(
        epochs=200, batch_size=128, peak_lr=0.1, weight_decay=5e-4, padding=4, flip=True
    ),
}
"""The recipes of the built-in networks, smallest first."""

LIBRARY_RECIPE = Recipe(epochs=100, batch_size=128, peak_lr=0.05, padding=4, flip=True)
"""What a network from torchvision or timm is trained with where nothing else is said."""


def default_name(image_shape: tuple[int, int, int], device: torch.device) -> str:
    """The network for images of shape (H, W, C): "mlp" below 16 pixels, else by the device."""
    if min(image_shape[:2]) < 16:
        return "mlp"
    return "small" if device.type == "cpu" else "resnet18"


def recipe(name: str) -> Recipe:
    """The default recipe of a network."""
    return RECIPES.get(name, LIBRARY_RECIPE)


def factory(name: str, images: Tensor, num_classes: int) -> Factory:
    """What makes untrained networks of this name; its randomness is torch's global generator.

    Args:
        name: "mlp", "small", "resnet18", or a name of `torchvision.models` or timm.
        images: (n, C, H, W) float32, normalised: a sample, which fixes the shape and from which
            a whitened stem is computed.
        num_classes: how many logits.

    Raises:
        ValueError: no such network, or it does not take images of this shape.
        ImportError: only timm may know it, and timm is not installed.
    """
    channels = images.shape[1]
    if name == "mlp":
        return partial(Mlp, images[0].numel(), num_classes)
    if name == "small":
        if min(images.shape[2:]) < 9:
            raise ValueError(f'"small" needs 9 x 9 pixels; these images have {images.shape[2:]}')
        return partial(SmallNet, whitening_filters(images), num_classes)
    if name == "resnet18":
        return partial(library.cifar_resnet18, channels, num_classes)
    if name in (names := library.torchvision_names()):
        return library.torchvision_factory(name, channels, num_classes)
    if name in (timm_names := library.timm_names()):
        return library.timm_factory(name, channels, num_classes)
    known = [*RECIPES, *names, *timm_names]
    near = get_close_matches(name, known, n=4) or list(RECIPES)
    message = f"no network is called {name!r}; near names are {', '.join(near)}"
    if not timm_names:
        message += "; the networks of timm need `pip install 'prune_env[models]'`"
    raise ValueError(message)
