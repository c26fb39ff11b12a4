"""What a guess among the C classes loses: log C, by which policies scale losses."""

from __future__ import annotations

import numpy as np

from prune_env.core.moving_averages import Floats


def remember_guess(log_classes: Floats, loss: Floats) -> None:
    """Write log C where it is not known yet.

    It is the loss of an arm that was never observed, so it is read off the first observation. In a
    loop without classes that is 0, and the highest loss of the first round stands for it.

    Args:
        log_classes: (M, 1), 0 where it is not known; written.
        loss: (M, N) as observed.
    """
    unknown = log_classes[:, 0] == 0
    log_classes[unknown, 0] = loss[unknown].max(axis=1)


def in_guesses(loss: Floats, log_classes: Floats) -> Floats:
    """(M, N) the loss by log C, (M, 1); as it is where that is 0, as of one class."""
    scale: Floats = np.where(log_classes > 0, log_classes, np.float32(1))
    return loss / scale
