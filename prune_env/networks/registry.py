"""From the name of a network to a factory of untrained networks, and to its default recipe."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from prune_env.lookup import Function, imported, is_own, path_of, unknown
from prune_env.networks import library
from prune_env.networks.mlp import Mlp
from prune_env.networks.recipe import Recipe
from prune_env.networks.whitened import WhitenedNet, whitening_filters

Factory = Callable[[], nn.Module]

WHITENED: dict[str, dict[str, Any]] = {
    "small": {"widths": (24, 64, 128)},
    "small_quarter": {"widths": (6, 16, 32)},
    "small_double": {"widths": (48, 128, 256)},
    "cpu90": {"widths": (32, 96, 128), "activation": "silu"},
    "airbench94": {
        "widths": (64, 256, 256),
        "activation": "gelu",
        "stem_bias": True,
        "unit_head": True,
        "divisor": 256.0,
        "eps": 1e-12,
    },
}
"""The networks on a whitened stem: the arguments of `WhitenedNet`."""

AIRBENCH_BATCH = 2000

RECIPES = {
    "mlp": Recipe(epochs=10, batch_size=32, peak_lr=0.1, weight_decay=1e-4),
    # found by the search in benchmarks/results/recipe_search.md
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
    # found by the third search there: 90 % of test accuracy in the time of 13 epochs of "small"
    "cpu90": Recipe(
        epochs=9,
        batch_size=512,
        optimizer="muon",
        peak_lr=0.12,
        warmup=0.1,
        final_lr=0.05,
        momentum=0.6,
        renormalise=True,
        rest_lr_scale=0.8 / 0.12,
        rest_momentum=0.85,
        bias_lr_scale=16,
        weight_decay=5e-4,
        label_smoothing=0.1,
        padding=2,
        flip=True,
    ),
    # airbench94_muon as published but for its test-time augmentation, without which it is reported
    # at 93.2 % on CIFAR-10's 50,000 training images (num_validation=0). The published loss is the
    # sum over a batch, ours the mean, hence the factors of 2000. Lookahead was of airbench94
    # before it had Muon.
    "airbench94": Recipe(
        epochs=8,
        batch_size=AIRBENCH_BATCH,
        optimizer="muon",
        peak_lr=0.24,
        warmup=0.0,
        momentum=0.6,
        renormalise=True,
        rest_lr_scale=0.67 * AIRBENCH_BATCH / 0.24,
        rest_momentum=0.85,
        bias_lr_scale=0.053 / 0.67,
        weight_decay=2e-6 / 0.67,
        bias_weight_decay=2e-6 / 0.053,
        label_smoothing=0.2,
        padding=2,
        flip=True,
        stem_share=3 / 8,
    ),
    # as where 95.2 and 95.6 % are reported, on CIFAR-10's 50,000 training images
    # (num_validation=0); not run by us
    "resnet18": Recipe(
        epochs=200,
        batch_size=128,
        peak_lr=0.1,
        schedule="onecycle",
        warmup=0.3,
        weight_decay=5e-4,
        label_smoothing=0.1,
        padding=4,
        flip=True,
    ),
}
RECIPES |= dict.fromkeys(("small_quarter", "small_double"), RECIPES["small"])
"""The recipes of the built-in networks."""

OWN_RECIPE = Recipe()
"""What a network of one's own is trained with where nothing else is said: no image is meant."""

LIBRARY_RECIPE = Recipe(epochs=100, batch_size=128, peak_lr=0.05, padding=4, flip=True)
"""What a network from torchvision or timm is trained with where nothing else is said."""


TOKENS = (
    "whole numbers are taken for tokens, which need a network of one's own, see docs/own_data.md; "
    "a table of numbers comes as floats, inputs.astype('float32')"
)


def default_name(image_shape: tuple[int, int, int], device: torch.device) -> str:
    """The network for images of shape (H, W, C): "mlp" below 16 pixels, else by the device."""
    if min(image_shape[:2]) < 16:
        return "mlp"
    return "cpu90" if device.type == "cpu" else "resnet18"


def recipe(name: Function) -> Recipe:
    """The default recipe of a network."""
    if is_own(name) or not isinstance(name, str):
        return OWN_RECIPE
    return RECIPES.get(name, LIBRARY_RECIPE)


def is_capturable(name: Function, recipe: Recipe) -> bool:
    """Whether its training steps are known to work as CUDA graphs: nothing in them is one's own."""
    return name in RECIPES and recipe.compile == "off" and not recipe.owns()


