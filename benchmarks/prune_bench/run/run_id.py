"""The name of a run: a digest of what determines it, so that equal names mean equal runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import prune_agents

from prune_bench.run.options import USUAL, RunOptions
from prune_bench.run.provenance import FIRST_NETWORKS, Provenance
from prune_bench.run.schema import SCHEMA

FIRST_OPTIONS = (
    "env", "agent", "keep_ratio", "epochs", "seed", "agent_options", "network", "recipe",
    "feedback", "refresh", "limit", "evaluate_every",
)  # fmt: skip
"""The options that every name is made of. A later one counts where it differs from its default, so
that a new option renames no run."""


def named_network(options: Mapping[str, Any]) -> str | None:
    """The network as names and titles say it.

    It is left out where it is the first that its environment had. It is always said on a GPU, and
    where the images are others: there, none named was another one.

    Args:
        options: those of a run, and what is unusual of its provenance.
    """
    network: str | None = options["network"]
    other = any(options.get(name) for name in ("data", "device", "image_size", "env_kwargs"))
    first = FIRST_NETWORKS.get(options["env"].rpartition(":")[2])
    return None if network == first and not other else network


def run_id(options: RunOptions, provenance: Provenance | None = None) -> str:
    """The name of a run: equal exactly where all that determines the run is equal.

    That is its options, the revision of its policy, and what is unusual of its provenance.
    """
    determines = {"schema": SCHEMA} | named_options(options)
    unusual = {} if provenance is None else provenance.unusual()
    determines["network"] = named_network(vars(options) | unusual)
    unusual.pop("network", None)  # whether it was asked for or left open, it is the same run
    if (revision := prune_agents.revision(options.agent, options.agent_options)) > 1:
        determines["revision"] = revision
    if unusual:
        determines["provenance"] = unusual
    text = json.dumps(determines, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    agent = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in options.agent)
    agent = agent.lstrip("-")  # of ./mine; a file of such a name would be taken for an option
    return f"{agent}-k{options.keep_ratio:g}-s{options.seed}-{digest}"


def named_options(options: RunOptions) -> dict[str, Any]:
    """Those that a name is made of: the first ones, and later ones where they are unusual."""
    return {
        name: value
        for name, value in vars(options).items()
        if name in FIRST_OPTIONS or value != USUAL[name]
    }
