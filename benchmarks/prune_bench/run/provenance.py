"""Provenance: what determines a run beside its options.

The data, the source of an agent or an environment of one's own, the threads, the kind of device and
the precision that it decides (all three change the last bits of a convolution). A run's name has
what is unusual of it, so that equal names mean equal runs. Nothing that is looked at here is
imported or run.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import os
import platform
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium as gym
from prune_agents.policies import learned
from prune_agents.registry import inside, own_module, saved_folder

from prune_bench.run.pairs import split_agent
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

CODE = ("reward", "learner", "tokenizer", "network", "recipe")
"""Arguments of an environment that may name code of one's own; of a recipe, each of its fields."""


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


# -- sources --------------------------------------------------------------------------------------


def has_network(env: str) -> bool:
    """Whether the environment of this id trains on a device: rungs and their twins do not."""
    name = env.rpartition(":")[2]
    return not any(name.startswith(rung.removesuffix("-v0")) for rung in RUNGS)


def is_code(name: str) -> bool:
    """Whether the agent or environment of this name is imported from where the name says."""
    name = split_agent(name)[0]  # ucb:c=0.5 names none
    module = name.partition(":")[0] if ":" in name else ""
    return bool(module) and not _is_ours(module)


def import_from_here() -> None:
    """Import from the working directory too, where one's own agents often are.

    Only where code is asked for by name: the folder of a stranger may have a file `ray.py`.
    """
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)


def env_names(options: Mapping[str, Any]) -> list[str]:
    """What a run is made of by name beside its agent: the environment, and all of one's own in its
    options and the agent's.
    """
    given = {**(options.get("env_kwargs") or {})}
    given |= {name: value for name, value in options.items() if name in CODE and value}
    named = [given.get(name) for name in CODE if name != "recipe"]
    recipe = given.get("recipe")
    named += recipe.values() if isinstance(recipe, Mapping) else []
    own = [name for name in named if isinstance(name, str) and is_code(name)]
    agent, agent_options = options.get("agent", ""), options.get("agent_options") or {}
    own += [name for name in inside(agent, agent_options) if own_module(name)]
    weights = agent_options.get("weights")
    if agent == "learned" and isinstance(weights, str) and "/" in weights:
        own.append(str(Path(weights) / learned.FILE))
    return list(dict.fromkeys([options["env"], *own]))


def sources_of(options: Mapping[str, Any]) -> dict[str, str | None]:
    """The digests of the sources of a run, by name.

    Raises:
        FileNotFoundError: one is not here.
    """
    of_agent = {options["agent"]: agent_source(options["agent"])}
    return {name: env_source(name) for name in env_names(options)} | of_agent


def is_own(agent: str) -> bool:
    """Whether an agent is not one of those that come with this project."""
    return saved_folder(agent) is not None or is_code(agent) or own_module(agent) is not None


@cache
def agent_source(name: str) -> str | None:
    """12 hex digits of the source of an agent of one's own; None for a built-in one.

    That of an import path is its file and all files that it imports, but for installed packages;
    that of a folder is the model and the preset in it. Files that code reads are not followed. A
    process looks once, as it imports once.

    Raises:
        FileNotFoundError: there is no such module or folder.
    """
    if (folder := saved_folder(name)) is not None:
        return _of_files({file: Path(folder) / file for file in ("model.zip", "preset.yaml")})
    return _of_module(name.partition(":")[0] if ":" in name else own_module(name))


@cache
def env_source(name: str) -> str | None:
    """The same of what `env_names` lists: "module:name", a registered id or policy, a file of
    weights.
    """
    if Path(name).name == learned.FILE:
        return _of_files({learned.FILE: Path(name)})
    module = name.rpartition(":")[0] or own_module(name)
    if not module and (spec := gym.registry.get(name)) is not None:
        entry = spec.entry_point
        module = entry.partition(":")[0] if isinstance(entry, str) else entry.__module__
    return _of_module(module)


def _of_module(module: str | None) -> str | None:
    if not module or _is_ours(module):
        return None
    files = dict(_imported(module))
    if not files:
        raise FileNotFoundError(f"there is no module {module}")
    return _of_files(files)


def _of_files(files: Mapping[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        content = path.read_bytes()
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()[:12]


def _imported(module: str) -> Iterator[tuple[str, Path]]:
    """The source files of a module and of what it imports, without installed packages."""
    importlib.invalidate_caches()
    before = sys.path[:]
    sys.path.append(str(Path.cwd()))  # where one's own code often is; nothing is imported here
    try:
        yield from list(_reached(module))
    finally:
        sys.path[:] = before


def _reached(module: str) -> Iterator[tuple[str, Path]]:
    todo, seen = [module], set[str]()
    while todo:
        name = todo.pop()
        parents = [name.rpartition(".")[0]] if "." in name else []
        if name in seen or (path := _find(name)) is None:
            continue
        seen.add(name)
        apart = name.partition(".")[0] != module.partition(".")[0]
        if apart and (_is_ours(name) or _is_installed(path)):
            continue
        yield name, path
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        todo += [*parents, *_names_imported(path, package)]


def _names_imported(path: Path, package: str) -> Iterator[str]:
    """What a file names after `import`; of `from a import b` both a and a.b."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join(
                [*(above if node.level else []), *([node.module] if node.module else [])]
            )
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _find(module: str) -> Path | None:
    """The .py file of a module, as an import would find it, without running its packages."""
    if module == "__main__":
        file = getattr(sys.modules[module], "__file__", None)
        return Path(file) if file else None
    places, origin = None, None
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        name = ".".join(parts[:depth])
        found = (f.find_spec(name, places) for f in sys.meta_path if hasattr(f, "find_spec"))
        spec = next((spec for spec in found if spec is not None), None)
        if spec is None:
            return None
        places, origin = spec.submodule_search_locations, spec.origin
        if places is None and depth < len(parts):
            return None
    return Path(origin) if origin and origin.endswith(".py") else None


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in ("prune_env", "prune_agents", "prune_bench")


def _is_installed(path: Path) -> bool:
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return any(path.is_relative_to(folder) for folder in (*folders, site.getusersitepackages()))


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
