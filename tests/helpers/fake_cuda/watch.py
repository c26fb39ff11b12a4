"""Watch: counts copies between devices, and refuses what fake tensors let pass."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

REFUSED_TYPES = {torch.float64, torch.float16, torch.complex128}
aten = torch.ops.aten


class Refused(AssertionError):
    """Something that would be slow, or wrong, on a real device."""


class Watch(TorchDispatchMode):
    """Sees every operation on tensors while it is entered.

    Refused are: float64 and float16 anywhere, bfloat16 unless it is allowed and in a softmax
    always; a generator of another device than what it draws; an operation on arrays of both
    devices; a copy to the device for which the host waits, and one to the host for which it does
    not (whoever reads it next reads what was there before).

    Args:
        bf16: whether bfloat16 is allowed.
    """

    def __init__(self, bf16: bool = False) -> None:
        super().__init__()
        self.copies: Counter[str] = Counter()
        """How often "cpu to cuda", "cuda to cpu", and what makes values "on the cpu: ..."."""
        self._refused = REFUSED_TYPES | (set() if bf16 else {torch.bfloat16})

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        given, came = _tensors((args, kwargs)), _tensors(result)
        self._refuse_types(func, given + came)
        _refuse_generators(func, (args, kwargs), came)
        is_copy = func in (aten.copy_.default, aten._to_copy.default)
        if func is aten.copy_.default:
            given, came = given[1:2], given[:1]
        before, after = _devices(given), _devices(came)
        if is_copy and before and before != after:
            waits = not (kwargs.get("non_blocking") or (len(args) > 2 and args[2]))
            _refuse_wait(after == {"cuda"}, waits)
            self.copies[f"{before.pop()} to {after.pop()}"] += 1
        elif len(_devices([t for t in given if t.ndim])) > 1:
            raise Refused(f"{func} on arrays of both devices")
        elif (
            "cpu" in _devices([t for t in came if t.numel()])
            and func is not aten.lift_fresh.default
        ):
            self.copies[f"on the cpu: {func}"] += 1
        return result

    def _refuse_types(self, func: Any, tensors: list[Tensor]) -> None:
        types = {t.dtype for t in tensors}
        if func is aten._log_softmax.default and types != {torch.float32}:
            raise Refused(f"a softmax in {types}")
        if wrong := types & self._refused:
            raise Refused(f"{wrong} in {func}")


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _devices(tensors: list[Tensor]) -> set[str]:
    return {tensor.device.type for tensor in tensors}


def _refuse_generators(func: Any, given: Any, came: list[Tensor]) -> None:
    for leaf in tree_leaves(given):
        if isinstance(leaf, torch.Generator) and _devices(came) != {leaf.device.type}:
            raise Refused(f"{func} with a generator on the {leaf.device.type}")


def _refuse_wait(to_device: bool, waits: bool) -> None:
    if to_device and waits:
        raise Refused("a copy to the device for which the host waits")
    if not to_device and not waits:
        raise Refused("a copy to the host that may be read before it is there")
