"""Weights of arms: how high they may be."""

from __future__ import annotations

from typing import Any

USUAL = 100.0
"""The highest weight that an environment allows where nothing is said."""
ROUNDING = 1e-6
"""By what share a weight in float32 may be above the number that is meant."""


def room_for(highest: float) -> dict[str, Any]:
    """What a policy asks of the environment whose weights are at most so high."""
    return {} if highest < USUAL else {"weight_max": highest * (1 + ROUNDING)}
