"""Provenance: what determines a run beside its options.

The data, the source of an agent or an environment of one's own, the threads, the kind of device and
the precision that it decides (all three change the last bits of a convolution). A run's name has
what is unusual of it, so that equal names mean equal runs.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prune_bench.run.sources import env_names
from prune_env import RUNGS
from prune_env.env import PruneEnv
from prune_env.learners.protocol import Sourced

KNOWN = {
    "prune_env/Digits-v0": "0dfc5a127162",
    "prune_env/CIFAR10-v0": "3af5cc46a788",
    "prune_env/CIFAR100-v0": "ef9351c0b005",
    "agents/zoo/ppo-probe": "4af1f6980de5",
}
"""What these names have always meant: the data of an environment (CIFAR as the HuggingFace hub has
it; other layouts have another order), the files of an agent. It adds nothing to a run's name."""

FIRST_NETWORKS = {
    "prune_env/Digits-v0": "mlp",
    "prune_env/CIFAR10-v0": "small",
    "prune_env/CIFAR100-v0": "small",
}
"""What a run whose options name no network stands for, unless its provenance names one: the default
on a CPU when the first boards were made."""

PACKAGES = ("prune_env", "gymnasium", "torch", "numpy", "stable-baselines3")
"""Whose versions a result says."""


@dataclass(frozen=True)
class Provenance:
    """What one run comes from, beside its options. The defaults are the usual."""

    data: str | None = None
    """digest of the data; None where they are those that the environment is known for"""
    agent: str | None = None
    """digest of the source of an agent of one's own"""
    env: str | None = None
    """digest of the source of an environment of one's own, of a reward, network, optimizer ..."""
    threads: int = 1
    """of PyTorch"""
    device: str = "cpu"
    """cpu or cuda"""
    precision: str = "fp32"
    """what a network is computed in where its recipe leaves that to the device"""
    processes: int = 1
    """that train one network together"""
    network: str | None = None
    """where the options name none: the default, unless it is the first that there was"""

    @classmethod
    def of(
        cls,
        options: Mapping[str, Any],
        data: str | None,
        sources: Mapping[str, str | None],
        threads: int,
        device: str,
        precision: str | None,
        processes: int = 1,
        network: str | None = None,
    ) -> Provenance:
        """From the digests as they are.

        Args:
            options: of the run.
            data: digest of the data.
            sources: digests of what is one's own, by name.
            threads: of PyTorch.
            device: such as cuda:1.
            precision: that "auto" stands for there; None where there is no network.
            processes: that train it together.
            network: that is trained; None where there is none, or early results do not say it.
        """
        first = FIRST_NETWORKS.get(options["env"].rpartition(":")[2])
        is_default = first is not None and options["network"] is None
        is_left_open = options["recipe"].get("precision", "auto") == "auto"
        around = [digest for name in env_names(options) if (digest := sources.get(name))]
        return cls(
            data=unless_known(options["env"], data),
            agent=unless_known(options["agent"], sources.get(options["agent"])),
            env=" ".join(around) or None,
            threads=threads,
            device=device.partition(":")[0],
            precision=(precision if is_left_open else None) or "fp32",
            processes=processes,
            network=network if is_default and network != first else None,
        )

    def differences(self, other: Provenance) -> list[str]:
        """In words, what is other here than there."""
        first = "the first default network"
        words = {
            "data": "other data",
            "agent": "another source of the agent",
            "env": "another source of the environment, or other weights",
            "threads": f"{self.threads} threads instead of {other.threads}",
            "device": f"a {self.device} instead of a {other.device}",
            "precision": f"{self.precision} instead of {other.precision}",
            "processes": f"{self.processes} processes instead of {other.processes}",
            "network": f"{self.network or first} instead of {other.network or first}",
        }
        return [what for name, what in words.items() if getattr(self, name) != getattr(other, name)]

    def of_setting(self) -> dict[str, Any]:
        """What is unusual for all agents alike, so that only runs of equal ones are compared."""
        for_all = ("data", "threads", "device", "precision", "processes", "network")
        return {name: value for name, value in self.unusual().items() if name in for_all}

    def unusual(self) -> dict[str, Any]:
        """What differs from the usual."""
        return {n: v for n, v in vars(self).items() if v != getattr(Provenance, n)}


def unless_known(name: str, digest: str | None) -> str | None:
    """A digest, or None where it is what the name has always meant."""
    return None if KNOWN.get(name.rpartition(":")[2]) == digest else digest


def has_network(env: str) -> bool:
    """Whether the environment of this id trains on a device: rungs and their twins do not."""
    name = env.rpartition(":")[2]
    return not any(name.startswith(rung.removesuffix("-v0")) for rung in RUNGS)


# -- what a result says ---------------------------------------------------------------------------


def describe_learner(env: PruneEnv) -> dict[str, Any]:
    """What was trained on what, as far as options leave it to the machine."""
    learner = env.learner
    return {
        "network": getattr(learner, "network", None),
        "precision": getattr(learner, "precision", None),
        "labels": hashlib.sha256(learner.labels.tobytes()).hexdigest()[:12],
        "data": learner.digest if isinstance(learner, Sourced) else None,
    }


def describe_place(env: PruneEnv) -> dict[str, Any]:
    """Hardware and versions, for the reader of a result."""
    import torch

    from prune_env.learners.ranks import Ranks

    device = getattr(env.learner, "device", torch.device("cpu"))
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "device": str(device),
        "gpu": gpu,
        "processor": processor_name(),
        "instructions": instructions(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processes": Ranks.here().size,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "commit": commit(),
    }


@cache
def commit() -> str | None:
    """The git commit that the code is from, with a + if it was changed since; None if unknown.

    Asked for before the first run, so that commits made during a long board do not count.
    """
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=12"]
    try:
        done = subprocess.run(
            [*command, "--exclude=*", "--dirty=+"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def processor_name() -> str:
    """The processor as its maker calls it, where the system tells."""
    return _told().get("model name") or platform.processor() or platform.machine()


def instructions() -> str:
    """What sums are computed with: processors of one name differ in it, and so do their bits."""
    import torch

    told = [f"{name} {_told()[name]}" for name in ("cpu family", "model") if name in _told()]
    return ", ".join([torch.backends.cpu.get_cpu_capability(), *told])


@cache
def _told() -> dict[str, str]:
    """What Linux says of the first processor."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    except OSError:
        return {}
    parts = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in parts}
