"""Visits: the arms that a pass over the data goes through, which of them are done, and samplers.

A `DataLoader` draws from a sampler long before a loop has trained on what it drew. So a sampler
counts nothing: an arm is done when the loop has recorded it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Sampler

from prune_env.checks import In, check_argument
from prune_env.learners.ranks import Ranks, equal_batches
from prune_env.training import notes
from prune_env.training.distributed import Hand

MOST_UNRECORDED = 10
"""Iterations over an epoch of which nothing is recorded; a loop that waits for the end of the run,
`while not pruned.over`, would have none."""

MOST_EMPTY = 1000
"""Iterations over no arms, when the run is over; an endless generator would never give another."""

CHUNK = 4096
"""Arms that become Python numbers at a time: at ten million all at once would take 400 MB."""


class Visit:
    """A pass over some of N arms in a given order, of which each of several ranks draws its share.

    Args:
        num_arms: N.
        on_begin: called when an iteration begins; `cut` says then of the one before it.
    """

    def __init__(self, num_arms: int, on_begin: Callable[[], None]) -> None:
        self.on_begin = on_begin
        self.told = False
        """Whether it was said that batches are not recorded."""
        self.planned = np.zeros(num_arms, bool)
        """(N,) bool: the arms of this pass."""
        self.waiting = np.zeros(num_arms, bool)
        """(N,) bool: those of them that are not done."""
        self.order = np.empty(0, np.int64)
        """(K,) int64: the arms of this pass, as they are gone through."""
        self.plan(self.order, -1)

    def plan(self, order: NDArray[np.int64], round_index: int) -> None:
        """Begin a new pass over the arms (K,) in this order, in a round counted from 0."""
        self.before, self.order, self.round = self.order, order, round_index
        self.planned[:] = False
        self.planned[order] = True
        self.waiting[:] = self.planned
        self.left = self.length = len(order)
        """How many arms are not done; how many this iteration, or the next one, delivers."""
        self.drawn = 0
        """How many iterations have drawn all of them."""
        self.begun = False
        """Whether an iteration over this pass has begun."""
        self.hand: Hand | None = None
        """With several ranks: what this one draws in this iteration."""
        self._done_in_iteration = 0

    @property
    def done(self) -> int:
        """How many arms are done."""
        return len(self.order) - self.left

    @property
    def untouched(self) -> bool:
        """Whether there are arms in this pass and none of them is done."""
        return self.left == len(self.order) > 0

    @property
    def cut(self) -> bool:
        """Whether this iteration has been gone through in part; after a restart, the one before."""
        ended = self.drawn > 0 and self.done > 0  # and what is left of the pass was dropped
        return self.left > 0 and (self._done_in_iteration > 0 or ended)

    def begin(self) -> None:
        """Begin an iteration, over what is not done; with several ranks all begin.

        Raises:
            ValueError: the ranks have chosen differently; again and again nothing is recorded, or
                left.
        """
        if self.drawn > MOST_EMPTY and len(self.order) == 0:
            raise ValueError(notes.of_over(self.round))
        if self.drawn > 1 and self.untouched:  # one may have been read ahead
            self.told = True
            if self.drawn > MOST_UNRECORDED:
                raise ValueError(notes.of_unrecorded(self.left))
            notes.unrecorded(self.left)
        self.on_begin()
        ranks = Ranks.here()
        ranks.agree(self.order, "selection")
        self.hand = Hand(len(self.planned), ranks) if ranks.size > 1 else None
        done = ~self.waiting[self.order]
        if not done[: self.done].all():  # what a loop took in another order
            self.order = np.concatenate([self.order[done], self.order[~done]])
        self.length = self.left
        self.begun = True
        self._done_in_iteration = 0

    def draw(self, arms: NDArray[np.int64]) -> NDArray[np.int64]:
        """What this rank draws of (K,) arms."""
        return arms if self.hand is None else self.hand.draw(arms)

    def count(self, arms: NDArray[np.int64]) -> int:
        """How many arms are done on all ranks when each has done as many as these, (B,)."""
        return len(arms) if self.hand is None else self.hand.count(arms)

    def has(self, arms: NDArray[np.int64]) -> bool:
        """Whether these, (B,), were drawn here."""
        return bool((self.planned if self.hand is None else self.hand.dealt)[arms].all())

    def tick(self, arms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Count arms, (B,) of this pass, as done; returns which of them are to be recorded.

        Those are the ones that were not done before, without spares.
        """
        fresh = self.waiting[arms]
        _, first = np.unique(arms, return_index=True)
        if len(first) < len(arms):  # an arm that is twice in a batch counts once
            once = np.zeros(len(arms), bool)
            once[first] = True
            fresh = fresh & once
        self.waiting[arms] = False
        count = self.count(arms[fresh])
        self.left -= count
        self._done_in_iteration += count
        return fresh if self.hand is None else fresh & self.hand.own(arms)

    def know(self, arms: NDArray[np.int64]) -> None:
        """Take over that these, (K,), are done, which other ranks have counted."""
        self.waiting[arms] = False

    def state_dict(self) -> dict[str, Any]:
        """What is not done; the order follows from the round."""
        return {"waiting": self.waiting.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a pass that has been planned again."""
        self.waiting[:] = state["waiting"]
        self.left = self.length = int(np.count_nonzero(self.waiting))


class Passage(Iterator[Any]):
    """One iteration over a visit: arms, or lists of them. It begins when its first is asked for.

    torchdata's StatefulDataLoader saves and restores it; a plain `DataLoader` goes on after a
    restart with what the visit says is not done.
    """

    def __init__(
        self, visit: Visit, cut: Callable[[Visit, NDArray[np.int64], int], Iterator[Any]]
    ) -> None:
        self._visit, self._cut = visit, cut
        self._stream: Iterator[Any] | None = None
        self._loaded: tuple[int, int] | None = None
        self._position, self._round, self._over = 0, -1, False

    def __next__(self) -> Any:
        if self._stream is None:
            self._stream = self._begin()
        try:
            drawn = next(self._stream)
        except StopIteration:
            if not self._over:
                self._visit.drawn += self._visit.round == self._round
            self._over = True
            raise
        arms = drawn if isinstance(drawn, list) else [drawn]
        hand = self._visit.hand
        self._position += len(arms) if hand is None else hand.count(np.array(arms))
        return drawn

    def _begin(self) -> Iterator[Any]:
        visit = self._visit
        visit.begin()
        of, self._position = self._loaded or (visit.round, visit.done)
        self._round = of
        if of == visit.round - 1 and visit.done == 0:
            # saved when all of its epoch was recorded: what is left of it the loader itself skips
            return self._cut(visit, visit.before, self._position)
        if of != visit.round:
            raise ValueError(
                f"the loader's state is of round {of}, and the sampler's round is {visit.round}; "
                "load the state of `Pruned` that was saved with it"
            )
        return self._cut(visit, visit.order, self._position)

    def state_dict(self) -> dict[str, int]:
        """The round, and how many arms of its order have been drawn, on all ranks."""
        begun = self._round >= 0
        return {"round": self._round if begun else self._visit.round, "position": self._position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from there."""
        self._loaded = self._round, self._position = state["round"], state["position"]


class OfVisit(Sampler[Any]):
    """Draws from a visit."""

    def set_epoch(self, epoch: int) -> None:
        """Nothing, for loops that call it: epochs are counted by what is recorded."""


class ArmSampler(OfVisit):
    """The arms of a visit, one by one: `DataLoader(..., sampler=)`."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    def __iter__(self) -> Iterator[int]:
        return Passage(self._visit, _one_by_one)

    def __len__(self) -> int:
        return -(-self._visit.length // Ranks.here().size)


class EqualBatches(OfVisit):
    """The arms of a visit in batches as equal as can be: `DataLoader(..., batch_sampler=)`.

    So no batch is small, and none has to be dropped: a small one makes BatchNorm and the step size
    erratic.

    Args:
        visit: the arms.
        batch_size: samples a batch at most, of each rank.
    """

    def __init__(self, visit: Visit, batch_size: int) -> None:
        check_argument("batch_size", batch_size, Annotated[int, In("[1, inf)")])
        self._visit, self.batch_size = visit, batch_size

    def __iter__(self) -> Iterator[list[int]]:
        return Passage(self._visit, self._batches)

    def __len__(self) -> int:
        visit = self._visit
        first = len(visit.order) - visit.length
        return sum(end > first for end in self._edges(len(visit.order))[1:])

    def _edges(self, num_arms: int) -> list[int]:
        return equal_batches(num_arms, self.batch_size * Ranks.here().size)

    def _batches(self, visit: Visit, order: NDArray[np.int64], first: int) -> Iterator[list[int]]:
        for begin, end in pairwise(self._edges(len(order))):
            if end > first:
                yield visit.draw(order[max(begin, first) : end]).tolist()


def _one_by_one(visit: Visit, order: NDArray[np.int64], first: int) -> Iterator[int]:
    chunk = CHUNK * Ranks.here().size
    for begin in range(first, len(order), chunk):
        yield from visit.draw(order[begin : begin + chunk]).tolist()


def only(
    fresh: NDArray[np.bool_], arms: NDArray[np.int64], values: dict[str, Tensor]
) -> tuple[NDArray[np.int64], dict[str, Tensor]]:
    """What was measured of those of (B,) arms that are fresh."""
    if fresh.all():
        return arms, values
    index = torch.from_numpy(np.flatnonzero(fresh))
    return arms[fresh], {name: value[index.to(value.device)] for name, value in values.items()}
