"""prune_agents: policies that select which training samples a network trains on."""

# Importing a family registers its agents.
from prune_agents import loss_ema, ucb1, uniform  # noqa: F401
from prune_agents.agent import Agent, Observation, State
from prune_agents.registry import describe, find, make, names, register

__all__ = ["Agent", "Observation", "State", "describe", "find", "make", "names", "register"]
