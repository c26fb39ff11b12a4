"""Agents of Stable-Baselines3: train them, save them, and use them like any other agent."""

from prune_agents.sb3.agent import SB3Agent, load
from prune_agents.sb3.models import (
    build,
    for_predictions,
    from_zip,
    load_model,
    save,
    saved_preset,
    train,
    training_env,
)
from prune_agents.sb3.presets import ALGORITHMS, Preset

__all__ = [
    "ALGORITHMS",
    "Preset",
    "SB3Agent",
    "build",
    "for_predictions",
    "from_zip",
    "load",
    "load_model",
    "save",
    "saved_preset",
    "train",
    "training_env",
]
