"""What was observed of every arm so far: the last value, or a moving average, (M, N) each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

UNSEEN = np.float32(np.inf)
"""The score of an arm that has never been observed: it goes before all others."""


def latest(stored: Floats, value: Floats, seen: Mask) -> Floats:
    """The last observation of each arm; `UNSEEN` stays where there was none."""
    return np.where(seen, value, stored)


def ema(mean: Floats, value: Floats, alpha: float, seen: Mask) -> Floats:
    """Exponential moving average of the arms seen: (1 - alpha) mean + alpha value.

    The first observation of an arm, whose mean is still `UNSEEN`, is taken as it is.
    """
    old = np.where(np.isinf(mean), value, mean)
    return np.where(seen, old + alpha * (value - old), mean)


def ema_variance(variance: Floats, mean: Floats, value: Floats, alpha: float, seen: Mask) -> Floats:
    """Moving variance about the mean from before this value: (1 - a) v + a (value - mean)^2.

    0 after the first observation.
    """
    deviation = np.where(np.isinf(mean), 0, value - mean)
    return np.where(seen, (1 - alpha) * variance + alpha * deviation**2, variance)


def faded(values: Floats, discount: float) -> Floats:
    """What a discount leaves of values, 0 or more; what was above 0 stays above it in float32."""
    return np.maximum(discount * values, np.finfo(np.float32).tiny * (values > 0))
