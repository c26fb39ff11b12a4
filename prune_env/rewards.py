"""Rewards: what a round earned, one float for each run.

A reward function takes a `RoundOutcome` and returns an (M,) float64 array. One's own is named by
its import path, "my_package.my_module:my_reward", so that an environment's spec stays JSON.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.learners.learner import Signals
from prune_env.selection import Selection


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


RewardFunction = Callable[[RoundOutcome], NDArray[np.float64]]


def val_loss_drop(outcome: RoundOutcome) -> NDArray[np.float64]:
    """The fall of the validation loss: an episode's rewards sum to log C - the last loss."""
    return outcome.val_loss_before - outcome.val_loss


def val_accuracy_gain(outcome: RoundOutcome) -> NDArray[np.float64]:
    """The rise of the validation accuracy: an episode's rewards sum to the last one - 1/C."""
    return outcome.val_accuracy - outcome.val_accuracy_before


def kept_loss(outcome: RoundOutcome) -> NDArray[np.float64]:
    """The mean loss of the kept arms: the bandit's own reward in arXiv 2111.12621."""
    return outcome.kept_loss


REWARDS: dict[str, RewardFunction] = {
    "val_loss_drop": val_loss_drop,
    "val_accuracy_gain": val_accuracy_gain,
    "kept_loss": kept_loss,
}


def find_reward(name: str) -> RewardFunction:
    """A reward function by its name in `REWARDS` or its import path "module:function".

    Raises:
        ValueError: no such name, module or function.
    """
    if name in REWARDS:
        return REWARDS[name]
    module, _, attribute = name.partition(":")
    if not attribute:
        near = difflib.get_close_matches(name, REWARDS)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(
            f"unknown reward {name!r}; {hint}allowed are {', '.join(REWARDS)} "
            'and import paths such as "my_package.my_module:my_reward"'
        )
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the reward {name!r} cannot be imported: {error}") from error
    if not callable(found):
        raise ValueError(f"the reward {name!r} is a {type(found).__name__}; expected a function")
    return found


def earned(name: str, reward: RewardFunction, outcome: RoundOutcome) -> NDArray[np.float64]:
    """(M,) float64, finite: what a round earned by this reward; NaN counts as nothing.

    Raises:
        ValueError: the function returned something else than one number for each run.
    """
    rewards = np.nan_to_num(np.asarray(reward(outcome), np.float64))
    if rewards.shape != (expected := outcome.kept_loss.shape):
        raise ValueError(
            f"the reward {name!r} has shape {rewards.shape}; expected {expected}: one number for "
            "each run"
        )
    return rewards
