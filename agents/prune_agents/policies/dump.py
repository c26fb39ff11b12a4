"""dump: a soft upper confidence bound over the classes, for what their arms have moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from prune_agents.agent import State
from prune_agents.policies.class_bandit import ClassBandit, class_means
from prune_env.checks import In


@dataclass(frozen=True, kw_only=True)
class DUMP(ClassBandit):
    """DUMP: classes share the places by softmax of how much they still move plus a bonus.

    p_g is proportional to exp((a_g + sqrt(2 ln(n + 1) / (n_g + 1))) / temperature), with n_g the
    arms of class g observed so far, n their sum, at least 1, and a_g the mean absolute advantage of
    the class. Source: arXiv 2504.09710, verified against the authors' code, which mixes sources of
    questions for reinforcement learning; there a_g is over the last 300 answers. Of an arm there is
    no such advantage: here it is the change of clip(loss / log C, 0, 1) since it was last observed,
    over the arms of the class observed in the last round, and groups are classes. Both are this
    project's.
    """

    temperature: Annotated[float, In("(0, inf)")] = 0.1
    """of the softmax"""

    not_of_arms: ClassVar[tuple[str, ...]] = (*ClassBandit.not_of_arms, "advantage", "count")
    revision: ClassVar[int] = 2

    def start(self, num_runs: int, num_arms: int) -> State:
        return super().start(num_runs, num_arms) | {
            "before": np.ones((num_runs, num_arms), np.float32),  # the reward of a guess
            "advantage": np.zeros((num_runs, num_arms)),
            "count": np.zeros((num_runs, num_arms)),
        }

    def learn(
        self,
        state: State,
        of_class: NDArray[np.int64],
        reward: NDArray[np.float32],
        loss: NDArray[np.float32],
        seen: NDArray[np.bool_],
    ) -> None:
        change = np.abs(reward - state["before"])[seen]
        classes, mean = class_means(change, of_class[seen])
        state["advantage"][classes] = mean
        state["count"] += np.bincount(of_class[seen], minlength=len(state["count"]))
        state["before"][seen] = reward[seen]

    def chances(self, state: State, num_classes: int) -> NDArray[Any]:
        count = state["count"][:num_classes]
        bonus = np.sqrt(2 * np.log(max(1, count.sum()) + 1) / (count + 1))
        return softmax((state["advantage"][:num_classes] + bonus) / self.temperature)
