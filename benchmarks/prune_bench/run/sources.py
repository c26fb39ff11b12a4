"""Sources: files of one's own that a run is made of, and their digests. None is imported or run."""

from __future__ import annotations

import ast
import hashlib
import importlib
import site
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium as gym
from prune_agents.policies import learned
from prune_agents.registry import inside, own_module, saved_folder

from prune_bench.run.pairs import split_agent

CODE = ("reward", "learner", "tokenizer", "network", "recipe")
"""Arguments of an environment that may name code of one's own; of a recipe, each of its fields."""


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


def own_place(error: BaseException) -> tuple[str, int] | None:
    """The file and the line of one's own code in which an error was raised; None elsewhere."""
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        module, path = frame.f_globals.get("__name__", ""), Path(frame.f_code.co_filename)
        own = module not in ("", "__main__") and path.is_file()
        if own and not (_is_ours(module) or _is_installed(path.resolve())):
            found = path.name, line
    return found


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in ("prune_env", "prune_agents", "prune_bench")


def _is_installed(path: Path) -> bool:
    folders = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return any(path.is_relative_to(folder) for folder in (*folders, site.getusersitepackages()))
