"""Rewards: what a round earned, one float for each run.

A reward function takes a `RoundOutcome` and returns an (M,) float64 array. One's own is named by
its import path, "my_package.my_module:my_reward", so that an environment's spec stays JSON.

Evaluations are charged where a reward reads validation, and a reward says so itself:

```python
@reads_validation
def accuracy_per_arm(outcome):
    return outcome.val_accuracy / outcome.selection.counts
```

A function that is not marked is not charged, and is not shown validation either: one that reaches
for it is told to be marked. So no cost depends on a name, and nobody reads what is not paid for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from prune_env.core.selection import Selection
from prune_env.learners.protocol import Signals
from prune_env.lookup import imported, is_own, unknown


@dataclass(frozen=True)
class RoundOutcome:
    """What a reward may be made of. All is finite, but for the signals of a run that diverges."""

    selection: Selection
    """The arms that were kept."""
    signals: Signals
    """What the training pass measured of them."""
    kept_loss: NDArray[np.float64]
    """(M,) float64, nats: mean loss of the kept arms, each before its update."""
    val_loss: NDArray[np.float64]
    """(M,) float64, nats, after the round (or the last one measured)."""
    val_loss_before: NDArray[np.float64]
    """(M,) float64, nats; log C before the first evaluation."""
    val_accuracy: NDArray[np.float64]
    """(M,) float64 in [0, 1], after the round."""
    val_accuracy_before: NDArray[np.float64]
    """(M,) float64; 1/C before the first evaluation."""


Function = TypeVar("Function", bound=Callable[[Any], Any])


@dataclass(frozen=True)
class Reward:
    """A reward function, and what it has to be shown."""

    function: Callable[[RoundOutcome], NDArray[np.float64]]
    """what a round earned, (M,)"""
    reads_validation: bool = False
    """whether it reads `val_loss`, `val_accuracy` or what they were before"""

    @staticmethod
    def of(function: Callable[[RoundOutcome], NDArray[np.float64]]) -> Reward:
        """A function as the reward that it says it is."""
        return Reward(function, getattr(function, "reads_validation", False))

    def __call__(self, outcome: RoundOutcome) -> NDArray[np.float64]:
        """(M,): what a round earned."""
        shown: Any = outcome if self.reads_validation else _Blind(outcome)
        return self.function(shown)


def reads_validation(function: Function) -> Function:
    """Decorator: this reward function reads validation, and evaluations are charged."""
    function.reads_validation = True  # type: ignore[attr-defined]
    return function


class _Blind:
    """An outcome without what the validation split says."""

    def __init__(self, outcome: RoundOutcome) -> None:
        self._outcome = outcome

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name.startswith("val_"):
            raise ValueError(
                f"the reward reads {name} and is not marked for it; put "
                "@prune_env.core.rewards.reads_validation above it, then evaluations are charged"
            )
        return getattr(self._outcome, name)


@reads_validation
def val_loss_drop(outcome: RoundOutcome) -> NDArray[np.float64]:
    """The fall of the validation loss: an episode's rewards sum to log C - the last loss."""
    return outcome.val_loss_before - outcome.val_loss


@reads_validation
def val_accuracy_gain(outcome: RoundOutcome) -> NDArray[np.float64]:
    """The rise of the validation accuracy: an episode's rewards sum to the last one - 1/C."""
    return outcome.val_accuracy - outcome.val_accuracy_before


def kept_loss(outcome: RoundOutcome) -> NDArray[np.float64]:
    """The mean loss of the kept arms: the bandit's own reward in arXiv 2111.12621."""
    return outcome.kept_loss


REWARDS = {
    "val_loss_drop": Reward.of(val_loss_drop),
    "val_accuracy_gain": Reward.of(val_accuracy_gain),
    "kept_loss": Reward.of(kept_loss),
}


def find_reward(name: str) -> Reward:
    """A reward by its name in `REWARDS` or its import path "module:function".

    Raises:
        ValueError: no such name, module or function.
    """
    if name in REWARDS:
        return REWARDS[name]
    if not is_own(name):
        own = "one's own is named by its import path, such as my_package.my_module:my_reward"
        raise ValueError(unknown("reward", name, REWARDS, own))
    found = imported("reward", name, "outcome")
    return found if isinstance(found, Reward) else Reward.of(found)


def earned(name: str, reward: Reward, outcome: RoundOutcome) -> NDArray[np.float64]:
    """(M,) float64, finite: what a round earned by this reward; NaN counts as nothing.

    Raises:
        ValueError: the function returned something else than one number for each run.
    """
    rewards = np.array(reward(outcome), np.float64)
    if not np.isfinite(rewards).all():
        largest = float(np.finfo(np.float32).max)  # Stable-Baselines3 holds rewards so
        rewards = np.nan_to_num(rewards, posinf=largest, neginf=-largest)
    if rewards.shape != (expected := outcome.kept_loss.shape):
        raise ValueError(
            f"the reward {name!r} has shape {rewards.shape}; expected {expected}: one number for "
            "each run"
        )
    return rewards
