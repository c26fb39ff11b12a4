"""Selection: which arms a round trains on, and with which loss weights.

An action of the environment (a mask or one weight for each arm) becomes a `Selection` by
`decode`, the only place where an action is checked. `best_k` and `random_k` are the two ways in
which nearly every policy turns scores into arms, `quotas` is how places are divided among groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prune_env.text import number

ActionKind = Literal["keep", "weights"]
Counts = int | np.integer | NDArray[np.integer]


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
        many = number(bad, "entry that is", "entries that are")
        raise ValueError(f"the action has {many} NaN or infinite; expected none")
    if kind == "weights":
        weight_max = min(weight_max, float(np.finfo(np.float32).max))
        with np.errstate(over="ignore"):  # what float32 has no number for is refused below
            array = array.astype(np.float32)  # first, for what it cannot tell from 0 prunes
    kept = array != 0
    if kind == "keep":
        if array.dtype.kind != "b" and (bad := int(np.count_nonzero(kept & (array != 1)))):
            many = number(bad, "entry that is", "entries that are")
            raise ValueError(
                f"the action has {many} neither 0 (prune) nor 1 (keep); "
                'loss weights need an environment made with action="weights", as an agent asks for '
                'that has the class attribute action = "weights"'
            )
        weights = None
    else:
        if array.min() < 0 or array.max() > weight_max:
            raise ValueError(
                f"the action has weights from {array.min()} to {array.max()}; "
                f"allowed is 0 to {weight_max}"
            )
        weights = array[kept]
    indices = np.flatnonzero(kept)
    counts = np.diff(np.searchsorted(indices, num_arms * np.arange(num_runs + 1)))
    if not counts.all():
        who = f"run {int(counts.argmin())}" if num_runs > 1 else "the action"
        raise ValueError(f"{who} keeps no arm; at least 1 is needed")
    return Selection(indices, counts, weights)


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


def best_k(scores: NDArray[np.number], k: Counts, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Mask of the k highest scores of each row; where equal scores compete, the lot decides.

    The generator draws only where there is something to decide. np.partition takes 2.8 ns an arm at
    N = 50,000, a hundred-thousandth of an epoch.

    Args:
        scores: (M, N), no NaN.
        k: how many to take, one number or (M,).
        rng: decides among equals.

    Raises:
        ValueError: k is not in [0, N], or a score is NaN.
    """
    check_scores(scores)
    mask = np.zeros(scores.shape, bool)
    num_arms = scores.shape[1]
    for row, values, count in zip(mask, scores, np.broadcast_to(k, len(scores)), strict=True):
        if not 0 <= count <= num_arms:
            raise ValueError(f"k is {count}; allowed is 0 to {num_arms}")
        if count == 0:
            continue
        bar = np.partition(values, num_arms - count)[num_arms - count]
        np.greater(values, bar, out=row)
        tied = np.flatnonzero(values == bar)
        places = count - np.count_nonzero(row)
        row[tied if len(tied) == places else rng.choice(tied, places, False, shuffle=False)] = True
    return mask


class NoNumbers(ValueError):
    """Scores are NaN."""


def check_scores(scores: NDArray[Any]) -> None:
    """Refuse scores that are no numbers: sorting would put them above all others.

    Raises:
        NoNumbers: how many are NaN.
    """
    if bad := int(np.count_nonzero(np.isnan(scores))):
        raise NoNumbers(f"{bad} of {scores.size} scores are NaN; every arm needs a number")


