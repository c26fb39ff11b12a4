"""Ledger: what M runs cost in sample passes, what is charged to the agent, and what is left."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.core.arm_table import ArmTable
from prune_env.core.signals import FORWARD, TRAIN

SCRAP = 0.01
"""At most this share of the arms, or of a budget below one epoch, is no round: see `scrap`."""


def scrap(budget: float, num_arms: int) -> float:
    """How many arms are too few for one more round; what is left of a budget for them is not spent.

    Ratios that are rounded down leave some at the end. A batch of two or three takes a step as
    large as any other, and can undo a whole run.

    Args:
        budget: what a run may cost, in epochs of the whole data.
        num_arms: N.
    """
    seen = 1e-6  # an agent reads budget_left as float32
    return max(seen, SCRAP * min(budget, 1.0)) * num_arms


class Ledger:
    """The passes of M runs over N arms: a forward pass of a sample is 1, training on it is 3.

    Args:
        arms: the table whose rounds are paid for.
        epochs: rounds of a run; ignored where there is a budget.
        budget: what a run may cost, in epochs of the whole data, or None.
        evaluate_every: rounds between two evaluations that are charged.
        num_validation: samples of the validation split: what an evaluation costs, in passes.
        reads_validation: whether the agent sees the validation split, and so has to pay for it.
        extra_price: further forward passes for each sample that is measured.

    Raises:
        ValueError: the budget does not pay for one arm.
    """

    def __init__(
        self,
        arms: ArmTable,
        *,
        epochs: int,
        budget: float | None = None,
        evaluate_every: int = 1,
        num_validation: int = 0,
        reads_validation: bool = False,
        extra_price: int = 0,
    ) -> None:
        self.arms, self.epochs, self.budget = arms, epochs, budget
        self.evaluate_every, self.num_validation = evaluate_every, num_validation
        self.reads_validation = reads_validation
        self.forward_price, self.train_price = FORWARD + extra_price, TRAIN + extra_price
        """Passes for each sample of a refresh, and of a training pass."""
        self.passes = {
            name: np.zeros(arms.num_runs, np.int64) for name in ("train", "refresh", "evaluate")
        }
        """(M,) int64 each: the passes so far, by what they were for."""
        if not self.affordable.all():
            price = self.train_price + int(self.evaluation_charge(arms.round + 1).max())
            raise ValueError(
                f"budget is {budget}; one of {arms.num_arms} arms and the evaluation after it cost "
                f"{price / (TRAIN * arms.num_arms):.3g}"
            )

    def reset(self, runs: NDArray[np.bool_]) -> None:
        """Begin anew in these runs. runs: (M,) bool."""
        for counter in self.passes.values():
            counter[runs] = 0

    # -- what is spent ----------------------------------------------------------------------------

    def train(self, counts: NDArray[np.integer]) -> None:
        """Enter a training pass over counts, (M,), arms."""
        self.passes["train"] += self.train_price * counts

    def refresh(self, counts: NDArray[np.integer]) -> None:
        """Enter a forward pass over counts, (M,), arms."""
        self.passes["refresh"] += self.forward_price * counts

    def evaluate(self) -> None:
        """Enter an evaluation after a round where one is due; others are free."""
        self.passes["evaluate"] += np.where(self.is_due(self.arms.round), self.num_validation, 0)

    def is_due(self, round_number: NDArray[np.int32]) -> NDArray[np.bool_]:
        """(M,) bool: whether an evaluation follows these rounds, counted from 1."""
        return round_number % self.evaluate_every == 0

    def evaluation_charge(self, round_number: NDArray[np.int32]) -> NDArray[np.int64]:
        """(M,) passes that the agent pays for the evaluation after these rounds."""
        price = self.num_validation * FORWARD * self.reads_validation
        return np.where(self.is_due(round_number), price, 0)

    @property
    def charged(self) -> NDArray[np.int64]:
        """(M,) passes that the agent has to pay for: evaluations only where it sees them."""
        charged = self.passes["train"] + self.passes["refresh"]
        return charged + self.passes["evaluate"] if self.reads_validation else charged

    # -- what is left -----------------------------------------------------------------------------

    @property
    def affordable(self) -> NDArray[np.int64]:
        """(M,) how many arms the next round may keep; 0 where the run is over."""
        if self.budget is None:
            return np.where(self.arms.round < self.epochs, self.arms.num_arms, 0)
        return np.minimum(self._paid_for(), self.arms.num_arms)

    @property
    def budget_left(self) -> NDArray[np.float64]:
        """(M,) epochs of the whole data still paid for; rounds where there is no budget."""
        if self.budget is None:
            return (self.epochs - self.arms.round).astype(np.float64)
        return self._paid_for() / self.arms.num_arms

    @property
    def progress(self) -> NDArray[np.float64]:
        """(M,) float64 in [0, 1]: the share of the run that is over."""
        if self.budget is None:
            return self.arms.round / self.epochs
        return np.where(self.affordable > 0, np.minimum(self.charged / self._budget_passes, 1), 1.0)

    def share(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """The share of a run, (M,) in (0, 1], that a round on so many arms is."""
        if self.budget is None:
            return np.full(len(counts), 1 / self.epochs)
        return np.minimum(self.train_price * counts / self._budget_passes, 1.0)

    def span(self, counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The fractions of the run, (M,) each, at which a round on so many arms begins and ends."""
        if self.budget is None:
            return self.progress, (self.arms.round + 1) / self.epochs
        end = (self.charged + self.train_price * counts) / self._budget_passes
        return self.charged / self._budget_passes, np.minimum(end, 1.0)

    def goes_on_after(
        self, trained: NDArray[np.int64], looked_at: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """(M,) bool: whether a run chooses again after a round and a look at so many arms, (M,).

        It is asked before the round is paid for.
        """
        finished = self.arms.round + 1
        if self.budget is None:
            return finished < self.epochs
        price = self.train_price * trained + self.forward_price * looked_at
        return self._paid_for(price + self.evaluation_charge(finished), after=1) > 0

    def check(self, counts: NDArray[np.int64]) -> None:
        """Refuse rounds that keep more arms than is paid for. counts: (M,).

        Raises:
            ValueError: how many there are, and how many are allowed.
        """
        affordable = self.affordable
        slack = 1e-6 * self.arms.num_arms  # an agent reads budget_left as float32
        if (over := counts > affordable + slack).any():
            run = int(over.argmax())
            raise ValueError(
                f"the action keeps {counts[run]} arms; the budget of "
                f"{self.budget:g} epochs allows {affordable[run]} more"
            )

    def _paid_for(self, besides: NDArray[np.int64] | int = 0, after: int = 0) -> NDArray[np.int64]:
        """(M,) how many arms the budget pays for after more rounds that cost so many passes."""
        left = self._budget_passes - self.charged - besides
        arms = (left - self.evaluation_charge(self.arms.round + after + 1)) // self.train_price
        assert self.budget is not None
        return np.where(arms > scrap(self.budget, self.arms.num_arms), arms, 0)

    @property
    def _budget_passes(self) -> int:
        assert self.budget is not None
        return round(self.budget * TRAIN * self.arms.num_arms)

    # -- to save and restore ----------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Copies of the counters."""
        return {name: counter.copy() for name, counter in self.passes.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.passes = {name: np.array(counter) for name, counter in state.items()}
