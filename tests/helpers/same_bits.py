"""Nested states and answers, compared bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np


def same(one: Any, other: Any) -> bool:
    """Whether two nested states are equal, bit for bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(
            one, other, equal_nan=one.dtype.kind == "f"
        )
    return repr(one) == repr(other)
