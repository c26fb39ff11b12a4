"""M small heads at once, by batched matrix products with the gradient written out.

A head is a list of weight matrices, each (M, outputs, inputs + 1) float32: the last input is always
1, so its column is the bias. One matrix is a softmax regression, two are a network with a hidden
layer of ReLUs. Samples are the last axis, (M, features, B), so that a sum over classes adds rows.

An episode of the probe written like this took a twelfth of the CPU of a loop of PyTorch modules
with autograd, a seventh with 64 hidden units, where matrix products weigh more. A loop of the same
NumPy code with M = 1 takes two to three times as long: benchmarks/results/rung_speed_probe.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from prune_env.core.signals import MEASURED, write_columns

Floats = NDArray[np.float32]


def initial_weights(sizes: Sequence[int], rng: np.random.Generator) -> list[Floats]:
    """The matrices of one head, (outputs, inputs + 1).

    Args:
        sizes: features, hidden units if any, classes.
        rng: the source of randomness. Hidden layers begin as He et al. have it; the last matrix
            begins at zero, so that every head begins with a uniform guess.
    """
    weights = []
    for inputs, outputs in pairwise(sizes[:-1]):
        weight = np.sqrt(2 / inputs) * rng.standard_normal((outputs, inputs + 1))
        weight[:, -1] = 0
        weights.append(weight.astype(np.float32))
    return [*weights, np.zeros((sizes[-1], sizes[-2] + 1), np.float32)]


def forward(weights: Sequence[Floats], x: Floats) -> tuple[Floats, list[Floats]]:
    """Logits (M, C, B), and what each matrix was multiplied with, for `backward`.

    Args:
        weights: the matrices of M heads.
        x: (M, F + 1, B), or (F + 1, B) for all of them; the last row is 1.
    """
    inputs = [x]
    for weight in weights[:-1]:
        runs, hidden, _ = weight.shape
        active = np.empty((runs, hidden + 1, x.shape[-1]), np.float32)
        np.maximum(weight @ inputs[-1], 0, out=active[:, :-1])
        active[:, -1] = 1
        inputs.append(active)
    return weights[-1] @ inputs[-1], inputs


def backward(weights: Sequence[Floats], inputs: Sequence[Floats], delta: Floats) -> list[Floats]:
    """The gradient for each matrix.

    Args:
        weights: the matrices of M heads.
        inputs: what `forward` returned.
        delta: (M, C, B), the gradient for the logits.
    """
    gradients = [delta @ inputs[-1].swapaxes(1, 2)]
    for weight, before, active in zip(weights[:0:-1], inputs[-2::-1], inputs[:0:-1], strict=True):
        delta = (weight[:, :, :-1].swapaxes(1, 2) @ delta) * (active[:, :-1] > 0)
        gradients.insert(0, delta @ before.swapaxes(1, 2))
    return gradients


def measure(logits: Floats, labels: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """Softmax, what is measured of each sample, and the gradient of its loss.

    Args:
        logits: (M, C, B).
        labels: (M, B).

    Returns:
        (M, B, 5) float32, the columns of `MEASURED`, and (M, C, B), softmax minus one-hot.
    """
    at_label = (np.arange(len(labels))[:, None], labels, np.arange(labels.shape[1]))
    table = np.empty((*labels.shape, len(MEASURED)), np.float32)
    logits = logits - logits.max(axis=1, keepdims=True)
    delta = np.exp(logits)
    total = delta.sum(axis=1)
    delta /= total[:, None]
    confidence = delta[at_label]
    delta[at_label] = -1
    margin = confidence - delta.max(axis=1)
    delta[at_label] = confidence - 1
    write_columns(
        table,
        loss=np.log(total) - logits[at_label],
        confidence=confidence,
        margin=margin,
        correct=margin > 0,
        error_norm=np.sqrt(np.einsum("mcb,mcb->mb", delta, delta)),
    )
    return table, delta
