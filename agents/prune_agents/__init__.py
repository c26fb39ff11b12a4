"""prune_agents: policies that select which training samples a network trains on."""

from prune_agents.agent import Agent, Observation, State
from prune_agents.registry import describe, find, make, names, register, revision

__all__ = [
    "Agent",
    "Observation",
    "State",
    "describe",
    "find",
    "make",
    "names",
    "register",
    "revision",
]
