"""prune_agents: policies that select which training samples a network trains on."""

from prune_agents.agent import Agent, Observation, State
from prune_agents.registry import (
    describe,
    find,
    make,
    make_for_run,
    names,
    reads_keep_ratio,
    register,
    revision,
    saved_folder,
)

__all__ = [
    "Agent",
    "Observation",
    "State",
    "describe",
    "find",
    "make",
    "make_for_run",
    "names",
    "reads_keep_ratio",
    "register",
    "revision",
    "saved_folder",
]
