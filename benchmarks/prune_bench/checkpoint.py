"""Checkpoints: a nested state in one file, read back without running any code that is in it.

`torch.load(weights_only=True)` reads tensors and plain Python values, but no NumPy arrays: those
travel as tensors under a mark.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch

from prune_env.files import read_sealed, replacing

_ARRAY = "__numpy__"


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a state of tensors, NumPy arrays and plain values; the file is whole or not there."""
    with replacing(path, sealed=True) as temporary:
        torch.save(_to_tensors(state), temporary)


def load(path: Path) -> dict[str, Any]:
    """What `save` has written, tensors on the CPU.

    Raises:
        Damaged: it is not as it was written.
    """
    content = io.BytesIO(read_sealed(path))
    return _to_arrays(torch.load(content, map_location="cpu", weights_only=True))


def _to_tensors(state: Any) -> Any:
    if isinstance(state, np.ndarray):
        return {_ARRAY: torch.from_numpy(np.ascontiguousarray(state).reshape(state.shape))}
    if isinstance(state, np.generic):
        return {_ARRAY: torch.from_numpy(np.array(state)), "scalar": True}
    return _mapped(_to_tensors, state)


def _to_arrays(state: Any) -> Any:
    if isinstance(state, dict) and _ARRAY in state:
        array = state[_ARRAY].numpy()
        return array[()] if "scalar" in state else array
    return _mapped(_to_arrays, state)


def _mapped(function: Any, state: Any) -> Any:
    """A nested state with a function applied to every value of its containers."""
    if isinstance(state, dict):
        return {key: function(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(map(function, state))
    return state
