"""How often a run is evaluated where nobody says it."""

from __future__ import annotations

import math
from typing import Any

from prune_env.core.signals import FORWARD, TRAIN
from prune_env.env import PruneEnv

SHARE = 0.1
"""The most that evaluations may take of the passes of training; the last is on top of that."""


def period(env: PruneEnv, agent: Any, keep_ratio: float) -> int:
    """Rounds between two evaluations, so that they take at most `SHARE` of the passes of training.

    1 where the agent reads validation, which it is then shown anew after every round, and where
    evaluating computes nothing, as on a rung.

    Args:
        env: of the run.
        agent: who chooses.
        keep_ratio: share of the arms that it keeps; all, where it does not read it.
    """
    learner = env.learner
    tested = getattr(learner, "num_test", 0)
    if not tested or env.rounds.ledger.reads_validation:
        return 1
    kept = learner.num_arms * (keep_ratio if getattr(agent, "reads_keep_ratio", True) else 1)
    price = FORWARD * (learner.num_validation + tested)
    return max(1, math.ceil(price / (SHARE * TRAIN * kept)))


def said(env: PruneEnv) -> str:
    """When a run is evaluated, in words."""
    options = env.options
    if options.evaluate_every == 1:
        return "every round"
    is_long = options.budget is None and options.evaluate_every >= options.epochs
    return "the last round" if is_long else f"every {options.evaluate_every} rounds and the last"
