"""Summary: what a run of one's own has saved, what choosing took, and what was kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prune_env.core.rounds import Rounds
from prune_env.core.signals import TRAIN
from prune_env.text import number

GROUPS = 10
"""Groups of equally many arms that were seen, from the lowest last loss to the highest."""


@dataclass(frozen=True)
class Summary:
    """The numbers of a run so far; `print` shows them."""

    epochs: int
    """how many are over"""
    planned: int
    """how many the loop was to go through; `full_short` takes fewer, a budget says none"""
    num_arms: int
    """N"""
    samples: int
    """how many samples were trained on, each as often as it was"""
    passes: int
    """sample passes, forward 1 and backward 2, with whatever else the agent has to pay for"""
    prior_passes: int
    """those of the prior run that the agent chose by"""
    seconds_training: float
    """wall-clock from the first batch of each epoch to its last"""
    seconds_choosing: float
    """wall-clock of the agent, of what it is shown and of the next order"""
    kept_by_class: tuple[float, ...]
    """share of the epochs in which an arm of each class was trained on; empty without classes"""
    seen: float
    """share of the arms whose loss is known: those that were trained on, or looked at"""
    kept_by_difficulty: tuple[float, ...]
    """as by class, of tenths of the arms that were seen, the lowest last loss first"""

    @property
    def share(self) -> float:
        """Samples trained on, of those that as many epochs on all data have."""
        return self.samples / max(1, self.epochs * self.num_arms)

    @property
    def cost(self) -> float:
        """Passes, of those that as many epochs on all data take."""
        whole = TRAIN * max(1, self.epochs * self.num_arms)
        return (self.passes + self.prior_passes) / whole

    @property
    def cost_of_planned(self) -> float:
        """Passes, of those that the planned epochs on all data take."""
        return self.cost * self.epochs / max(1, self.planned)

    def __str__(self) -> str:
        choosing = self.seconds_choosing / max(1e-9, self.seconds_training + self.seconds_choosing)
        lines = [
            f"{number(self.epochs, 'epoch')} of {self.num_arms:,} samples: {self.share:.1%} of "
            f"them trained on, {self.cost:.1%} of the passes"
            + f", {self.cost_of_planned:.1%} of those of {self.planned} epochs"
            * (self.epochs < self.planned)
            + f", {self.prior_passes:,} in a prior run" * (self.prior_passes > 0),
            f"choosing took {self.seconds_choosing:.1f} s"
            + f", {choosing:.2%} of the time" * (self.seconds_training > 0),
        ]
        if self.kept_by_difficulty:
            of_seen = f" of the {self.seen:.1%} that were seen," if self.seen < 1 else ""
            shares = _shares(self.kept_by_difficulty)
            lines.append(f"kept,{of_seen} from the lowest loss to the highest: {shares}")
        if self.kept_by_class:
            lines.append(f"kept, by class: {_shares(self.kept_by_class)}")
        return "\n".join(lines)


def summarise(rounds: Rounds, planned: int | None, has_labels: bool, prior_passes: int) -> Summary:
    """The summary of a run that was to have so many epochs; None where a budget ends it."""
    arms, clock = rounds.arms, rounds.clock.wall
    pulls, epochs = arms.pulls[0], max(1, int(arms.round[0]))
    seen = np.flatnonzero(arms.last_seen[0])  # of the others a loss is only guessed
    easiest_first = seen[np.argsort(arms.measured["loss"][0, seen], kind="stable")]
    groups = np.array_split(easiest_first, min(GROUPS, len(seen))) if len(seen) else []
    by_class: tuple[float, ...] = ()
    if has_labels and arms.num_classes <= arms.num_arms:  # else they say nothing
        sizes = np.bincount(arms.labels, minlength=arms.num_classes)
        of_class = np.bincount(arms.labels, pulls, arms.num_classes)
        by_class = tuple((of_class / np.maximum(1, sizes) / epochs).tolist())
    return Summary(
        epochs=int(arms.round[0]),
        planned=planned or int(arms.round[0]),
        num_arms=arms.num_arms,
        samples=int(pulls.sum()),
        passes=int(rounds.ledger.charged[0]),
        prior_passes=prior_passes,
        seconds_training=clock["train"],
        seconds_choosing=clock["select"] + clock["observe"],
        kept_by_class=by_class,
        seen=len(seen) / arms.num_arms,
        kept_by_difficulty=tuple(float(pulls[group].mean()) / epochs for group in groups),
    )


def _shares(values: tuple[float, ...], most: int = 20) -> str:
    more = f" ... ({len(values)} in all)" if len(values) > most else ""
    return " ".join(f"{value:.0%}" for value in values[:most]) + more
