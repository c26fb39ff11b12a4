"""Small perceptrons with gradients by hand, one for each of M runs side by side.

A network whose layers have `sizes` units, rectified in between, is one vector of P parameters, so
that M of them travel in a state as an array (M, P).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Sizes = tuple[int, ...]


def initial(sizes: Sizes, rng: np.random.Generator) -> Floats:
    """(P,) random weights after He, but 0 in the last layer: every output is 0 at first."""
    parts = []
    for inputs, outputs in pairwise(sizes):
        weight = rng.standard_normal(inputs * outputs) * np.sqrt(2 / inputs)
        parts += [weight, np.zeros(outputs)]
    parts[-2][:] = 0
    return np.concatenate(parts).astype(np.float32)


def layers(theta: Floats, sizes: Sizes) -> list[tuple[Floats, Floats]]:
    """Weights (M, inputs, outputs) and biases (M, 1, outputs) of each layer: views of (M, P)."""
    found, end = [], 0
    for inputs, outputs in pairwise(sizes):
        start, middle, end = end, end + inputs * outputs, end + (inputs + 1) * outputs
        weight = theta[:, start:middle].reshape(-1, inputs, outputs)
        found.append((weight, theta[:, None, middle:end]))
    return found


def forward(theta: Floats, sizes: Sizes, inputs: Floats) -> list[Floats]:
    """What the units of each layer are, from the inputs to the outputs, each (M, N, units)."""
    *hidden, (weight, bias) = layers(theta, sizes)
    units = [inputs]
    for hidden_weight, hidden_bias in hidden:
        units.append(np.maximum(units[-1] @ hidden_weight + hidden_bias, 0))
    return [*units, units[-1] @ weight + bias]


def backward(theta: Floats, sizes: Sizes, units: list[Floats], gradient: Floats) -> Floats:
    """The gradient by theta, (M, P), of what has this gradient by the outputs, (M, N, units).

    Args:
        theta: (M, P).
        sizes: units of each layer.
        units: what `forward` returned.
        gradient: by the outputs, summed over the N inputs.
    """
    found = np.empty_like(theta)
    parts = list(zip(layers(theta, sizes), layers(found, sizes), units[:-1], strict=True))
    for (weight, _), (by_weight, by_bias), inputs in reversed(parts):
        by_weight[...] = inputs.swapaxes(1, 2) @ gradient
        by_bias[...] = gradient.sum(axis=1, keepdims=True)
        gradient = gradient @ weight.swapaxes(1, 2) * (inputs > 0)
    return found
