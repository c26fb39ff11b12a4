"""prune_agents: policies that select which training samples a network trains on."""

# Importing a family registers its agents.
from prune_agents import (  # noqa: F401
    classes,
    contextual,
    coverage,
    dynamics,
    early,
    exp3,
    forgetting,
    full_feedback,
    geometry,
    importance,
    infobatch,
    loss_ema,
    meta,
    repb,
    seta,
    stored_loss,
    thompson,
    ucb1,
    uniform,
)
from prune_agents.agent import Agent, Observation, State
from prune_agents.registry import describe, find, make, names, register

__all__ = ["Agent", "Observation", "State", "describe", "find", "make", "names", "register"]
