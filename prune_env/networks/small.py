"""The default network on CPUs: three blocks of two convolutions on a frozen, whitened stem.

After airbench94 (Keller Jordan, arXiv 2404.00498), cut down to what a CPU can afford. Measured on
one core: freezing the stem saves the input gradient of the widest feature map (15 to 42 % of a
step), ReLU in place of GELU 28 %.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (24, 64, 128)
"""Channels of the three blocks; see benchmarks/results/recipe_search.md."""


def whitening_filters(images: Tensor, size: int = 2) -> Tensor:
    """Filters whose responses to the patches of these images are uncorrelated, with variance 1.

    The eigenvectors of the patch covariance, divided by the root of their eigenvalues.

    Args:
        images: (N, C, H, W) float32, normalised.
        size: height and width of a patch.

    Returns:
        (C * size^2, C, size, size) float32, largest eigenvalue first.
    """
    patches = F.unfold(images, size).transpose(1, 2).flatten(0, 1)
    covariance = patches.T @ patches / len(patches)
    eigenvalues, eigenvectors = torch.linalg.eigh(covariance)
    filters = (eigenvectors / torch.sqrt(eigenvalues + 5e-4)).T.flip(0)
    return filters.reshape(-1, images.shape[1], size, size)


class SmallNet(nn.Module):
    """(B, C, H, W) -> (B, num_classes) logits; H and W at least 9."""

    def __init__(self, filters: Tensor, num_classes: int) -> None:
        """Make the network on `whitening_filters`, each of which the stem has with both signs."""
        super().__init__()
        stem = torch.cat([filters, -filters])
        self.stem = nn.Conv2d(stem.shape[1], len(stem), stem.shape[-1], bias=False)
        self.stem.weight = nn.Parameter(stem.clone(), requires_grad=False)
        channels = (len(stem), *WIDTHS)
        self.blocks = nn.Sequential(
            *(_block(before, after) for before, after in zip(channels, WIDTHS, strict=False))
        )
        self.head = nn.Linear(WIDTHS[-1], num_classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, scaled down so that training starts near the uniform guess."""
        features = self.blocks(F.relu(self.stem(images)))
        return self.head(F.adaptive_max_pool2d(features, 1).flatten(1)) / 9


def _block(before: int, after: int) -> nn.Sequential:
    """Two 3x3 convolutions; pooling first leaves a quarter of the pixels to norm and ReLU."""
    return nn.Sequential(
        _conv(before, after),
        nn.MaxPool2d(2),
        _norm(after),
        nn.ReLU(inplace=True),
        _conv(after, after),
        _norm(after),
        nn.ReLU(inplace=True),
    )


def _conv(before: int, after: int) -> nn.Conv2d:
    """A 3x3 convolution whose first filters begin as the identity, as in airbench."""
    conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
    nn.init.dirac_(conv.weight.data[:before])
    return conv


def _norm(channels: int) -> nn.BatchNorm2d:
    """BatchNorm without a learned scale; its averages follow the last few batches."""
    norm = nn.BatchNorm2d(channels, momentum=0.4)
    norm.weight.requires_grad = False
    return norm