def factory(name: Function, images: Tensor, num_classes: int) -> Factory:
    """Find what makes untrained networks of this name, drawing from torch's global generator.

    Args:
        name: one of `RECIPES`, a name of `torchvision.models` or timm, or a function of one's own
            or its import path, see `own_factory`.
        images: (n, C, H, W) float32, normalised: a sample, which fixes the shape and from which
            a whitened stem is computed.
        num_classes: how many logits.

    Raises:
        ValueError: no such network, or it does not take images of this shape.
    """
    if is_own(name) or not isinstance(name, str):
        return own_factory(name, images, num_classes)
    if name == "mlp":
        if not images.is_floating_point():
            raise ValueError(f"the network 'mlp' takes floats; {TOKENS}")
        return partial(Mlp, images[0].numel(), num_classes)
    ours = name in WHITENED or name == "resnet18"
    from_library = None if ours else _of_library(name)
    if images.ndim != 4:
        raise ValueError(
            f"the network {name!r} takes images; inputs of shape {tuple(images.shape[1:])} need "
            "'mlp' or a function of one's own, see docs/own_data.md"
        )
    channels = images.shape[1]
    if name in WHITENED:
        if min(images.shape[2:]) < 9:
            raise ValueError(
                f"{name!r} needs 9 x 9 pixels; got images of {tuple(images.shape[1:])}"
            )
        return partial(WhitenedNet, whitening_filters(images), num_classes, **WHITENED[name])
    if from_library is None:
        return partial(library.cifar_resnet18, channels, num_classes)
    return _checked(from_library(name, channels, num_classes), name, images)


def _of_library(name: str) -> Callable[[str, int, int], Factory]:
    """What makes the networks of this name, in torchvision or timm.

    Raises:
        ValueError: neither has it.
    """
    if name in (of_torchvision := library.torchvision_names()):
        return library.torchvision_factory
    if name in (of_timm := library.timm_names()):
        return library.timm_factory
    more = f"built in are {', '.join(RECIPES)}; one's own is named module:function"
    if not of_timm:
        more += "; the networks of timm need `pip install 'prune_env[models]'`"
    raise ValueError(unknown("network", name, [*RECIPES, *of_torchvision, *of_timm], more))


def own_factory(name: Function, inputs: Tensor, num_classes: int) -> Factory:
    """Make networks by a function of one's own, with whatever weights it gives them.

    ```python
    def make(example_inputs, num_classes):  # up to 2,000 training inputs as the network sees them
        return nn.Sequential(nn.Flatten(), nn.Linear(example_inputs[0].numel(), num_classes))
    ```

    It is called at the beginning of each run, with torch's generators seeded by the run's seed.

    Raises:
        ValueError: it is no module, the same one twice, does not give (B, num_classes) logits, or
            has nothing to train.
    """
    if isinstance(name, nn.Module) or not is_own(name):
        raise ValueError(
            f"network is a {type(name).__name__}; expected a name, or a function from "
            "(example_inputs, num_classes) to a new torch.nn.Module"
        )
    function = imported("network", name, "example_inputs", "num_classes")
    make, what = partial(function, inputs, num_classes), f"the network {path_of(name)!r}"
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        shape = tuple(inputs.shape)
        called = f"of inputs {shape}, a tensor, and {num_classes} classes"
        network = _tried(f"{what} cannot be made {called}", make)
        if not isinstance(network, nn.Module):
            raise ValueError(
                f"{what} returned a {type(network).__name__}; expected a torch.nn.Module"
            )
        if any(isinstance(of, nn.UninitializedParameter) for of in network.parameters()):
            raise ValueError(
                f"{what} has lazy layers, which have no size before their first batch; write the "
                "sizes, as Linear(in, out)"
            )
        if make() is network:
            raise ValueError(f"{what} is the same twice; expected a new one each time")
        few = f"{tuple(inputs[:2].shape)} {str(inputs.dtype).removeprefix('torch.')}"
        fails, expected = f"{what} fails on {few}", (len(inputs[:2]), num_classes)
        logits = _tried(fails, partial(network.eval(), inputs[:2]))
        _check_logits(f"{what} gives", logits, expected)
        if len(inputs) > 1:  # one has no variance for BatchNorm
            trained = _tried(f"{fails} in training mode", partial(network.train(), inputs[:2]))
            _check_logits(f"{what} gives in training mode", trained, expected)
        if not any(parameter.requires_grad for parameter in network.parameters()):
            raise ValueError(
                f"{what} has no parameter that is trained; leave requires_grad of some True, such "
                "as those of the last layer"
            )
    if bool((logits >= 0).all()) and bool(((logits.sum(1) - 1).abs() < 1e-4).all()):
        raise ValueError(
            f"{what} gives probabilities, rows that sum to 1; expected logits: without a softmax"
        )
    return make


def _check_logits(gives: str, logits: Any, expected: tuple[int, int]) -> None:
    if not isinstance(logits, Tensor):
        raise ValueError(f"{gives} a {type(logits).__name__}; expected logits {expected}, a tensor")
    if (shape := tuple(logits.shape)) != expected:
        raise ValueError(f"{gives} logits of shape {shape}; expected {expected}")


def _tried(failure: str, call: Callable[[], Any]) -> Any:
    """What a call of somebody's code gives.

    Raises:
        ValueError: it fails; the cause has its own lines.
    """
    try:
        return call()
    except Exception as error:
        raise ValueError(f"{failure}: {type(error).__name__}: {error}") from error


def _checked(make: Factory, name: str, images: Tensor) -> Factory:
    """Try a network on two images, since many take no small ones; the caller's RNG is kept."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        network = make().eval()
        try:
            network(images[:2])
        except (RuntimeError, ValueError, AssertionError) as error:
            shape = tuple(images.shape[1:])
            raise ValueError(f"{name!r} takes no images of shape {shape}: {error}") from error
    return make
