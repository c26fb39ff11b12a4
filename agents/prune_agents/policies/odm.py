"""odm: Exp3 over the classes, rewarded by their losses."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, sqrt
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from prune_agents.agent import State
from prune_agents.policies.class_bandit import ClassBandit, class_means
from prune_env.checks import In


@dataclass(frozen=True, kw_only=True)
class ODM(ClassBandit):
    """Online data mixing: classes share the places by Exp3, an easy class gets fewer.

    After each batch R_g <- R_g + l_g / (10 p_g), with l_g the mean loss of class g in the batch and
    p_g the chance that it was drawn with; p_g = (1 - G e_t) softmax(e_{t-1} R)_g + e_t, e_t = min(
    1 / G, sqrt(ln G / (G t))) for the t-th batch. Source: arXiv 2312.02406, verified against the
    authors' code, for language models whose groups are the domains of the text. Classes as groups
    are this project's, and so is a round as so many batches: the chances stay as they are within
    one. All classes have the same chance until t exceeds G ln G, 23 batches for 10 classes.
    """

    batch_size: Annotated[int, In("[1, inf)")] = 128
    """arms a batch"""

    not_of_arms: ClassVar[tuple[str, ...]] = (*ClassBandit.not_of_arms, "sum")
    revision: ClassVar[int] = 2

    def start(self, num_runs: int, num_arms: int) -> State:
        return super().start(num_runs, num_arms) | {
            "sum": np.zeros((num_runs, num_arms)),
            "batches": np.zeros((num_runs, 1), np.int64),
        }

    def learn(
        self,
        state: State,
        of_class: NDArray[np.int64],
        reward: NDArray[np.float32],
        loss: NDArray[np.float32],
        seen: NDArray[np.bool_],
    ) -> None:
        batches = ceil(np.count_nonzero(seen) / self.batch_size)
        classes, mean = class_means(loss[seen], of_class[seen])
        chance = state["chance"][classes]
        chance[chance == 0] = 1 / len(classes)  # of what was seen before the first choice
        state["sum"][classes] += batches * mean / (10 * chance)
        state["batches"] += batches

    def chances(self, state: State, num_classes: int) -> NDArray[Any]:
        batches = int(state["batches"][0])
        explore, before = (exploration(num_classes, t) for t in (batches, batches - 1))
        odds = softmax(before * state["sum"][:num_classes])
        return (1 - num_classes * explore) * odds + explore


def exploration(num_groups: int, batches: int) -> float:
    """e_t: the least chance of a group at batch t, the same for all at t = 0."""
    even = 1 / num_groups
    return min(even, sqrt(log(num_groups) * even / batches)) if batches > 0 else even
