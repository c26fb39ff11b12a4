"""Ending: what is told when a run is over, or when its loop has ended before that."""

from __future__ import annotations

import os
import sys

from prune_env.core.rounds import Rounds
from prune_env.core.traces import Traces
from prune_env.learners.ranks import Ranks
from prune_env.notices import told_on_screen
from prune_env.training import notes
from prune_env.training.rows import LoopLearner
from prune_env.training.summary import Summary, summarise
from prune_env.training.visit import Visit

_log = told_on_screen(__package__)


class Ending:
    """Shows the summary of a run at its end, by the logger `prune_env.training`.

    Args:
        planned: epochs that the loop was to go through; None where a budget ends it.
        has_labels: whether the class of every sample is known.
        prior: what its prior run has shown.
        quiet: whether nothing is shown.
    """

    def __init__(
        self, planned: int | None, has_labels: bool, prior: Traces | None, quiet: bool
    ) -> None:
        self._told = planned, has_labels, prior.passes if prior else 0
        self._is_first = Ranks.here().rank == 0  # which is not known after the last epoch any more
        self._shows = not quiet and self._is_first
        self._process, self._failure = os.getpid(), _last_failure()

    def summary(self, rounds: Rounds) -> Summary:
        """The numbers of the run so far."""
        return summarise(rounds, *self._told)

    def over(self, rounds: Rounds) -> None:
        """The run is over."""
        if self._shows:
            _log.info(self.summary(rounds))

    def early(self, rounds: Rounds, learner: LoopLearner, kept: Visit) -> None:
        """Nobody has the `Pruned` of these rounds any more, so no more batches come.

        A run that has failed is not told how it ended, nor is a worker process with a copy of it.
        """
        epochs, options = int(rounds.arms.round[0]), rounds.options
        if (os.getpid(), _last_failure()) != (self._process, self._failure):
            return
        unsaid = self._is_first and not kept.told
        if unsaid and epochs == 0 and kept.drawn and kept.untouched:
            notes.unrecorded(kept.left)
        if not self._shows or epochs == 0 or not rounds.ledger.affordable[0]:
            return
        after, told = f"{epochs} of {options.epochs} epochs", f"epochs={options.epochs}"
        if options.budget is not None:
            after = f"{rounds.ledger.progress[0]:.0%} of its budget"
            told = f"budget={options.budget:g}"
        part, drops = "", ""
        if len(learner.trained):
            part = " and a part of the next"
            drops = "; or where drop_last=True has left it open, take pruned.batch_sampler(size)"
        _log.info(
            f"the loop has ended after {after}{part}: the agent and pruned.scheduler go by {told}, "
            "so make it what the loop goes through, unless it was to stop early, or goes on from a "
            f"saved state{drops}\n"
            f"{self.summary(rounds)}"
        )


def _last_failure() -> int:
    """Which exception Python has last printed, since nobody caught it."""
    return id(getattr(sys, "last_value", None))
