"""What of PyTorch is replaced, so that a network trains on a CUDA device that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily

from fake_cuda.backward import run_backward
from prune_env import networks

REAL_NUMPY, REAL_DEEPCOPY, REAL_FACTORY = Tensor.numpy, Tensor.__deepcopy__, networks.factory


@contextmanager
def fake_cuda(memory: FakeTensorMode | None = None) -> Iterator[FakeTensorMode]:
    """Let there be one CUDA device, a Hopper, on which nothing is computed.

    Args:
        memory: what an earlier one has given, whose tensors are to be used again.
    """
    memory = memory or FakeTensorMode(allow_non_fake_inputs=True)
    with ExitStack() as stack:
        stack.enter_context(memory)
        for name, value in REPLACED.items():
            stack.enter_context(patch(name, value))
        yield memory


def _nothing(*args: Any, **kwargs: Any) -> None:
    """Do nothing."""


def _numpy(self: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Ones for a fake tensor, if it is on the CPU."""
    if not isinstance(self, FakeTensor):
        return REAL_NUMPY(self, *args, **kwargs)
    assert self.device.type == "cpu", "numpy() of a tensor on a GPU"
    return np.ones(self.shape, str(self.dtype).removeprefix("torch."))


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """A clone of a fake tensor; PyTorch's own would copy its storage, which has no bytes."""
    if not isinstance(self, FakeTensor):
        return REAL_DEEPCOPY(self, memo)
    if id(self) not in memo:
        copy = self.detach().clone()
        is_parameter = isinstance(self, nn.Parameter)
        memo[id(self)] = nn.Parameter(copy, self.requires_grad) if is_parameter else copy
    return memo[id(self)]


def _apply(self: nn.Module, change: Any, recurse: bool = True) -> nn.Module:
    """`nn.Module._apply` with new parameters: fake ones can be neither swapped nor set."""
    for child in self.children():
        child._apply(change)
    for name, parameter in self._parameters.items():
        if parameter is not None:
            changed = change(parameter.detach())
            self._parameters[name] = nn.Parameter(changed, parameter.requires_grad)
    for name, buffer in self._buffers.items():
        self._buffers[name] = None if buffer is None else change(buffer)
    return self


def _factory(name: str, images: Tensor, num_classes: int) -> Any:
    """Networks are made for real, since that reads values; moving them makes them fake."""
    with unset_fake_temporarily():
        noise = torch.rand(tuple(images.shape), generator=torch.Generator().manual_seed(0))
        make = REAL_FACTORY(name, noise, num_classes)

    def real() -> nn.Module:
        with unset_fake_temporarily():
            return make()

    return real


for overload in ("aten::_fused_sgd_", "aten::_fused_sgd_.tensor_lr"):  # PyTorch has none of these
    torch.library.impl(overload, "Meta", _nothing)

REPLACED = {
    "torch.cuda.device_count": lambda: 1,
    # asked by fake tensors, which must not wake a device; Lightning makes it count devices
    "torch.cuda.is_available": lambda: False,
    "torch.cuda.get_device_capability": lambda device=None: (9, 0),
    "torch.cuda.is_bf16_supported": lambda *args, **kwargs: True,
    "torch.cuda.amp.common.amp_definitely_not_available": lambda: False,
    "torch.cuda.get_rng_state": lambda device: torch.get_rng_state(),
    "torch.cuda.set_rng_state": _nothing,
    "torch.cuda.manual_seed": _nothing,
    "torch.cuda.device": nullcontext,
    "torch.cuda.Stream": _nothing,
    "torch.cuda.graph_pool_handle": _nothing,
    "torch.cuda.CUDAGraph": lambda: SimpleNamespace(replay=_nothing),
    "torch.cuda.graph": lambda *args, **kwargs: nullcontext(),
    "torch.autograd._engine_run_backward": run_backward,
    "torch.Tensor.numpy": _numpy,
    "torch.Tensor.__deepcopy__": _deepcopy,
    "torch.nn.Parameter.__deepcopy__": _deepcopy,
    "torch.nn.Module._apply": _apply,
    "prune_env.networks.factory": _factory,
    "prune_env.learners.network.device._fault": _nothing,
}
"""By its name, what stands in for it; a device is tried out by reading a value, so not here."""
