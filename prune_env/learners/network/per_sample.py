"""Closer looks at single samples: what the last layer sees, and norms of gradients."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prune_env.learners.network.modes import modes_kept


def linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """The linear layers of a model by their names, in the order in which they were registered.

    Raises:
        ValueError: it has none.
    """
    layers = {n: module for n, module in model.named_modules() if isinstance(module, nn.Linear)}
    if not layers:
        raise ValueError(f"{type(model).__name__} has no linear layer")
    return layers


@torch.no_grad()
def last_linear(model: nn.Module, images: Tensor) -> str:
    """The name of the linear layer that makes the logits of images (B, C, H, W).

    Where they are the output of none, or a view of it, as with a scale behind it, it is the last
    that is called. No value is read, so a GPU is not waited for.

    Raises:
        ValueError: the model has no linear layer, or calls none, or that one is given more than a
            row of numbers of each image, as of each token.
    """
    called: list[tuple[nn.Module, Tensor, int]] = []

    def catch(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        called.append((layer, output, inputs[0].ndim))

    layers = linear_layers(model)
    with ExitStack() as hooks, modes_kept(model):
        for layer in layers.values():
            hooks.enter_context(layer.register_forward_hook(catch))
        logits = model.eval()(images)
    if not called:
        raise ValueError(f"{type(model).__name__} calls none of its linear layers")
    makers = [call for call in called if call[1] is logits or call[1] is logits._base]
    maker, _, dimensions = (makers or called)[-1]
    name = next(name for name, layer in layers.items() if layer is maker)
    if dimensions != 2:
        raise ValueError(
            f"{type(model).__name__} gives its last linear layer {name} inputs of {dimensions} "
            "dimensions; features are (B, D)"
        )
    return name


@torch.no_grad()
def features(model: nn.Module, images: Tensor, head: nn.Linear) -> Tensor:
    """(B, D) float32: what goes into the last linear layer `head`, for images (B, C, H, W)."""
    caught: list[Tensor] = []

    def catch(module: nn.Module, inputs: tuple[Tensor]) -> None:
        caught.append(inputs[0])

    with head.register_forward_pre_hook(catch):
        model(images)
    return caught[0].float()


WIDEST = 256
"""Numbers that the signal `features` has of an arm at most. Of 2048, as of a ResNet-50, a round
that keeps 15,000 of 50,000 arms takes the host 75 ms to store and to show, of 512 17, of 256 9."""


def projection(width: int, device: torch.device) -> Tensor | None:
    """(D, 256) float32: directions at right angles, onto which wider features are projected.

    They are the same in every run, and scaled so that squared distances stay as they are on
    average; one of them is off by about sqrt(2 / 256), a tenth. None where D is at most 256.
    """
    if width <= WIDEST:
        return None
    normal = np.random.default_rng(0).standard_normal((width, WIDEST))
    directions = np.linalg.qr(normal)[0] * (width / WIDEST) ** 0.5
    return torch.from_numpy(directions.astype(np.float32)).to(device)


class WithFeatures(nn.Module):
    """Gives what goes into the last linear layer beside the logits: (B, C), (B, D) float32.

    The layer gets a class that remembers its input. A hook would not do: `torch.compile` does not
    look at hooks when it uses code again, and so took that of a network without one, or wrote into
    the hook of another network.

    Args:
        model: its parameters and their names stay as they are.
        head: its last linear layer.
    """

    def __init__(self, model: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.model, self.head = model, head
        if not isinstance(self.head, _Remembers):
            self.head.__class__ = _remembering(type(self.head))  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits, and the features without a gradient.

        These are to be read before a backward pass: a compiled one writes into activations.
        """
        logits = self.model(images)
        features: Tensor = self.head.seen  # type: ignore[assignment]
        return logits, features.float()


class _Remembers:
    """The part of a linear layer that remembers its input."""

    seen: Tensor

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen = inputs.detach()
        return super().forward(inputs)  # type: ignore[misc]


@cache
def _remembering(kind: type[nn.Linear]) -> type[nn.Linear]:
    """One class for all layers of a kind, so that code compiled for one network does for others."""
    return type(f"Remembering{kind.__name__}", (_Remembers, kind), {})


def last_layer_norms(model: nn.Module, images: Tensor, labels: Tensor, head: nn.Linear) -> Tensor:
    """Norm of the gradient of each loss by the last linear layer, exactly.

    The gradient by its weights is the outer product of the gradient by its output g and of its
    input h, that by its bias is g: the norm is ||g|| sqrt(||h||^2 + 1), without the 1 where there
    is no bias. On logits that are the layer's output, g = p - onehot(y).

    Args:
        model: in evaluation mode, so that samples do not depend on each other.
        images: (B, C, H, W).
        labels: (B,) int64.
        head: its last linear layer.

    Returns:
        (B,) float32.
    """
    caught: list[Tensor] = []

    def cut(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        """Let the graph begin here: only what follows the layer is differentiated."""
        caught[:] = inputs[0].detach(), output.detach().requires_grad_()
        return caught[1]

    with head.register_forward_hook(cut), torch.enable_grad():
        loss = F.cross_entropy(model(images).float(), labels, reduction="sum")
        inputs, output = caught
        (gradient,) = torch.autograd.grad(loss, output)
    bias = 0 if head.bias is None else 1
    return gradient.norm(dim=1) * (inputs.square().sum(dim=1) + bias).sqrt()


def all_layer_norms(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Norm of the gradient of each loss by all parameters that are trained.

    Holds the gradients of B samples at once: B times the parameters in memory.

    Args and returns as `last_layer_norms`, without the layer.
    """
    parameters = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}

    def loss(values: dict[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        logits = torch.func.functional_call(model, values, (image[None],))
        return F.cross_entropy(logits.float(), label[None])

    gradients = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(parameters, images, labels)
    squares = [gradient.flatten(1).square().sum(dim=1) for gradient in gradients.values()]
    return torch.stack(squares).sum(dim=0).sqrt()
