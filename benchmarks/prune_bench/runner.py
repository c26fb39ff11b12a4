"""One run: an agent chooses what an environment trains on, from reset to the end.

`RunOptions` says all that determines a run; `run` returns what happened as one JSON-able dict.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import prune_agents

from prune_bench.options import Pairs
from prune_env.env import PruneEnv
from prune_env.learners.learner import MEASURED

SCHEMA = 1
"""Version of the dict that `run` returns; results/README.md describes it."""


@dataclass(frozen=True)
class RunOptions:
    """What determines a run."""

    env: str = "prune_env/Digits-v0"
    """registered id of the environment"""
    agent: str = "ucb"
    """name of a selection policy, see `prune-env agents`, or its import path module:Class"""
    keep_ratio: float = 0.3
    """share of the arms to keep each round, in (0, 1]"""
    epochs: int | None = None
    """rounds of the run; by default the recipe's"""
    seed: int = 0
    """decides everything random: the network, the data order, the agent"""
    agent_options: Pairs = field(default_factory=dict)
    """further options of the agent, such as c=1.0"""
    network: str | None = None
    """name of the network; by default one that suits the images and the device"""
    recipe: Pairs = field(default_factory=dict)
    """fields of the network's recipe to change, such as peak_lr=0.1"""
    feedback: Literal["semi", "full"] = "semi"
    """observe kept arms only, or also pay for a forward pass over the rest"""
    refresh: int = 1
    """with full feedback: rounds between two passes over the rest"""
    limit: int | None = None
    """use only so many training images"""
    evaluate_every: int = 1
    """rounds between two evaluations"""


@dataclass(frozen=True)
class Place:
    """Where a run happens; none of this changes what comes out."""

    data: str | None = None
    """folder, file or hub name of the data; by default the variable PRUNE_ENV_DATA"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""
    threads: int | None = None
    """threads of PyTorch; by default as many as there are cores"""


def make_env(options: RunOptions, place: Place, agent: Any) -> PruneEnv:
    """The environment of a run, made as its agent wants it."""
    wanted: dict[str, Any] = {
        "data": place.data,
        "device": place.device,
        "network": options.network,
        "recipe": options.recipe,
        "limit": options.limit,
        "feedback": options.feedback,
        "refresh": options.refresh,
        "evaluate_every": options.evaluate_every,
        "signals": ("seen", *(name for name in agent.signals if name != "seen")),
        "action": agent.action,
        "reward": "kept_loss",  # built-in agents read no reward, so none has to be paid for
    }
    env = gym.make(options.env, epochs=options.epochs, **wanted).unwrapped
    assert isinstance(env, PruneEnv)
    wishes = agent.env_options(env.options.epochs)
    if wishes:
        env = gym.make(options.env, **(wanted | {"epochs": options.epochs} | wishes)).unwrapped
        assert isinstance(env, PruneEnv)
    return env


def run(
    options: RunOptions,
    place: Place | None = None,
    on_round: Callable[[PruneEnv, dict[str, Any]], None] = lambda env, row: None,
) -> dict[str, Any]:
    """Run one episode.

    Args:
        options: what determines the run.
        place: where it happens.
        on_round: called with the environment and the row of history after each round.

    Returns:
        The result, see `SCHEMA`; floats and ints are plain Python.

    Raises:
        ValueError, FileNotFoundError: bad options; nothing has been trained then.
    """
    import torch

    place = place or Place()
    if place.threads is not None:
        torch.set_num_threads(place.threads)
    agent = prune_agents.make(
        options.agent, keep_ratio=options.keep_ratio, seed=options.seed, **options.agent_options
    )
    env = make_env(options, place, agent)
    observation, info = env.reset(seed=options.seed)
    state, terminated, history = None, False, []
    while not terminated:
        with env.clock("select"):
            action, state = agent.predict(observation, state)
        observation, _, terminated, _, info = env.step(action)
        row = history_row(env, info)
        history.append(row)
        on_round(env, row)
    return {
        "schema": SCHEMA,
        "options": asdict(options) | {"epochs": env.options.epochs},
        "agent_options": asdict(agent),
        "num_arms": env.learner.num_arms,
        "history": history,
        **summary(history, info),
        "passes": {
            "charged": info["passes"],
            "train": info["passes_train"],
            "refresh": info["passes_refresh"],
            "evaluate": info["passes_evaluate"],
        },
        "seconds": env.clock.wall,
        "cpu_seconds": env.clock.cpu,
        "kept": describe_kept(env),
        "place": describe_place(env),
    }


def history_row(env: PruneEnv, info: dict[str, Any]) -> dict[str, Any]:
    """One round of a result: the info, and the test accuracy wherever there was an evaluation.

    Test accuracies before the end are for the reader of a report only; no agent is shown them.
    """
    row = dict(info)
    if row.pop("evaluated") and "test_accuracy" not in row:
        with env.clock("evaluate"):
            test = env.learner.evaluate("test")
        row |= {"test_loss": float(test.loss[0]), "test_accuracy": float(test.accuracy[0])}
    row["seconds"] = sum(env.clock.wall.values())
    row["cpu_seconds"] = sum(env.clock.cpu.values())
    row["seconds_evaluate"] = env.clock.wall["evaluate"]
    row["cpu_seconds_evaluate"] = env.clock.cpu["evaluate"]
    return row


def summary(history: list[dict[str, Any]], info: dict[str, Any]) -> dict[str, Any]:
    """Last and best accuracy on both splits. The last decides; the best is for comparison."""
    tested = [row["test_accuracy"] for row in history if "test_accuracy" in row]
    return {
        "val_accuracy": {
            "last": info["val_accuracy"],
            "best": max(row["val_accuracy"] for row in history),
        },
        "test_accuracy": {"last": info["test_accuracy"], "best": max(tested)},
        "diverged": info["diverged"],
    }


def describe_kept(env: PruneEnv, sample: int = 5_000, groups: int = 10) -> dict[str, list[float]]:
    """What a finished run kept: by class, by how often, by difficulty.

    For the reader of a report: outside the clock, charged to nobody. Difficulty is the loss under
    the final network of up to `sample` arms, evenly spread over the table, so that it costs no
    more than one evaluation.
    """
    labels, pulls = env.learner.labels, env.rounds.arms.pulls[0]
    classes = env.learner.num_classes
    arms = np.unique(np.linspace(0, env.learner.num_arms - 1, sample).astype(np.int64))
    signals = env.learner.score(arms)
    easiest_first = signals.indices[np.argsort(signals.table[:, MEASURED.index("loss")])]
    return {
        "arms_by_class": np.bincount(labels, minlength=classes).tolist(),
        "pulls_by_class": np.bincount(labels, pulls, classes).astype(int).tolist(),
        "arms_by_pulls": np.bincount(pulls).tolist(),
        "pulls_by_difficulty": [
            float(pulls[group].mean()) for group in np.array_split(easiest_first, groups)
        ],
    }


def describe_place(env: PruneEnv) -> dict[str, Any]:
    """Hardware and versions, for the reader of a result."""
    import torch

    device = getattr(env.learner, "device", torch.device("cpu"))
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    packages = ("prune_env", "gymnasium", "torch", "numpy", "stable-baselines3")
    return {
        "device": str(device),
        "gpu": gpu,
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def processor_name() -> str:
    """The processor as its maker calls it, where the system tells."""
    try:
        with open("/proc/cpuinfo") as lines:
            return next(ln.split(":", 1)[1].strip() for ln in lines if ln.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
