"""Networks from torchvision and timm by name, with a head for the classes at hand."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from torch import Tensor, nn


class FromGray(nn.Module):
    """A network for three channels, fed with one: (B, 1, H, W) -> logits."""

    def __init__(self, network: nn.Module) -> None:
        """Wrap a network that expects (B, 3, H, W)."""
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the image repeated in each channel."""
        return self.network(images.expand(-1, 3, -1, -1))


def cifar_resnet18(channels: int, num_classes: int) -> nn.Module:
    """ResNet-18 as for CIFAR (arXiv 1512.03385 and its common form): 3x3 stem, no pooling."""
    from torchvision.models import resnet18

    network = resnet18(num_classes=num_classes)
    network.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


def torchvision_names() -> list[str]:
    """The classification networks of torchvision."""
    from torchvision import models

    return models.list_models(module=models)


def timm_names() -> list[str]:
    """The networks of timm; empty where timm is not installed."""
    if find_spec("timm") is None:
        return []
    import timm

    return timm.list_models()


def torchvision_factory(name: str, channels: int, num_classes: int) -> Callable[[], nn.Module]:
    """Make untrained networks of `torchvision.models`."""
    from torchvision import models

    # the two with auxiliary classifiers would return three outputs in training
    single_output = {"aux_logits": False} if name in ("googlenet", "inception_v3") else {}

    def make() -> nn.Module:
        network = models.get_model(name, weights=None, num_classes=num_classes, **single_output)
        return FromGray(network) if channels == 1 else network

    return make


def timm_factory(name: str, channels: int, num_classes: int) -> Callable[[], nn.Module]:
    """Make untrained networks of timm."""
    import timm

    return lambda: timm.create_model(name, num_classes=num_classes, in_chans=channels)
