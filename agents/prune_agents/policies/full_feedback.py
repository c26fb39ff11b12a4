"""FullFeedback: what the policies that look at the pruned arms too have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from prune_agents.agent import Agent


@dataclass(frozen=True, kw_only=True)
class FullFeedback(Agent):
    """Wants a forward pass over the pruned arms in the round before each selection."""

    keeps_k: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.full_rounds % self.period:
            raise ValueError(
                f"full_rounds is {self.full_rounds}; where the pruned arms are looked at before "
                f"each selection, allowed are multiples of period, {self.period}"
            )

    def env_options(self, epochs: float) -> dict[str, Any]:
        return {"feedback": "full", "refresh": self.period}
