"""Modes: a network that is looked at beside training draws nothing, and gets its own modes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def draw_nothing(model: nn.Module, batch_statistics: bool) -> None:
    """Go over to evaluation mode, so that dropout is off; BatchNorm may stay in training mode.

    There it normalises by the batch, as in a network that is trained, and updates its averages.
    """
    model.eval()
    for layer in model.modules():
        if isinstance(layer, _BatchNorm):
            layer.train(batch_statistics)


def train(model: nn.Module, samples: int) -> None:
    """Go over to training mode for a batch of so many samples.

    One has no variance: BatchNorm normalises it by the running averages, and leaves them alone.
    """
    model.train()
    if samples == 1:
        for layer in model.modules():
            if isinstance(layer, _BatchNorm):
                layer.eval()


@contextmanager
def modes_kept(model: nn.Module) -> Iterator[None]:
    """Whatever is done to modes in here, afterwards each module has its own again."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
