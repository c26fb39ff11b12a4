"""Pins: what all runs of a board share and no option says, held fast in its board.yaml.

    pins:
      threads: 2
      data: {prune_env/Images-v0: 9c41d07be2aa}
      sources: {my_agent:Hardest: 52c1a0b3f6de}

So the names of a board's runs are known without its data and without its code, and what does not
fit is refused before anything is done or changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Literal

from prune_bench.run.options import RunOptions
from prune_bench.run.provenance import KNOWN, Provenance, has_network
from prune_bench.run.schema import THREADS
from prune_env.checks import check


@dataclass(frozen=True)
class Pins:
    """What all runs of a board share. Checked when made."""

    threads: Annotated[int, THREADS] = 1
    """of PyTorch in each run"""
    device: str = "cpu"
    """cpu or cuda"""
    precision: Literal["fp32", "bf16"] = "fp32"
    """what networks are computed in there where their recipe does not say it"""
    data: dict[str, str] = field(default_factory=dict)
    """digest of the data, by environment and what else chooses them, see `data_key`; without one
    they are those that the environment is known for"""
    networks: dict[str, str] = field(default_factory=dict)
    """the network of runs that name none, by the same keys; without one it is the first default"""
    sources: dict[str, str] = field(default_factory=dict)
    """digest of the source of every agent and environment of one's own"""
    own_amount: tuple[str, ...] = ()
    """agents of one's own that do not read their keep ratio"""

    def __post_init__(self) -> None:
        check(self)

    def of(self, options: RunOptions) -> Provenance:
        """What a run of the board comes from."""
        return Provenance.of(
            vars(options),
            self.data.get(data_key(options), KNOWN.get(options.env)),
            self.sources,
            self.threads,
            self.device if has_network(options.env) else "cpu",
            self.precision if has_network(options.env) else None,
            network=self.networks.get(data_key(options)),
        )


def data_key(options: RunOptions) -> str:
    """A key for the data of a run: at one place, equal keys mean equal data and the reverse."""
    further = {
        "image_size": options.image_size,
        "skip_broken": options.skip_broken or None,
        **{name: value for name, value in options.env_kwargs.items() if name != "reward"},
    }
    given = {name: value for name, value in further.items() if value is not None}
    return " ".join([options.env, *([json.dumps(given, sort_keys=True)] if given else [])])
