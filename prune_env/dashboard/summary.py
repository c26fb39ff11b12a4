"""What a dashboard shows: the numbers of an episode, read off its rounds. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prune_env.core.arm_table import ArmTable
from prune_env.core.rounds import Rounds
from prune_env.core.selection import Selection
from prune_env.core.signals import TRAIN


class Tile(NamedTuple):
    """One number of the headline."""

    value: str
    what: str
    detail: str


@dataclass(frozen=True)
class Summary:
    """What a dashboard shows. Its arrays over the arms may be views: read them only."""

    title: str
    headline: list[Tile]
    rounds: int
    """R, finished so far."""
    position: NDArray[np.float64]
    """(R + 1,) where the start and each round lie on the way to `limit`."""
    limit: float
    """Where the run ends, in `unit`."""
    unit: str
    """"round", or with a budget what was charged, in epochs of the whole data."""
    accuracy: NDArray[np.float64]
    """(R + 1,) on the validation split, in [0, 1]; first a guess, NaN where not evaluated. All NaN
    where there is no such split."""
    kept_share: NDArray[np.float64]
    """(R,) in [0, 1]: the share of the arms that each round kept."""
    choice: dict[str, NDArray[Any]]
    """What the last round kept, and on which losses: see `choice`. Empty at the start."""
    loss: NDArray[np.float32] | None
    """(N,) nats, as last measured, log C before that; None where it is not stored."""
    seen: NDArray[np.bool_]
    """(N,) bool: measured at least once."""
    pulls: NDArray[np.int32]
    """(N,) int32: in how many rounds the arm was kept."""
    labels: NDArray[np.int64]
    """(N,) int64: the class of each arm."""
    images_of: Callable[[NDArray[np.int64]], NDArray[np.uint8]] | None
    """Arms (K,) -> their images (K, H, W, C) uint8; None where the learner has none."""


def summarise(
    rounds: Rounds,
    history: Sequence[Mapping[str, Any]],
    choice: dict[str, NDArray[Any]],
    title: str,
) -> Summary:
    """Read off a single run what its dashboard shows.

    Args:
        rounds: of the one run; it may be at the start, in the middle or over.
        history: the info of each round.
        choice: what `choice` returned before the last round; empty at the start.
        title: the first line.
    """
    arms, options, learner = rounds.arms, rounds.options, rounds.learner
    num_arms, in_rounds = learner.num_arms, options.budget is None
    limit = options.epochs if options.budget is None else options.budget
    cost = np.array([0.0, *(info["passes"] / (TRAIN * num_arms) for info in history)])
    first = 1 / learner.num_classes if rounds.has_validation else np.nan
    accuracy = [info["val_accuracy"] if info["evaluated"] else np.nan for info in history]
    return Summary(
        title=title,
        headline=_headline(rounds, history, float(cost[-1]), limit),
        rounds=len(history),
        position=np.arange(len(cost), dtype=np.float64) if in_rounds else cost,
        limit=limit,
        unit="round" if in_rounds else "cost, epochs of the whole data",
        accuracy=np.array([first, *accuracy]),
        kept_share=np.array([info["kept"] / num_arms for info in history]),
        choice=choice,
        loss=arms.measured["loss"][0] if "loss" in arms.measured else None,
        seen=arms.last_seen[0] > 0,
        pulls=arms.pulls[0],
        labels=learner.labels,
        images_of=_images_of(learner),
    )


def _images_of(learner: Any) -> Callable[[NDArray[np.int64]], NDArray[np.uint8]] | None:
    """What gives images of arms; None where they are none."""
    found = getattr(learner, "images_of", None)
    return None if found is None or found(np.arange(1)) is None else found


def _headline(
    rounds: Rounds, history: Sequence[Mapping[str, Any]], cost: float, limit: float
) -> list[Tile]:
    """Round, share kept, cost, validation and test accuracy; cost in epochs of the whole data."""
    num_arms, in_rounds = rounds.num_arms, rounds.options.budget is None
    last: Mapping[str, Any] = history[-1] if history else {"kept": 0}
    if last.get("diverged"):
        state = "diverged: loss not finite"
    else:
        state = "finished" if rounds.ledger.affordable[0] == 0 else "running"
    kept = _percent(last["kept"] / num_arms) if history else "-"
    spent = "of full training spent" if in_rounds else "of the budget spent"
    tiles = [
        Tile(f"{len(history)} of {limit}" if in_rounds else f"{len(history)}", "rounds", state),
        Tile(kept, "kept in the last round", f"{last['kept']:,} of {num_arms:,} arms"),
        Tile(_percent(cost / limit), spent, f"{cost:.2f} of {limit:g} full epochs"),
        _validation(rounds, history),
    ]
    if "test_accuracy" in last:
        detail = f"loss {last['test_loss']:.2f} nats"
        tiles.append(Tile(_percent(last["test_accuracy"]), "test accuracy", detail))
    elif rounds.options.test:
        tiles.append(Tile("-", "test accuracy", "measured at the end"))
    return tiles


def _validation(rounds: Rounds, history: Sequence[Mapping[str, Any]]) -> Tile:
    """The accuracy on the validation split, where there is one."""
    what = "validation accuracy"
    if not rounds.has_validation:
        return Tile("-", what, "no validation split")
    best = max([1 / rounds.learner.num_classes, *(info["val_accuracy"] for info in history)])
    detail = f"best {_percent(best)}, loss {rounds.val_loss[0]:.2f} nats"
    return Tile(_percent(rounds.val_accuracy[0]), what, detail)


def choice(arms: ArmTable, selection: Selection) -> dict[str, NDArray[Any]]:
    """What a single run is about to keep, and on which losses: training will change those.

    A histogram of the losses after the round would mislead: what a greedy agent keeps for its high
    loss has a low one by then.

    Returns:
        kept (N,) bool; and, where losses are stored, loss (N,) float32 in nats, NaN for arms that
        have not been measured yet.
    """
    kept = np.zeros(arms.num_arms, bool)
    kept[selection.indices] = True
    if "loss" not in arms.measured:
        return {"kept": kept}
    seen = arms.last_seen[0] > 0
    return {"kept": kept, "loss": np.where(seen, arms.measured["loss"][0], np.float32(np.nan))}


def kept_per_bin(
    loss: NDArray[np.floating], kept: NDArray[np.bool_], edges: Sequence[float]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many arms lie in each bin of the loss, and how many of those were kept.

    Args:
        loss: (N,), NaN where it is not known.
        kept: (N,) bool.
        edges: (E,) ascending. Bin 0 is below the first, bin i begins at edges[i - 1]; one more bin
            takes the NaN.

    Returns:
        arms, kept arms: (E + 2,) int64 each.
    """
    bins = np.searchsorted(np.asarray(edges, loss.dtype), loss, side="right")
    bins[np.isnan(loss)] = len(edges) + 1
    size = len(edges) + 2
    return np.bincount(bins, minlength=size), np.bincount(bins[kept], minlength=size)


