"""Functions of one's own in a training step: the loss of a sample, and how inputs are augmented."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from prune_env.lookup import imported, path_of
from prune_env.networks.recipe import Recipe

NUMBERS = 8
"""Random numbers that an augmentation of one's own is given of each arm."""

Augment = Callable[[Tensor, Tensor], Tensor]
"""From inputs (B, ...) and (B, 8) random numbers to inputs, as `augment_of` says."""
Loss = Callable[[Tensor, Tensor], Tensor]
"""From (B, C) log-probabilities and (B,) labels to (B,), what training makes small."""


def loss_of(recipe: Recipe) -> Loss:
    """The recipe's loss: cross-entropy with its label smoothing, or one of one's own.

    ```python
    def focal(log_p, labels):  # (B, C) float32 log-probabilities, (B,) int64 -> (B,)
        log_p = log_p.gather(1, labels[:, None])[:, 0]
        return -((1 - log_p.exp()) ** 2) * log_p
    ```
    """
    if recipe.loss == "cross_entropy":
        return partial(_cross_entropy, recipe.label_smoothing)
    return partial(
        _own_loss, imported("loss", recipe.loss, "log_p", "labels"), path_of(recipe.loss)
    )


def _cross_entropy(smoothing: float, log_p: Tensor, labels: Tensor) -> Tensor:
    loss = -(1 - smoothing) * log_p.gather(1, labels[:, None])[:, 0]
    return loss - smoothing * log_p.mean(1) if smoothing else loss


def _own_loss(function: Loss, name: str, log_p: Tensor, labels: Tensor) -> Tensor:
    loss = function(log_p, labels)
    if (shape := getattr(loss, "shape", ())) != labels.shape:
        raise ValueError(
            f"the loss {name!r} has shape {tuple(shape)}; expected {tuple(labels.shape)}: one "
            "number for each sample"
        )
    return loss


def draw_uniform(num_arms: int, seed: int, number: int) -> NDArray[np.float32]:
    """(8, N) float32 in [0, 1): what round `number` augments all N arms by, kept or not."""
    rng = np.random.default_rng((seed, number, NUMBERS))
    return rng.random((NUMBERS, num_arms), np.float32)


def augment_of(recipe: Recipe) -> Augment | None:
    """What changes inputs (B, ...) in training, a function of one's own; None where there is none.

    ```python
    def brighter(inputs, uniform):  # (B, C, H, W), (B, 8) float32 in [0, 1)
        return inputs + 0.2 * (uniform[:, 0] - 0.5).view(-1, 1, 1, 1)
    ```

    The numbers are drawn for all arms of a round, so that what becomes of an arm depends neither on
    which others are kept nor on how many processes train. What torch's own generators draw does.
    """
    if recipe.augment is None:
        return None
    function = imported("augment", recipe.augment, "inputs", "uniform")
    return partial(_own_augment, function, path_of(recipe.augment))


def _own_augment(function: Augment, name: str, inputs: Tensor, uniform: Tensor) -> Tensor:
    changed = function(inputs, uniform)
    came = getattr(changed, "shape", ()), getattr(changed, "dtype", type(changed).__name__)
    if came[0][:1] != inputs.shape[:1] or came[1] != inputs.dtype:
        raise ValueError(
            f"the augment {name!r} gives {came[1]} of shape {tuple(came[0])}; expected "
            f"{inputs.dtype} of ({len(inputs)}, ...)"
        )
    return changed
