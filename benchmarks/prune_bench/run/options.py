"""What determines a run, and where it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from prune_bench.run.pairs import Pairs, agent_label, located, split_agent
from prune_bench.run.schema import THREADS
from prune_env.checks import In, check
from prune_env.data.dirty import Dirt
from prune_env.wrappers.small_ids import plain_id


@dataclass(frozen=True)
class Settings(Dirt):
    """How a run is trained, whatever its agent. Every command that runs something has these."""

    epochs: Annotated[int, In("[1, inf)")] | None = None
    """rounds of a run; by default the recipe's"""
    network: str | None = None
    """name of the network, or the import path module:function of what makes one; by default one
    that suits the images and the device"""
    recipe: Pairs = field(default_factory=dict)
    """fields of the network's recipe to change, such as peak_lr=0.1"""
    feedback: Literal["semi", "full"] = "semi"
    """observe kept arms only, or also pay for a forward pass over the rest"""
    refresh: Annotated[int, In("[1, inf)")] = 1
    """with full feedback: rounds between two passes over the rest"""
    limit: Annotated[int, In("[1, inf)")] | None = None
    """use only so many training images, and at most as many test images"""
    evaluate_every: Annotated[int, In("[1, inf)")] | Literal["auto"] = "auto"
    """rounds between two evaluations; auto: as many as keep them below a tenth of the passes of
    training, on CIFAR-10 4 at keep 0.3 and 112 at 0.01, and 1 where the agent reads validation or
    nothing is computed; the last round always has one"""
    image_size: Annotated[int, In("[1, inf)")] | None = None
    """resize images that come encoded to a square of so many pixels"""
    skip_broken: bool = False
    """go on without images that cannot be decoded"""
    env_kwargs: Pairs = field(default_factory=dict)
    """further arguments of the environment, such as num_validation=500 or label_column=breed"""

    def settings(self) -> dict[str, Any]:
        """These options by their names, for another command's."""
        return {option.name: getattr(self, option.name) for option in fields(Settings)}


@dataclass(frozen=True)
class RunOptions(Settings):
    """What determines a run."""

    env: str = "prune_env/Digits-v0"
    """registered id of the environment"""
    agent: str = "ucb"
    """name of a selection policy, see `prune-env agents`, or its import path module:Class; its
    options may follow: ucb:c=0.5"""
    keep_ratio: Annotated[float, In("(0, 1]")] = 0.3
    """share of the arms to keep each round, in (0, 1]"""
    seed: Annotated[int, In("[0, inf)")] = 0
    """decides everything random: the network, the data order, the agent"""
    agent_options: Pairs = field(default_factory=dict)
    """further options of the agent, such as c=1.0"""

    def __post_init__(self) -> None:
        check(self)
        object.__setattr__(self, "env", plain_id(self.env))
        agent, options = split_agent(located(self.agent))
        if twice := options.keys() & self.agent_options.keys():
            raise ValueError(f"{self.agent!r} and agent_options both give {', '.join(twice)}")
        object.__setattr__(self, "agent", agent)
        object.__setattr__(self, "agent_options", options | self.agent_options)
        for name in ("keep_ratio", "seed"):
            if name in self.agent_options:
                raise ValueError(f"{name} is an option of the run, not of its agent")
        known = {option.name for kind in (RunOptions, Place) for option in fields(kind)}
        for name in self.env_kwargs:
            if name in known:
                word = name.replace("_", "-")
                raise ValueError(f"env_kwargs name {name}, an option of the run; type --{word}")
            if name in ("action", "signals"):
                raise ValueError(f"env_kwargs name {name}, which is the agent's to say")

    @property
    def label(self) -> str:
        """The agent and the options that it was given."""
        return agent_label(self.agent, self.agent_options)


@dataclass(frozen=True)
class Place:
    """Where a run happens. Other data, a GPU and, for networks with convolutions, the number of
    threads change what comes out: these are in the result, and in the name of a board's run.
    """

    data: str | None = None
    """folder, file or hub name of the data; by default the variable PRUNE_ENV_DATA"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""
    threads: Annotated[int, THREADS] | None = None
    """threads of PyTorch; by default as many as there are cores, for the MLP of tiny images one"""
    priors: Path | None = None
    """folder in which prior runs are kept and looked for; by default none are kept"""

    def __post_init__(self) -> None:
        check(self)


USUAL: Mapping[str, Any] = vars(RunOptions())
"""The options of a run by their names, where none is said."""


def as_compared(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by their names, but for what changes no training: to evaluate after every round is
    what is chosen where nobody says it.
    """
    every = options["evaluate_every"]
    return {**options, "evaluate_every": USUAL["evaluate_every"] if every == 1 else every}
