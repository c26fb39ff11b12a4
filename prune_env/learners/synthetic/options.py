"""The parameters of the synthetic rung: kinds of arms, and everything else about the generator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any

from prune_env.checks import In, check
from prune_env.lookup import known


@dataclass(frozen=True)
class Kind:
    """What the arms of one kind have in common; see `SyntheticLearner` for the formulas."""

    share: Annotated[float, In("[0, inf)")]
    """of all arms; the shares of all kinds are divided by their sum"""
    level: Annotated[float, In("[0, 1000]")]
    """nats: where the loss of an arm goes while nobody trains on it"""
    drift: Annotated[float, In("[0, 1]")]
    """share of the way to its level that a loss goes in each round, in [0, 1]"""
    learn: Annotated[float, In("[0, 1]")]
    """share of its loss that training on an arm takes away, in [0, 1]"""
    worth: Annotated[float, In("[-1000, 1000]")]
    """generalisation: what a nat learned on this arm is worth to the validation loss"""
    transfer: Annotated[float, In("(-inf, inf)")]
    """exponent with which the level follows the validation loss down; below 0 it rises"""
    switch: Annotated[float, In("[0, 1]")] = 0.0
    """chance in each round that an arm falls asleep, where its level is 0, or wakes up again"""

    def __post_init__(self) -> None:
        check(self)


KINDS: dict[str, Kind] = {
    "always": Kind(0.2, level=2.0, drift=0.3, learn=0.4, worth=1.0, transfer=0.1),
    "sometimes": Kind(0.3, level=2.0, drift=0.3, learn=0.4, worth=1.0, transfer=0.3, switch=0.15),
    "never": Kind(0.4, level=0.6, drift=0.5, learn=0.6, worth=0.3, transfer=1.0),
    "mislabelled": Kind(0.1, level=3.0, drift=0.5, learn=0.1, worth=-1.5, transfer=-0.3),
}
"""The kinds of arms by default."""


@dataclass(frozen=True)
class SyntheticOptions:
    """Every parameter of the generator. Checked when made."""

    num_arms: Annotated[int, In("[1, inf)")] = 1000
    """N"""
    num_classes: Annotated[int, In("[2, inf)")] = 10
    """C"""
    num_validation: Annotated[int, In("[0, inf)")] = 100
    """what an evaluation costs, in passes; with 0 there is none, and nothing may read it"""
    kinds: Mapping[str, Any] = field(default_factory=dict)
    """what to change in `KINDS`: {"mislabelled": {"share": 0.0}}; all fields make a new kind"""
    spread: Annotated[float, In("[0, 5]")] = 0.3
    """standard deviation of the logarithm of the levels within a kind"""
    noise: Annotated[float, In("[0, inf)")] = 0.2
    """standard deviation of the logarithm of a measured loss about the true one"""
    val_noise: Annotated[float, In("[0, inf)")] = 0.01
    """the same for validation and test losses"""
    rate: Annotated[float, In("[0, 1e6]")] = 1.0
    """how fast the validation loss follows what is learned"""
    val_floor: Annotated[float, In("[0, inf)")] = 0.2
    """nats: the lowest validation loss that there is"""
    population: Annotated[int, In("[0, inf)")] = 0
    """seed of the arms themselves, which are the same in every run, as a data set is"""

    def __post_init__(self) -> None:
        check(self)
        if not sum(kind.share for kind in self.all_kinds.values()) > 0:
            raise ValueError("all kinds have a share of 0; at least one needs more")
        if self.val_floor >= (guess := math.log(self.num_classes)):
            raise ValueError(
                f"val_floor is {self.val_floor:g}; allowed is less than {guess:.3g}, the loss of a "
                f"guess among {self.num_classes} classes, where every run begins"
            )

    @property
    def all_kinds(self) -> dict[str, Kind]:
        """`KINDS` with the changes that `kinds` asks for."""
        return KINDS | {name: _changed(name, changes) for name, changes in self.kinds.items()}


def _changed(name: str, changes: Mapping[str, Any]) -> Kind:
    """One of `KINDS` with changes, or a new one."""
    allowed = [field.name for field in fields(Kind)]
    for option in changes:
        known(f"field of kind {name!r}", option, allowed)
    try:
        return replace(KINDS[name], **changes) if name in KINDS else Kind(**changes)
    except ValueError as error:
        raise ValueError(f"kind {name!r}: {error}") from None