def random_k(allowed: NDArray[np.bool_], k: Counts, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Mask of k arms drawn uniformly without replacement from the allowed arms of each row.

    Args:
        allowed: (M, N) bool, with at least k True in each row.
        k: how many to draw in each row, one number or (M,).
        rng: the source of randomness.

    Raises:
        ValueError: a row allows fewer than k arms.
    """
    mask = np.zeros(allowed.shape, bool)
    for row, free, count in zip(mask, allowed, np.broadcast_to(k, len(allowed)), strict=True):
        num_free = np.count_nonzero(free)
        if count > num_free:
            raise ValueError(f"k is {count}, but only {num_free} arms may be drawn")
        # Of a number, not of an array, which takes 350 us instead of 90 at N = 45,000.
        drawn = rng.choice(num_free, count, False, shuffle=False)
        row[drawn if num_free == len(free) else np.flatnonzero(free)[drawn]] = True
    return mask


def proportional(
    share: NDArray[np.number], capacity: NDArray[np.integer], k: float
) -> NDArray[np.float64]:
    """Split k places among groups in proportion to their shares, none above its capacity.

    What a full group cannot take is split again among the others. Groups of share 0 get places only
    where all others are full, in proportion to their capacities.

    Args:
        share: (G,) 0 or more.
        capacity: (G,) places that each can take; at least k together.
        k: places to give away.

    Returns:
        (G,) float64, k in all.
    """
    quota = np.zeros(len(share))
    for weight in (share, capacity):
        open_ = (quota < capacity) & (weight > 0)
        while (left := k - quota.sum()) > 1e-9 and open_.any():
            quota[open_] += left * weight[open_] / weight[open_].sum()
            full = open_ & (quota >= capacity)
            if not full.any():
                break
            quota[full] = capacity[full]
            open_ &= ~full
    return quota


def quotas(
    share: NDArray[np.number],
    capacity: NDArray[np.integer],
    k: int,
    rng: np.random.Generator | None,
) -> NDArray[np.int64]:
    """`proportional` in whole places, k in all.

    A group has a place for each whole one, and one more with a chance of what is left of its share,
    by systematic sampling: over many rounds it has its share, also where there are fewer places
    than groups.

    Args:
        share: (G,) see `proportional`.
        capacity: (G,) likewise.
        k: places to give away.
        rng: draws who has one more, where not all shares are whole. None, for groups that are dealt
            at random anyway: the largest remainders, of equal ones the first.

    >>> quotas(np.array([1.0, 1.0, 0.0]), np.array([10, 10, 10]), 8, None)
    array([4, 4, 0])
    >>> quotas(np.array([1.0, 0.1, 0.0]), np.array([10, 10, 10]), 25, None)
    array([10, 10,  5])
    """
    quota = proportional(share, capacity, k)
    whole = np.floor(quota + 1e-9).astype(np.int64)
    left = k - int(whole.sum())
    remainder = np.maximum(quota - whole, 0)
    if rng is None:
        whole[np.argsort(-remainder, kind="stable")[:left]] += 1
    elif left:
        order = rng.permutation(len(whole))
        upto = np.cumsum(remainder[order])
        upto *= left / upto[-1]
        upto[-1] = left  # what rounding makes of it may be less
        whole[order] += np.diff(np.floor(upto + rng.random()), prepend=0) > 0
    return whole


def affordable_arms(budget_left: NDArray[np.float32], num_arms: int) -> NDArray[np.float64]:
    """(M,) float64, whole numbers: how many of N arms each run can still pay for.

    Args:
        budget_left: (M, 1) float32, the observation of that name: epochs of the whole data. The
            product with N is off by float32 rounding, which must not cost an arm.
        num_arms: N.
    """
    return np.floor(budget_left[:, 0].astype(np.float64) * num_arms * (1 + 1e-7) + 1e-3)


def within_budget(
    chosen: NDArray[Any], budget_left: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[Any]:
    """Prune a uniform random part of each run that keeps more arms than it can pay for.

    Args:
        chosen: (M, N), nonzero = kept.
        budget_left: (M, 1) float32, in epochs of the whole data.
        rng: the source of randomness.

    Returns:
        `chosen` itself where it can be paid for, else a copy with fewer arms.
    """
    affordable = affordable_arms(budget_left, chosen.shape[1])
    if (affordable >= chosen.shape[1]).all():
        return chosen
    kept = np.array([np.count_nonzero(row) for row in chosen])
    if (kept <= affordable).all():
        return chosen
    chosen = chosen.copy()
    for run in np.flatnonzero(kept > affordable):
        excess = kept[run] - int(affordable[run])
        chosen[run, rng.choice(np.flatnonzero(chosen[run]), excess, replace=False)] = 0
    return chosen
