"""Selection: which arms a round trains on, and with which loss weights.

An action of the environment (a mask or one weight for each arm) becomes a `Selection` by
`decode`, the only place where an action is checked. `top_k` and `random_k` are the two ways
in which nearly every policy turns scores into arms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

ActionKind = Literal["keep", "weights"]


@dataclass(frozen=True)
class Selection:
    """The arms that M runs train on in one round, as flat positions of the (M, N) arm table."""

    indices: NDArray[np.int64]
    """(K,) int64, ascending: run * N + arm; with one run simply the arm."""
    counts: NDArray[np.int64]
    """(M,) int64: how many arms each run keeps; they sum to K."""
    weights: NDArray[np.float32] | None = None
    """(K,) float32: the loss of indices[j] counts weights[j] times; None means 1 for all."""


def decode(
    action: ArrayLike, kind: ActionKind, num_runs: int, num_arms: int, weight_max: float = np.inf
) -> Selection:
    """Check an action of shape (M, N) and turn it into a Selection.

    kind "keep": 1 keeps an arm, 0 prunes it. kind "weights": 0 prunes, w > 0 keeps the arm
    and counts its loss w times.

    Raises:
        ValueError: wrong shape, NaN or infinity, a mask with values other than 0 and 1, a
            weight outside [0, weight_max], or a run that keeps no arm.
    """
    array = as_array(action)
    if array.shape != (num_runs, num_arms):
        raise ValueError(
            f"the action has shape {array.shape}; expected {(num_runs, num_arms)}: "
            "one entry for each arm of each run"
        )
    if array.dtype.kind not in "biuf":
        raise ValueError(f"the action has dtype {array.dtype}; expected numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        raise ValueError(f"the action has {bad} entries that are NaN or infinite; expected none")
    if kind == "weights":
        array = array.astype(np.float32)  # first, for what it cannot tell from 0 prunes
    kept = array != 0
    if kind == "keep":
        if array.dtype.kind != "b" and (bad := int(np.count_nonzero(kept & (array != 1)))):
            raise ValueError(
                f"the action has {bad} entries that are neither 0 (prune) nor 1 (keep); "
                'loss weights need an environment made with action="weights"'
            )
        weights = None
    else:
        if array.min() < 0 or array.max() > weight_max:
            raise ValueError(
                f"the action has weights from {array.min()} to {array.max()}; "
                f"allowed is 0 to {weight_max}"
            )
        weights = array[kept]
    counts = kept.sum(axis=1, dtype=np.int64)
    if not counts.all():
        who = f"run {int(counts.argmin())}" if num_runs > 1 else "the action"
        raise ValueError(f"{who} keeps no arm; at least 1 is needed")
    return Selection(np.flatnonzero(kept), counts, weights)


def as_array(action: Any) -> NDArray[Any]:
    """An action as an array: lists, and tensors wherever they are, are taken too.

    Raises:
        ValueError: it is no array.
    """
    if callable(detach := getattr(action, "detach", None)):  # of torch, with a gradient, on a GPU
        action = detach().cpu()
    try:
        return np.asarray(action)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the action is no array of numbers: {error}") from error


def top_k(scores: NDArray[np.floating], k: int) -> NDArray[np.bool_]:
    """Mask of the k highest scores of each row: (..., N) -> (..., N) bool.

    Ties are broken by position, so break them with noise where that matters. argpartition takes
    2.7 ns an arm at N = 50,000, a hundred-thousandth of an epoch; see benchmarks for the rest.
    """
    num_arms = scores.shape[-1]
    if not 0 <= k <= num_arms:
        raise ValueError(f"k is {k}; allowed is 0 to {num_arms}")
    check_scores(scores)
    mask = np.zeros(scores.shape, bool)
    if k == num_arms:
        mask[...] = True
    elif k:
        best = np.argpartition(scores, num_arms - k, axis=-1)[..., num_arms - k :]
        np.put_along_axis(mask, best, True, axis=-1)
    return mask


def check_scores(scores: NDArray[Any]) -> None:
    """Refuse scores that are no numbers: sorting would put them above all others.

    Raises:
        ValueError: how many are NaN.
    """
    if bad := int(np.count_nonzero(np.isnan(scores))):
        raise ValueError(f"{bad} of {scores.size} scores are NaN; every arm needs a number")


def random_k(allowed: NDArray[np.bool_], k: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Mask of k arms drawn uniformly without replacement from the allowed arms of each row.

    Args:
        allowed: (M, N) bool, with at least k True in each row.
        k: how many to draw in each row.
        rng: the source of randomness.

    Raises:
        ValueError: a row allows fewer than k arms.
    """
    mask = np.zeros(allowed.shape, bool)
    for row, free in zip(mask, allowed, strict=True):
        candidates = np.flatnonzero(free)
        if k > len(candidates):
            raise ValueError(f"k is {k}, but only {len(candidates)} arms may be drawn")
        row[candidates[rng.choice(len(candidates), k, replace=False, shuffle=False)]] = True
    return mask


def affordable_arms(budget_left: NDArray[np.float32], num_arms: int) -> NDArray[np.float64]:
    """(M,) float64, whole numbers: how many of N arms each run can still pay for.

    Args:
        budget_left: (M, 1) float32, the observation of that name: epochs of the whole data. The
            product with N is off by float32 rounding, which must not cost an arm.
        num_arms: N.
    """
    return np.floor(budget_left[:, 0].astype(np.float64) * num_arms * (1 + 1e-7) + 1e-3)
