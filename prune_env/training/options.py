"""Options of a `Pruned`: those that are plain values, or of one type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from torch import nn

from prune_env.checks import In, check
from prune_env.core.rounds import Feedback
from prune_env.training.needs import Given


@dataclass(frozen=True)
class LoopOptions:
    """What `Pruned` says of them; checked when made."""

    epochs: Annotated[int, In("[1, inf)")] | None
    budget: Annotated[float, In("(0, inf)")] | None
    seed: Annotated[int, In("[0, inf)")]
    num_classes: Annotated[int, In("[1, inf)")] | None
    num_validation: Annotated[int, In("[0, inf)")]
    feedback: Feedback
    model: nn.Module | None
    reference: nn.Module | None
    prior: Any
    signals: tuple[str, ...]
    keep_traces: bool
    quiet: bool

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.budget is None):
            raise ValueError(
                f"epochs is {self.epochs} and budget is {self.budget}; expected one of them"
            )
        check(self)

    def given(self, classes: bool, labels: bool) -> Given:
        """What the loop gives, where samples have classes and where those are known."""
        return Given(
            classes=classes,
            labels=labels,
            model=self.model is not None,
            reference=self.reference is not None,
            num_validation=self.num_validation,
            full_feedback=self.feedback == "full",
            prior=self.prior is not None,
        )

    @property
    def length(self) -> dict[str, float]:
        """How long a run is, by the name of what says it."""
        named = {"epochs": self.epochs, "budget": self.budget}
        return {name: value for name, value in named.items() if value is not None}
