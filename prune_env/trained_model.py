"""Trained model: one of Stable-Baselines3, as an agent that chooses arms.

It is known by its shape alone; nothing of Stable-Baselines3 is imported here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from prune_env.core.signals import SIGNALS


def is_model(agent: Any) -> bool:
    """Whether this is a model of Stable-Baselines3 as it was trained."""
    return hasattr(agent, "observation_space") and hasattr(agent, "policy")


class TrainedModel:
    """A model is shown what it was trained on, and answers as it was trained to.

    Args:
        model: it was trained on an id without wrappers.

    Raises:
        ValueError: it observes or acts otherwise than the ids without wrappers, or was trained in
            a VecNormalize that changes observations.
    """

    def __init__(self, model: Any) -> None:
        refuse_normalised(model)
        self.model, self.known_as = model, type(model).__name__
        observed, acted = model.observation_space, model.action_space
        names = tuple(observed) if isinstance(observed, spaces.Dict) else ()
        weights = isinstance(acted, spaces.Box)
        if not names or set(names) - set(SIGNALS) or not (weights or _is_mask(acted)):
            raise ValueError(
                f"the {self.known_as} was trained on other spaces than those of an id "
                f"without wrappers: it observes {_short(observed)} and answers {_short(acted)}; "
                "save it with prune_agents.sb3.save(model, preset, folder) and name the folder"
            )
        self.signals: tuple[str, ...] = names
        self.action = "weights" if weights else "keep"

    def predict(self, observation: Any, state: Any = None) -> Any:
        """Its best action, which draws nothing."""
        shown = {name: observation[name] for name in self.signals}
        action, state = self.model.predict(shown, state, deterministic=True)
        if state is not None:
            raise ValueError(
                f"the {self.known_as} has a recurrent state; save it with "
                "prune_agents.sb3.save(model, preset, folder) and name the folder"
            )
        return action, state


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
