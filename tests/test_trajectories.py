"""Every id and every agent does what it did, bit for bit: nothing but a rule may change it.

`python tests/test_trajectories.py` records the digests of this kind of machine, anew after a rule
was changed on purpose. Another processor, torch or numpy adds in another order.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import re
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import prune_agents
import pytest
import torch
from prune_bench.run.episode import run
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.result import without_times

from prune_env import ENVIRONMENTS

RECORDED = Path(__file__).parent / "trajectories.json"
NAMES = sorted(name for name in prune_agents.names() if "[" not in name)
IDS = [env_id for env_id in sorted(ENVIRONMENTS) if "Images" not in env_id]
SMALL = {"limit": 120, "epochs": 3, "network": "small"}
TABLE = {
    "inputs": np.random.default_rng(0).normal(size=(100, 5)),
    "labels": np.arange(100) % 3,
}


def machine(of_generation: str | None = None) -> str:
    """What the bits of floating-point sums depend on."""
    from prune_bench.run.provenance import processor_name

    capability = torch.backends.cpu.get_cpu_capability()
    versions = f"torch {torch.__version__}, numpy {np.__version__}"
    name = processor_name() + (generation() if of_generation is None else of_generation)
    return f"{name}, {platform.machine()}, {capability}, {versions}"


def generation() -> str:
    """Family and model of the processor, 25.17, where Linux says them: libraries go by both."""
    with contextlib.suppress(OSError):
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
        numbers = dict(re.findall(r"^(cpu family|model)\s*: (\d+)$", told, re.MULTILINE))
        if len(numbers) == 2:
            return f" {numbers['cpu family']}.{numbers['model']}"
    return ""


def digest(*parts: Any) -> str:
    """The same for the same arrays and plain values."""
    found = hashlib.sha256()
    for part in parts:
        array = np.asarray(part)
        content = array.tobytes() if array.dtype != object else json.dumps(part, sort_keys=True)
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(content if isinstance(content, bytes) else content.encode())
    return found.hexdigest()[:16]


def rollout(env_id: str, data: str | None) -> str:
    """The digest of all that an environment shows in a run of random actions."""
    torch.set_num_threads(1)  # two add in another order
    options: dict[str, Any] = {}
    if "CIFAR" in env_id:
        options = SMALL | {"data": data}
    if "Arrays" in env_id:
        options = {"data": TABLE, "epochs": 3}
    env = gym.make(env_id, **options)
    env.action_space.seed(5)
    shown = [env.reset(seed=3)]
    over = False
    while not over and len(shown) < 5:
        observation, reward, over, _, info = env.step(env.action_space.sample())
        shown.append((observation, reward, over, info))
    flat: list[Any] = []
    for observation, *rest in shown:
        entries = observation if isinstance(observation, dict) else {"": observation}
        flat += [entries[name] for name in sorted(entries)]
        flat += [json.dumps(value, sort_keys=True, default=float) for value in rest]
    return digest(*flat)


def episode(name: str) -> str:
    """The digest of a result of an agent on the digits: what it kept decides every loss in it."""
    options = RunOptions(agent=name, epochs=5, limit=150, seed=2, evaluate_every=1)
    result = without_times(run(options, Place(threads=1)))
    chosen = {part: result[part] for part in ("history", "kept", "passes")}
    return digest(json.dumps(chosen, sort_keys=True))


@cache
def records() -> dict[str, dict[str, str]]:
    """Of each kind of machine, the digest of every id and every agent that was recorded there."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def recorded(name: str) -> str:
    """The digest that was recorded on this kind of machine."""
    known = records().get(machine()) or records().get(machine(""), {})  # some say no generation
    if name not in known:
        elsewhere = "; ".join(m for m, digests in records().items() if name in digests)
        pytest.skip(f"recorded on {elsewhere}; this is {machine()}")
    return known[name]


def test_everything_is_recorded_on_some_machine():
    assert {*IDS, *NAMES} == {name for digests in records().values() for name in digests}


@pytest.mark.parametrize("env_id", IDS)
def test_an_environment_shows_what_it_showed(env_id, request):
    data = str(request.getfixturevalue("cifar10_path")) if "CIFAR10" in env_id else None
    if "CIFAR100" in env_id:
        data = str(request.getfixturevalue("cifar10_path").parent / "cifar100")
    assert rollout(env_id, data) == recorded(env_id)


@pytest.mark.parametrize("name", NAMES)
def test_an_agent_keeps_what_it_kept(name):
    assert episode(name) == recorded(name)


if __name__ == "__main__":
    shared = Path(__file__).parents[2] / "shared/data"
    found = {
        env_id: rollout(env_id, str(shared / ("cifar100" if "100" in env_id else "cifar10")))
        for env_id in IDS
    }
    found |= {name: episode(name) for name in NAMES}
    content = json.dumps(records() | {machine(): found}, indent=1)
    RECORDED.write_text(content + "\n", encoding="utf-8")
