"""A folder of results: one JSON file a run, named by what determines the run.

A folder can be copied, merged with another and put in git.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import prune_agents

from prune_bench.run import schema
from prune_bench.run.options import SCHEMA, RunOptions
from prune_bench.run.provenance import Provenance
from prune_env.files import Damaged, read_json

FIRST_OPTIONS = (
    "env", "agent", "keep_ratio", "epochs", "seed", "agent_options", "network", "recipe",
    "feedback", "refresh", "limit", "evaluate_every",
)  # fmt: skip
"""The options that every name is made of. A later one counts where it differs from its default, so
that a new option renames no run."""

FIRST_NETWORKS = {
    "prune_env/Digits-v0": "mlp",
    "prune_env/CIFAR10-v0": "small",
    "prune_env/CIFAR100-v0": "small",
}
"""The network that an environment has on a CPU where none is named: what an early name without a
network stands for. To name it is to leave it out."""


def named_network(options: Mapping[str, Any]) -> str | None:
    """The network as names and titles say it.

    It is always said on a GPU, and where the images are others: there, none named is another one.

    Args:
        options: those of a run, and what is unusual of its provenance.
    """
    network: str | None = options["network"]
    other = any(options.get(name) for name in ("data", "device", "image_size", "env_kwargs"))
    first = FIRST_NETWORKS.get(options["env"].rpartition(":")[2])
    return None if network == first and not other else network


def run_id(options: RunOptions, provenance: Provenance | None = None) -> str:
    """A name for a run: the same exactly where all that determines the run is.

    That is its options, the revision of its policy, and what is unusual of its provenance.
    """
    determines = {"schema": SCHEMA} | named_options(options)
    unusual = {} if provenance is None else provenance.unusual()
    determines["network"] = named_network(asdict(options) | unusual)
    if (revision := prune_agents.revision(options.agent)) > 1:
        determines["revision"] = revision
    if unusual:
        determines["provenance"] = unusual
    text = json.dumps(determines, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    agent = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in options.agent)
    return f"{agent}-k{options.keep_ratio:g}-s{options.seed}-{digest}"


def named_options(options: RunOptions) -> dict[str, Any]:
    """Those that a name is made of: the first ones, and later ones where they are unusual."""
    usual = asdict(RunOptions())
    return {
        name: value
        for name, value in asdict(options).items()
        if name in FIRST_OPTIONS or value != usual[name]
    }


def read_results(folder: Path) -> Iterator[dict[str, Any]]:
    """All results in a folder, in the order of their names.

    Raises:
        Damaged: a file is not a result of this schema; the message names it.
    """
    for path in sorted((folder / "runs").glob("*.json")):
        yield read_result(path) | {"id": path.stem}


def check_folder(folder: Path) -> None:
    """Refuse a folder with a file that is broken, before any work is done.

    Raises:
        Damaged: the message names the file and what is wrong.
    """
    for _ in read_results(folder):
        pass
    for path in sorted((folder / "failed").glob("*.json")):
        read_failure(path)


def read_result(path: Path) -> dict[str, Any]:
    """A result, whole.

    Raises:
        Damaged: the file is not a result of this schema; the message names it and what is wrong.
    """
    result = read_json(path, "a result")
    if result.get("schema") != SCHEMA:
        raise Damaged(f"{path} is not a result of schema {SCHEMA}")
    return _fitting(path, "a result", result, schema.misfit_of_result(result))


def read_failure(path: Path) -> dict[str, Any]:
    """Why a run failed: its `options` and the text `error`.

    Raises:
        Damaged: the file is not that; the message names it and what is wrong.
    """
    failure = read_json(path, "the failure of a run")
    return _fitting(path, "the failure of a run", failure, schema.misfit(failure, schema.FAILURE))


def _fitting(path: Path, kind: str, content: dict[str, Any], wrong: str) -> dict[str, Any]:
    """The content of a file, if nothing is wrong with it and it names options that there are."""
    try:
        if not wrong:
            RunOptions(**content["options"])
    except (TypeError, ValueError) as error:
        wrong = str(error)
    if wrong:
        raise Damaged(f"{path} is not {kind}: {wrong}")
    return content


def without_times(result: Any) -> Any:
    """What a result says whatever the machine: the same for every run of one id."""
    if isinstance(result, dict):
        return {
            name: without_times(value)
            for name, value in result.items()
            if name != "place" and "seconds" not in name
        }
    return [without_times(value) for value in result] if isinstance(result, list) else result
