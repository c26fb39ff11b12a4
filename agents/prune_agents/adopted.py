"""Adopted: something that has only `predict`, as an agent that runs like any other.

A class of somebody else, a function object, a model of Stable-Baselines3 that was trained on the id
without wrappers: `predict(observation, state) -> (action, state)` is all that they need.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from prune_env.core.signals import FREE, SIGNALS
from prune_env.driving import check_signature

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
        self.agent, self.known_as = agent, type(agent).__name__
        self.reads_keep_ratio = getattr(agent, "reads_keep_ratio", reads_keep_ratio)
        self.keeps_k = getattr(agent, "keeps_k", False)
        self.is_model = hasattr(agent, "observation_space") and hasattr(agent, "policy")
        self.signals: tuple[str, ...] = tuple(getattr(agent, "signals", FREE))
        self.action: str = getattr(agent, "action", "keep")
        if self.is_model:
            self._read_spaces(agent)

    def _read_spaces(self, model: Any) -> None:
        """A model is shown what it was trained on, and answers as it was trained to."""
        refuse_normalised(model)
        observed, acted = model.observation_space, model.action_space
        names = tuple(observed) if isinstance(observed, spaces.Dict) else ()
        weights = isinstance(acted, spaces.Box)
        if not names or set(names) - set(SIGNALS) or not (weights or _is_mask(acted)):
            raise ValueError(
                f"the {type(model).__name__} was trained on other spaces than those of an id "
                f"without wrappers: it observes {_short(observed)} and answers {_short(acted)}; "
                "save it with prune_agents.sb3.save(model, preset, folder) and name the folder"
            )
        self.signals, self.action = names, "weights" if weights else "keep"

    def predict(self, observation: Any, state: Any = None) -> Any:
        """The answer of what is inside; of a model its best action, which draws nothing."""
        if not self.is_model:
            return self.agent.predict(observation, state)
        shown = {name: observation[name] for name in self.signals}
        action, state = self.agent.predict(shown, state, deterministic=True)
        if state is not None:
            raise ValueError(
                f"the {type(self.agent).__name__} has a recurrent state; save it with "
                "prune_agents.sb3.save(model, preset, folder) and name the folder"
            )
        return action, state

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


def refuse_normalised(model: Any) -> None:
    """Refuse a model of Stable-Baselines3 that was shown something else than an environment shows.

    Raises:
        ValueError: it was trained in a VecNormalize that changes observations.
    """
    found = getattr(model, "get_vec_normalize_env", lambda: None)()
    if found is not None and found.norm_obs:
        raise ValueError(
            f"the {type(model).__name__} was trained in VecNormalize, whose means it does not "
            "hold, so that as an agent it would be shown what it does not know; train it in "
            "VecNormalize(env, norm_obs=False), or in none"
        )


def _is_mask(space: Any) -> bool:
    return isinstance(space, spaces.MultiBinary) and np.ndim(space.n) == 0


def _short(space: Any) -> str:
    text = " ".join(repr(space).split())
    return text if len(text) <= 60 else f"{text[:60]}..."
