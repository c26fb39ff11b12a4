"""Ranks: the processes that train one network together, such as torchrun starts.

Every rank knows the whole of a batch and trains on a share of it. What the ranks measure is put
together, so that all know the same and choose the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def equal_batches(count: int, batch_size: int) -> list[int]:
    """Where in 0 to `count` each batch begins, and `count`.

    Batches are as equal as can be: a small last one would make BatchNorm and the step size erratic.
    """
    num_batches = -(-count // batch_size)
    return np.linspace(0, count, num_batches + 1).astype(int).tolist()


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is. All call the methods that exchange in the same order."""

    rank: int = 0
    size: int = 1

    @classmethod
    def here(cls) -> Ranks:
        """Those of `torch.distributed`, where its process group has been made; else one."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    def share(self, first: int, last: int) -> slice:
        """Which positions of a batch, `first` to `last` without it, this rank trains on.

        Every `size`-th, so that shares differ by one sample at most. Of fewer samples than ranks
        some get none: they take the first, as the others wait for their gradient, which counts 0.
        """
        begin = first + self.rank
        return slice(begin, last, self.size) if begin < last else slice(first, first + 1)

    def part(self, first: int, last: int) -> float:
        """What the mean over this rank's share counts in the mean over the batch."""
        return len(range(first + self.rank, last, self.size)) / (last - first)

    # -- exchanges --------------------------------------------------------------------------------

    def agree(self, array: NDArray[Any], what: str) -> None:
        """Check that all ranks have the same array.

        Raises:
            ValueError: they have not; on every rank.
        """
        if self.size > 1:
            own = np.array([zlib.crc32(array.tobytes())], np.int64)
            found = self.gather({"digest": own})["digest"]
            if (found != found[0]).any():
                other = int(np.flatnonzero(found != found[0])[0])
                raise ValueError(
                    f"rank {other} has another {what} than rank 0; give all ranks the same data, "
                    "agent, seed and options"
                )

    def gather(self, rows: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The rows of all ranks, those of rank 0 first.

        Args:
            rows: (K, ...) each; ranks differ in K alone.
        """
        if self.size == 1:
            return dict(rows)
        count = len(next(iter(rows.values())))
        counts = [int(part[0]) for part in _all(np.array([count]), self.size)]
        whole = {}
        for name, array in rows.items():
            padded = np.zeros((max(counts), *array.shape[1:]), array.dtype)
            padded[:count] = array
            parts = _all(padded, self.size)
            whole[name] = np.concatenate([p[:n] for p, n in zip(parts, counts, strict=True)])
        return whole

    def whole(
        self, measured: Mapping[str, Tensor], edges: Sequence[int]
    ) -> dict[str, NDArray[np.float32]]:
        """What all ranks have measured of their shares of batches, on the host.

        Args:
            measured: (K, ...) each, in which this rank has written its shares.
            edges: where in 0 to K each batch begins, and K.
        """
        host = {name: values.cpu().numpy() for name, values in measured.items()}
        if self.size == 1:
            return host
        owner = np.concatenate([np.arange(last - first) for first, last in pairwise(edges)])
        owner %= self.size
        mine = owner == self.rank
        in_order = np.argsort(owner, kind="stable")
        for name, values in self.gather({n: values[mine] for n, values in host.items()}).items():
            host[name][in_order] = values
        return host

    @torch.no_grad()
    def combine(self, model: nn.Module, *averaged: nn.Module) -> None:
        """Sum the gradients of a network over the ranks, and average BatchNorm's running averages.

        It is what DistributedDataParallel does, in one exchange after the backward pass: that one
        has no networks of which parameters are frozen in the middle of a run.

        Args:
            model: the network, after a backward pass on a share.
            averaged: further networks whose running averages are averaged.
        """
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        averages = [a for each in (model, *averaged) for a in _running_averages(each)]
        tensors = [*gradients, *averages]
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        flat[sum(g.numel() for g in gradients) :] /= self.size
        dist.all_reduce(flat)
        parts = flat.split([tensor.numel() for tensor in tensors])
        torch._foreach_copy_(tensors, [p.view_as(t) for p, t in zip(parts, tensors, strict=True)])


def _all(array: NDArray[Any], size: int) -> list[NDArray[Any]]:
    """An array of every rank, of the same shape on all."""
    # gloo exchanges what lies on the host, NCCL alone what lies on the GPU
    on_host = "cpu" in str(dist.get_backend_config())
    device = torch.device("cpu" if on_host else f"cuda:{torch.cuda.current_device()}")
    own = torch.from_numpy(array).to(device)
    parts = [torch.empty_like(own) for _ in range(size)]
    dist.all_gather(parts, own)
    return [part.cpu().numpy() for part in parts]


def _running_averages(model: nn.Module) -> list[Tensor]:
    layers = [layer for layer in model.modules() if isinstance(layer, _BatchNorm)]
    return [b for layer in layers for b in layer.buffers() if b.is_floating_point()]
