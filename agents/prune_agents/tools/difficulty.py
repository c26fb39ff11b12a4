"""How hard an arm was in a prior run: pure functions of traces (..., P, N), which return (..., N).

P rounds in order, N arms. Higher means harder, so it is kept, except where said.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def forgetting_events(correct: Array) -> Array:
    """Times that an arm was correct in one round and wrong in the next; inf if never correct."""
    right = correct > 0.5
    events = (right[..., :-1, :] & ~right[..., 1:, :]).sum(axis=-2)
    return np.where(right.any(axis=-2), events, np.inf)


def windows(trace: Array, size: int) -> Array:
    """All runs of `size` consecutive rounds: (..., P - size + 1, N, size), a view."""
    return np.lib.stride_tricks.sliding_window_view(trace, size, axis=-2)


def mean_deviation(trace: Array, window: int) -> Array:
    """Mean over all windows of the standard deviation within the window."""
    return windows(trace, window).std(axis=-1).mean(axis=-2)


def difficulty_times_deviation(confidence: Array, window: int) -> Array:
    """Mean over all windows of (1 - mean confidence) * (standard deviation of the confidence)."""
    parts = windows(confidence, window)
    return ((1 - parts.mean(axis=-1)) * parts.std(axis=-1)).mean(axis=-2)


def moving_unrest(divergence: Array, window: int, decay: float) -> Array:
    """Sum over windows of the norm, within the window, of d_t minus its mean there.

    The newest window weighs `decay`, each older one 1 - decay times as much as the next.

    Args:
        divergence: (..., D, N), d_1 .. d_D between consecutive rounds.
        window: rounds of a window; it has window - 1 values of d.
        decay: in (0, 1].
    """
    parts = windows(divergence, window - 1)
    norms = parts.std(axis=-1) * np.sqrt(window - 1)
    age = np.arange(norms.shape[-2])[::-1, None]
    return (decay * (1 - decay) ** age * norms).sum(axis=-2)
