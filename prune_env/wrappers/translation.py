"""Translation: what a list of wrappers does to an observation and to an action, for M runs.

Wrappers go around one environment. Their pure parts, `arm_features` and `choosers`, do the same for
many runs at once, and for an agent that was trained through wrappers and runs without.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from prune_env.core.generators import Rng
from prune_env.wrappers import arm_features, choosers, choosing, observing

OBSERVERS = ("SummaryObservation", "StackArms")


class Translation:
    """What a list of wrappers does.

    Args:
        wrappers: (name, arguments) of each, innermost first: one that chooses, perhaps `KeepRatio`,
            one that observes.

    Raises:
        ValueError: another list, or arguments that a wrapper does not have.
    """

    def __init__(self, wrappers: Sequence[tuple[str, dict[str, Any]]]) -> None:
        names = [name for name, _ in wrappers]
        form = len(names) in (2, 3) and names[0] in choosers.CHOOSERS and names[-1] in OBSERVERS
        if not form or names[1:-1] not in ([], ["KeepRatio"]):
            raise ValueError(
                f"wrappers are {names}; expected one that chooses ("
                f"{', '.join(choosers.CHOOSERS)}), perhaps KeepRatio, and one that "
                f"observes ({', '.join(OBSERVERS)})"
            )
        (_, first), (self.observer, observing_with) = wrappers[0], wrappers[-1]
        self.stacks = self.observer == "StackArms"
        for name, given in wrappers:
            wrapper = getattr(choosing, name, None) or getattr(observing, name)
            try:
                inspect.signature(wrapper).bind("env", **given)
            except TypeError as error:
                raise ValueError(f"wrapper {name} cannot be made so: {error}") from None
        self.keep_ratio = choosers.checked_ratio(first.get("keep_ratio", 0.3))
        self._names = arm_features.stacked(observing_with.get("names", arm_features.STACKED))
        chooser: Any = None
        for name, given in wrappers[:-1]:
            options = {k: v for k, v in given.items() if k != "keep_ratio"}
            if name == "Rules" and options.get("rules", ...) is None:
                del options["rules"]
            inner = {"chooser": chooser} if name == "KeepRatio" else {}
            chooser = getattr(choosers, name)(**inner, **options)
        self.chooser: choosers.Chooser = chooser

    def observation_space(self, num_arms: int) -> spaces.Box:
        """What is observed of one run over N arms."""
        size = (num_arms, len(self._names)) if self.stacks else (len(arm_features.SUMMARY),)
        return spaces.Box(-arm_features.BOUND, arm_features.BOUND, size, np.float32)

    def observe(
        self, memory: arm_features.Memory, observation: arm_features.Observation, rng: Rng
    ) -> NDArray[np.float32]:
        """What is observed of M runs: (M, S) or (M, N, F)."""
        if self.stacks:
            return arm_features.stack(self._names, memory, observation, rng)
        return arm_features.summary(memory, observation)
