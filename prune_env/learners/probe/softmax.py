"""What a head says of a sample: softmax, the columns of a learner's table, and the gradient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prune_env.core.signals import MEASURED, write_columns

Floats = NDArray[np.float32]


def measure(logits: Floats, labels: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """Softmax, what is measured of each sample, and the gradient of its loss.

    Classes come before samples, so that a sum over classes adds rows.

    Args:
        logits: (M, C, B).
        labels: (M, B).

    Returns:
        (M, B, 5) float32, the columns of `MEASURED`, each of them contiguous, and (M, C, B),
        softmax minus one-hot.
    """
    shifted, delta, total = _softmax(logits)
    at_label = _at(labels, logits.shape[1])
    flat = delta.reshape(-1)
    confidence = flat[at_label]
    flat[at_label] = -1
    margin = confidence - delta.max(axis=1)
    flat[at_label] = confidence - 1
    table = np.moveaxis(np.empty((len(MEASURED), *labels.shape), np.float32), 0, -1)
    write_columns(
        table,
        loss=np.log(total) - shifted.reshape(-1)[at_label],
        confidence=confidence,
        margin=margin,
        correct=margin > 0,
        error_norm=np.sqrt(np.einsum("mcb,mcb->mb", delta, delta)),
    )
    return table, delta


def loss_and_correct(logits: Floats, labels: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """Of each sample, (M, B) each: the two columns of `measure` that an evaluation needs."""
    shifted, delta, total = _softmax(logits)
    at_label = _at(labels, logits.shape[1])
    flat = delta.reshape(-1)
    confidence = flat[at_label]
    flat[at_label] = -1
    correct = confidence > delta.max(axis=1)
    return np.log(total) - shifted.reshape(-1)[at_label], correct


def _softmax(logits: Floats) -> tuple[Floats, Floats, Floats]:
    """Logits less their maximum and softmax, (M, C, B) each, and its denominator, (M, B)."""
    shifted = np.ascontiguousarray(logits)
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    softmax = np.exp(shifted)
    total = softmax.sum(axis=1)
    softmax /= total[:, None]
    return shifted, softmax, total


def _at(labels: NDArray[np.integer], num_classes: int) -> NDArray[np.int64]:
    """(M, B): where the entry of each label lies in a flat (M, C, B)."""
    runs, size = labels.shape
    found = labels * size
    found += np.arange(size)
    found += (np.arange(runs) * num_classes * size)[:, None]
    return found
