"""Rendered frames: what `env.render()` draws of a run of every environment."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import prune_agents
from PIL import Image
from prune_bench.run.pairs import short_name

from docsite.environments import IDS
from docsite.places import ROOT

NEEDS_DATA = ("CIFAR10", "CIFAR100", "Images")
"""Their data is not in the repository: the frame of CIFAR-10 is, as docs/dashboard.png."""


def draw_frames(folder: Path) -> None:
    """Write a frame for each id."""
    folder.mkdir()
    for env_id in IDS:
        name = short_name(env_id)
        to = folder / f"frame-{name.lower()}.png"
        if name in NEEDS_DATA:
            shutil.copy(ROOT / "docs" / "dashboard.png", to)
        else:
            Image.fromarray(frame(env_id, **_options(name))).save(to)


def _options(name: str) -> dict[str, Any]:
    """What an environment is made with beside the usual."""
    return {"data": table_of_numbers(), "epochs": 8} if name == "Arrays" else {}


def table_of_numbers() -> dict[str, Any]:
    """Inputs (600, 20) and labels, by whether two of the columns have one sign."""
    inputs = np.random.default_rng(0).normal(size=(600, 20))
    return {"inputs": inputs, "labels": np.where(inputs[:, 0] * inputs[:, 1] > 0, "same", "other")}


def frame(env_id: str, rounds: int = 6, **options: Any) -> np.ndarray[Any, Any]:
    """(640, 960, 3) uint8: the dashboard after some rounds of `ucb`."""
    env = gym.make(env_id, render_mode="rgb_array", disable_env_checker=True, **options)
    agent, state = prune_agents.make("ucb", keep_ratio=0.3), None
    observation, _ = env.reset(seed=0)
    for _ in range(rounds):
        action, state = agent.predict(observation, state)
        observation, *_ = env.step(action)
    drawn = env.render()
    assert isinstance(drawn, np.ndarray)
    return drawn
