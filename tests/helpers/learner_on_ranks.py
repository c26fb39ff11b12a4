"""A run of `NetworkLearner` as several processes hold it, for `on_ranks`."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import prune_agents
import torch

import prune_env  # noqa: F401 - registers the ids


def shifted_and_dimmed(inputs: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Each image brighter or darker, and moved by up to 3 pixels, by numbers of its own."""
    moved = [torch.roll(x, int(8 * u[1]) - 4, -1) for x, u in zip(inputs, uniform, strict=True)]
    return torch.stack(moved) * (0.5 + uniform[:, 0]).view(-1, 1, 1, 1)


def focal(log_p: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    log_p = log_p.gather(1, labels[:, None])[:, 0]
    return -((1 - log_p.exp()) ** 2) * log_p


OWN = {"augment": "learner_on_ranks:shifted_and_dimmed", "loss": "learner_on_ranks:focal"}
"""Fields of a recipe."""


def run(agent_name: str, **options: Any) -> dict[str, Any]:
    """A run on the digits: what each round kept and measured, and the network in the end."""
    torch.set_num_threads(1)
    agent = prune_agents.make(agent_name, keep_ratio=0.3)
    made = {"limit": 150, "epochs": 3} | agent.env_options(3) | options
    signals = ("seen", *agent.signals)
    env = gym.make("prune_env/Digits-v0", signals=signals, action=agent.action, **made).unwrapped
    observation, _ = env.reset(seed=4)
    state, over = None, False
    found: dict[str, Any] = {"kept": [], "shown": [], "infos": []}
    while not over:
        action, state = agent.predict(observation, state)
        observation, _, over, _, info = env.step(action)
        found["kept"].append(action)
        found["shown"].append(observation)
        found["infos"].append(info)
    learner = env.learner
    state = learner.state_dict()
    found["weights"] = {name: tensor.numpy() for name, tensor in state["model"].items()}
    reference = state.get("reference", {"model": {}})["model"]
    found["reference"] = {name: tensor.numpy() for name, tensor in reference.items()}
    return found


def runs(cases: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [run(agent, **options) for agent, options in cases]


def one_step(recipe: dict[str, Any]) -> str:
    try:
        run("ucb", recipe=recipe)
    except ValueError as error:
        return str(error)
    return ""
