"""A small perceptron, for images of a few pixels such as the 8x8 digits."""

from __future__ import annotations

from torch import Tensor, nn


class Mlp(nn.Module):
    """(B, C, H, W) -> (B, num_classes) logits through two hidden layers."""

    def __init__(self, num_pixels: int, num_classes: int, width: int = 128) -> None:
        """Make it for num_pixels = C * H * W inputs."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(num_pixels, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, num_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return logits."""
        return self.layers(images)
