"""Where in a run the coming round lies, for policies that change on the way: (M, 1) of M runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prune_env.core.moving_averages import Floats, Mask


def schedule(round_: NDArray[np.int64], progress: Floats) -> NDArray[np.float64]:
    """(M, 1) how far the coming round is along the run: 0 in the first, 1 in the last.

    `progress` alone stops short of 1, because it is the share of the run before the round. Rounds
    are taken to cost what those before have cost on average.

    Args:
        round_: (M,) rounds behind.
        progress: (M, 1), the environment's.
    """
    return np.minimum(progress / np.maximum(1 - _of_one_round(round_, progress), 1e-12), 1)


def ends_by(share: float, round_: NDArray[np.int64], progress: Floats) -> Mask:
    """(M, 1) whether the coming round, which is number e of T from 0, has e + 1 <= share * T.

    True in the first round, when a run does not know how long it is. See `schedule`.
    """
    return progress + _of_one_round(round_, progress) <= share + 1e-6  # float32 has 7 digits


def begins_before(share: float, progress: Floats) -> Mask:
    """(M, 1) whether the coming round begins before this share of the run: e < share * T."""
    return progress < share * (1 - 1e-6)


def _of_one_round(round_: NDArray[np.int64], progress: Floats) -> NDArray[np.float64]:
    return progress / np.maximum(round_, 1)[:, None].astype(np.float64)