def pull_groups(pulls: NDArray[np.integer], most: int) -> tuple[list[str], NDArray[np.int64]]:
    """How many arms were never kept, kept once, twice, and so on.

    Args:
        pulls: (N,) times kept.
        most: how many groups there may be, at least 2; neighbours are joined where needed.

    Returns:
        The name of each group, such as "0" or "1-3", and how many arms it has (int64).
    """
    highest = int(pulls.max())
    width = max(1, -(-highest // (most - 1)))
    starts = range(1, highest + 1, width)
    ends = [min(start + width - 1, highest) for start in starts]
    names = [f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True)]
    return ["0", *names], np.bincount(-(-pulls // width), minlength=len(names) + 1)


def extremes(
    pulls: NDArray[np.integer], loss: NDArray[np.floating] | None, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The arms kept most often and those kept least often, each with the utmost first.

    Of arms kept equally often one of higher loss counts as kept more, so that the first are hard
    samples and the second easy ones even where all were kept alike.

    Args:
        pulls: (N,) times kept.
        loss: (N,) nats, at most 100; None to go by the times alone.
        count: how many of each; all if there are fewer.

    Returns:
        most, least: (min(count, N),) int64 each. Takes O(N): no sort of all arms.
    """
    rank = pulls.astype(np.float64)
    if loss is not None:
        rank += loss / 1000
    count = min(count, len(rank))
    most = np.argpartition(-rank, count - 1)[:count]
    least = np.argpartition(rank, count - 1)[:count]
    return most[np.lexsort((most, -rank[most]))], least[np.lexsort((least, rank[least]))]


def missing(s: Summary) -> str:
    """Why there is no histogram of the losses."""
    if s.rounds == 0:
        return "no round yet"
    if s.loss is None:
        return "losses are not stored: loss is not among the signals"
    return "the last round was not drawn: it began without a render_mode"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
