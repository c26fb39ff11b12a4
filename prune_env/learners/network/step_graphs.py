"""CUDA graphs of a training step: the host launches a step whole, not kernel by kernel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, optim

from prune_env.lookup import Function
from prune_env.networks import Recipe, is_capturable

WARM_UP = 3
"""Steps of a kind that are taken kernel by kernel before one is captured: cuDNN chooses, and the
optimizer makes its state."""
MOST = 12
"""Graphs that a run keeps; what comes in further kinds goes on kernel by kernel."""

Tensors = dict[str, Tensor]
Step = Callable[[Tensors, Tensors, float], None]
"""Reads the tensors of a batch, trains on it, and writes what it measures into others; images have
their height and width multiplied by a number."""
Capture = Callable[[Callable[[], None]], Callable[[], object]]
"""From what launches kernels to what launches them again, on the same memory."""


def are_wanted(network: Function, recipe: Recipe, ranks: int) -> bool:
    """Whether steps of a network are captured where its device is a GPU.

    Raises:
        ValueError: the recipe says so, and there are several processes.
    """
    if recipe.cuda_graph and ranks > 1:
        raise ValueError("recipe cuda_graph is True; with several processes allowed is False")
    if recipe.cuda_graph is not None:
        return recipe.cuda_graph
    return ranks == 1 and is_capturable(network, recipe)


def on_gpu(device: torch.device) -> Capture:
    """Capture as CUDA graphs, which share their memory: one is over before another begins."""
    stream, pool = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()

    def capture(launch: Callable[[], None]) -> Callable[[], object]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool, stream=stream):
            launch()
        return graph.replay

    return capture


class StepGraphs:
    """A step that is captured once for each kind of batch, and from then on launched whole.

    Kinds differ in the number of samples, in which parameters are trained and in the size of
    images. The batches of a round differ by at most one sample, and where there are n their sizes
    lie in (B - B / n, B]: a run has two or three kinds for each size of its images. Padding them to
    one would put samples into the statistics of BatchNorm that are not there.

    A graph writes to the memory that it was captured on. So the batch is copied there, its results
    from there, and learning rates are tensors while it is captured. What the host does after a step
    (averages of weights) it goes on doing.

    Args:
        step: see `Step`; nothing in it may wait for the device.
        optimizer: whose state it changes; whose learning rates are set before each step.
        capture: see `Capture`.
    """

    def __init__(self, step: Step, optimizer: optim.Optimizer, capture: Capture) -> None:
        self._step, self._optimizer, self._capture = step, optimizer, capture
        self._taken: Counter[Hashable] = Counter()
        self._graphs: dict[Hashable, _Graph] = {}

    def __call__(self, batch: Tensors, out: Tensors, size: float) -> None:
        """Take a step on a batch, with the learning rates that the optimizer has; see `Step`."""
        groups = self._optimizer.param_groups
        trained = tuple(p.requires_grad for group in groups for p in group["params"])
        kind = (len(batch["index"]), trained, size)
        self._taken[kind] += 1
        if kind not in self._graphs:
            if self._taken[kind] <= WARM_UP or len(self._graphs) == MOST:
                return self._step(batch, out, size)
            self._graphs[kind] = self._captured(batch, out, size)
        graph = self._graphs[kind]
        for name, tensor in batch.items():
            graph.batch[name].copy_(tensor)
        for rate, group in zip(graph.rates, groups, strict=True):
            rate.fill_(group["lr"])
        graph.launch()
        for name, tensor in out.items():
            tensor.copy_(graph.out[name])
        return None

    def _captured(self, batch: Tensors, out: Tensors, size: float) -> _Graph:
        """Capture a step on copies of these tensors; nothing is computed."""
        batch = {name: tensor.clone() for name, tensor in batch.items()}
        out = {name: tensor.clone() for name, tensor in out.items()}
        device = batch["index"].device
        rates = [torch.zeros((), device=device) for _ in self._optimizer.param_groups]

        def launch() -> None:
            with self._learning_at(rates):
                self._step(batch, out, size)

        return _Graph(batch, out, rates, self._capture(launch))

    @contextmanager
    def _learning_at(self, rates: list[Tensor]) -> Iterator[None]:
        """Let the optimizer's groups have these learning rates, () float32 each, for a while."""
        groups = self._optimizer.param_groups
        before = [group["lr"] for group in groups]
        try:
            for group, rate in zip(groups, rates, strict=True):
                group["lr"] = rate
            yield
        finally:
            for group, lr in zip(groups, before, strict=True):
                group["lr"] = lr


@dataclass(frozen=True)
class _Graph:
    """A captured step, and the memory that it reads and writes."""

    batch: Tensors
    out: Tensors
    rates: list[Tensor]
    launch: Callable[[], object]
