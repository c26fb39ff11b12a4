"""States as tensors and plain values, which `torch.load(weights_only=True)` reads, and back.

It reads no NumPy arrays: those travel as tensors under a mark.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

_ARRAY = "__numpy__"


def to_tensors(state: Any) -> Any:
    """A nested state with a tensor, under a mark, in place of each array."""
    if isinstance(state, np.ndarray):
        return {_ARRAY: torch.from_numpy(np.ascontiguousarray(state).reshape(state.shape))}
    if isinstance(state, np.generic):
        return {_ARRAY: torch.from_numpy(np.array(state)), "scalar": True}
    return _mapped(to_tensors, state)


def to_arrays(state: Any) -> Any:
    """What `to_tensors` was given, tensors on the CPU."""
    if isinstance(state, dict) and _ARRAY in state:
        array = state[_ARRAY].numpy()
        return array[()] if "scalar" in state else array
    return _mapped(to_arrays, state)


def _mapped(function: Any, state: Any) -> Any:
    """A nested state with a function applied to every value of its containers."""
    if isinstance(state, dict):
        return {key: function(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(map(function, state))
    return state
