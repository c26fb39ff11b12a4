"""Wrappers with small spaces, for learning agents such as those of Stable-Baselines3.

Choosing wrappers replace the N bits of the action; the arms are chosen inside:

* ``LinearScores`` - a weight for each signal, the arms with the highest weighted sum are kept
* ``LossBins`` - the share kept of each quantile of the loss
* ``Rules`` - the number of a named selection rule
* ``ArmScores`` - a score for each arm, for policies that share one network among the arms
* ``KeepRatio`` - one knob more on any of these: how much to keep this round

Observing wrappers replace the Dict of N-vectors:

* ``SummaryObservation`` - a flat Box of a few dozen numbers, the same size for all data
* ``StackArms`` - a Box of (N, F), for policies that share one network among the arms

The twins, such as ``prune_env/CIFAR10-Scores-v0``, are made of them. Policies over the raw spaces
break: PPO with 50,000 independent bits dies of NaN in its first update.
"""

from prune_env.wrappers.choosing import ArmScores, KeepRatio, LinearScores, LossBins, Rules
from prune_env.wrappers.observing import StackArms, SummaryObservation

__all__ = [
    "ArmScores",
    "KeepRatio",
    "LinearScores",
    "LossBins",
    "Rules",
    "StackArms",
    "SummaryObservation",
]
