"""Adopted: something that has only `predict`, as an agent that runs like any other.

A class of somebody else, a function object, a model of Stable-Baselines3 that was trained on the id
without wrappers: `predict(observation, state) -> (action, state)` is all that they need.
"""

from __future__ import annotations

from typing import Any

from prune_env.core.signals import FREE
from prune_env.driving import check_signature
from prune_env.trained_model import TrainedModel, is_model

ASKED = ("signals", "action", "env_options", "prior")
"""What a run asks of an agent beside `predict`."""


def adopt(agent: Any, reads_keep_ratio: bool = False) -> Any:
    """The agent itself if it has all that a run asks, else in an `Adopted`.

    Raises:
        ValueError: a model of Stable-Baselines3 that observes or acts otherwise than the ids
            without wrappers.
    """
    if all(hasattr(agent, name) for name in ASKED):
        return agent
    return Adopted(agent, reads_keep_ratio)


class Adopted:
    """What is missing has its default: all that costs nothing is shown, nothing is wished for.

    Args:
        agent: what has `predict`.
        reads_keep_ratio: whether the keep ratio plays a part.
    """

    def __init__(self, agent: Any, reads_keep_ratio: bool) -> None:
        check_signature(agent)
        self.agent: Any = TrainedModel(agent) if is_model(agent) else agent
        self.known_as = type(agent).__name__
        self.reads_keep_ratio = getattr(agent, "reads_keep_ratio", reads_keep_ratio)
        self.keeps_k = getattr(agent, "keeps_k", False)
        self.signals: tuple[str, ...] = tuple(getattr(self.agent, "signals", FREE))
        self.action: str = getattr(self.agent, "action", "keep")

    def predict(self, observation: Any, state: Any = None) -> Any:
        """The answer of what is inside."""
        return self.agent.predict(observation, state)

    def env_options(self, epochs: float) -> dict[str, Any]:
        """Nothing is wished for, unless what is inside does."""
        inside = getattr(self.agent, "env_options", None)
        return inside(epochs) if callable(inside) else {}

    def prior(self, epochs: int) -> Any:
        """No prior run, unless what is inside wants one."""
        inside = getattr(self.agent, "prior", None)
        return inside(epochs) if callable(inside) else None

    def begin(self, traces: Any) -> Any:
        """What is inside is shown the prior run that it wants."""
        return self.agent.begin(traces)
