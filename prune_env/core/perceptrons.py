"""Small perceptrons with gradients by hand, one for each of M runs side by side.

A network whose layers have `sizes` units, rectified in between, is one vector of P parameters, so
that M of them travel in a state as an array (M, P), and a step of SGD is a few operations on it.
The heads of the probe rung are such networks, and so is what two agents learn with.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Sizes = tuple[int, ...]


def num_parameters(sizes: Sizes) -> int:
    """P."""
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))


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
    """What the units of each layer are, from the inputs to the outputs, each (M, N, units).

    inputs: (M, N, sizes[0]), or (N, sizes[0]) for all of them.
    """
    units = [inputs]
    for layer, (weight, bias) in enumerate(layers(theta, sizes), start=2):
        reached = units[-1] @ weight
        reached += bias
        if layer < len(sizes):
            np.clip(reached, 0, np.inf, out=reached)  # np.maximum takes three times as long
        units.append(reached)
    return units


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
    for layer, ((weight, _), (by_weight, by_bias), inputs) in reversed(list(enumerate(parts))):
        np.matmul(inputs.swapaxes(1, 2), gradient, out=by_weight)
        by_bias[...] = gradient.sum(axis=1, keepdims=True)
        if layer > 0:
            gradient = gradient @ weight.swapaxes(1, 2)
            gradient *= inputs > 0
    return found
