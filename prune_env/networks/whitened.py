"""Networks on a whitened stem: airbench94 (Keller Jordan, arXiv 2404.00498), and smaller ones.

Three blocks of convolutions follow one of 2 x 2 pixels whose filters are not trained.
Measured on one core: freezing its bias too saves the input gradient of the widest feature map (15
to 42 % of a step), ReLU in place of GELU 28 %.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": partial(nn.ReLU, inplace=True),
    "gelu": nn.GELU,
    "silu": partial(nn.SiLU, inplace=True),
}

BLOCK = 1 << 25
"""Numbers of patches at once; 2,000 images of CIFAR are one block, 2,000 of 224 x 224 are 37."""


def whitening_filters(images: Tensor, size: int = 2) -> Tensor:
    """Filters whose responses to the patches of these images are uncorrelated, with variance 1.

    The eigenvectors of the patch covariance, divided by the root of their eigenvalues.

    Args:
        images: (N, C, H, W) float32, normalised.
        size: height and width of a patch.

    Returns:
        (C * size^2, C, size, size) float32, largest eigenvalue first.
    """
    moment, count = torch.zeros(()), 0
    for part in images.split(max(1, BLOCK // (images[0].numel() * size**2))):
        patches = F.unfold(part, size).transpose(1, 2).flatten(0, 1)
        moment, count = moment + patches.T @ patches, count + len(patches)
    eigenvalues, eigenvectors = torch.linalg.eigh(moment / count)
    filters = (eigenvectors / torch.sqrt(eigenvalues + 5e-4)).T.flip(0)
    return filters.reshape(-1, images.shape[1], size, size)


class WhitenedNet(nn.Module):
    """(B, C, H, W) -> (B, num_classes) logits; H and W at least 9.

    Args:
        filters: `whitening_filters`, each of which the stem has with both signs.
        num_classes: how many logits.
        widths: channels of the three blocks.
        convolutions: how many each block has.
        residual: whether the last convolution of a block is added to what it is fed with, where it
            is not the first.
        activation: after the stem and each BatchNorm.
        stem_bias: whether the stem has a bias, which a recipe's `stem_share` trains.
        unit_head: whether the weights of the last layer begin with a standard deviation of 1.
        divisor: what logits are divided by, so that training starts near the uniform guess.
        eps: of BatchNorm.
    """

    def __init__(
        self,
        filters: Tensor,
        num_classes: int,
        widths: tuple[int, int, int],
        *,
        convolutions: tuple[int, int, int] = (2, 2, 2),
        residual: bool = False,
        activation: Literal["relu", "gelu", "silu"] = "relu",
        stem_bias: bool = False,
        unit_head: bool = False,
        divisor: float = 9.0,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.divisor = divisor
        self.activation = ACTIVATIONS[activation]()
        stem = torch.cat([filters, -filters])
        self.stem = nn.Conv2d(stem.shape[1], len(stem), stem.shape[-1], bias=stem_bias)
        self.stem.weight = nn.Parameter(stem.clone(), requires_grad=False)
        channels = (len(stem), *widths)
        self.blocks = nn.Sequential(
            *(
                _block(before, after, count, residual, self.activation, eps)
                for before, after, count in zip(channels, widths, convolutions, strict=False)
            )
        )
        self.head = nn.Linear(widths[-1], num_classes, bias=False)
        if unit_head:
            with torch.no_grad():
                self.head.weight /= self.head.weight.std()

    def forward(self, images: Tensor) -> Tensor:
        """Return logits."""
        features = self.blocks(self.activation(self.stem(images)))
        return self.head(F.adaptive_max_pool2d(features, 1).flatten(1)) / self.divisor


def _block(
    before: int, after: int, count: int, residual: bool, activation: nn.Module, eps: float
) -> nn.Sequential:
    """3x3 convolutions; pooling first leaves a quarter of the pixels to norm and activation."""
    layers: list[nn.Module] = [_conv(before, after), nn.MaxPool2d(2), _norm(after, eps), activation]
    for place in range(1, count):
        more: list[nn.Module] = [_conv(after, after), _norm(after, eps)]
        if residual and place == count - 1:
            more = [Residual(*more)]
        layers += [*more, activation]
    return nn.Sequential(*layers)


class Residual(nn.Sequential):
    """Layers whose output is added to their input."""

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return super().forward(images) + images


def _conv(before: int, after: int) -> nn.Conv2d:
    """A 3x3 convolution whose first filters begin as the identity, as in airbench."""
    conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight.data[:before])
    return conv


def _norm(channels: int, eps: float) -> nn.BatchNorm2d:
    """BatchNorm without a learned scale; its averages follow the last few batches."""
    norm = nn.BatchNorm2d(channels, eps, momentum=0.4)
    norm.weight.requires_grad = False
    return norm
