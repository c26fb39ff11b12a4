"""The backward pass, walked in Python: PyTorch's own asks CUDA for streams, which are not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node, get_gradient_edge


def run_backward(
    outputs: Sequence[Tensor],
    gradients: Sequence[Tensor],
    retain_graph: bool,
    create_graph: bool,
    inputs: Sequence[Tensor] = (),
    allow_unreachable: bool = False,
    accumulate_grad: bool = False,
) -> tuple[Tensor | None, ...]:
    """Do what `torch.autograd.backward` and `torch.autograd.grad` ask of the engine.

    Args:
        outputs: from where gradients run back.
        gradients: one for each, that it begins with.
        retain_graph: whether saved tensors are kept; they are anyhow.
        create_graph: whether the gradients have gradients themselves.
        inputs: whose gradients are returned.
        allow_unreachable: whether some may have none; not checked.
        accumulate_grad: whether gradients go into the leaves.
    """
    wanted = [get_gradient_edge(tensor) for tensor in inputs]
    found: list[Tensor | None] = [None] * len(wanted)
    arrived: dict[Node, dict[int, Tensor]] = {}

    def arrive(node: Node, number: int, gradient: Tensor) -> None:
        slot = arrived.setdefault(node, {})
        slot[number] = slot[number] + gradient if number in slot else gradient

    roots = [get_gradient_edge(output) for output in outputs]
    with torch.set_grad_enabled(create_graph):
        for root, gradient in zip(roots, gradients, strict=True):
            arrive(root.node, root.output_nr, gradient)
        for node in _in_order([root.node for root in roots]):
            came = arrived.pop(node, {})
            for place, edge in enumerate(wanted):
                if edge.node is node:
                    found[place] = came.get(edge.output_nr)
            if hasattr(node, "variable"):
                if accumulate_grad and came:
                    leaf = node.variable
                    leaf.grad = came[0] if leaf.grad is None else leaf.grad + came[0]
                continue
            if came:
                for (after, number), gradient in _through(node, came):
                    arrive(after, number, gradient)
    return tuple(found)


def _in_order(roots: Sequence[Node]) -> Iterator[Node]:
    """Every node that can be reached, after all of those that it follows."""
    waits: Counter[Node] = Counter()
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            after = _after(node)
            waits.update(after)
            stack += after
    ready = [node for node in dict.fromkeys(roots) if not waits[node]]
    while ready:
        node = ready.pop()
        yield node
        for after in _after(node):
            waits[after] -= 1
            if not waits[after]:
                ready.append(after)


def _after(node: Node) -> list[Node]:
    return [after for after, _ in node.next_functions if after is not None]


def _through(node: Node, came: dict[int, Tensor]) -> Iterator[tuple[tuple[Node, int], Tensor]]:
    """The gradients that a node gives on, in the shape and type that the next one expects."""
    given: Any = node(*[came.get(i) for i in range(len(node._input_metadata))])
    given = given if isinstance(given, tuple) else (given,)
    for (after, number), gradient in zip(node.next_functions, given, strict=True):
        if after is not None and gradient is not None:
            like = after._input_metadata[number]
            yield (after, number), gradient.sum_to_size(tuple(like.shape)).to(like.dtype)
