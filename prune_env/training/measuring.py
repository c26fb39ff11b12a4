"""Measuring: what a batch of somebody's loop tells of its samples, without a gradient."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from prune_env.core.signals import MEASURED, column
from prune_env.learners.network.measure import measure

Values = dict[str, Tensor]
"""What is kept of a batch until it is measured, see `table_of`, and (B, ...) for each extra."""
KEPT = ("log_p", "labels", "loss")

UNTOLD = (*(name for name in MEASURED if name != "loss"), "reference_loss")
"""The signals that a loss a sample does not tell."""

Method = TypeVar("Method", bound=Callable[..., Any])


def of_logits(logits: Tensor, labels: Tensor) -> tuple[Tensor, Values]:
    """(B, C) log-probabilities with their gradient, float32, and what is measured.

    Raises:
        ValueError: they are no tensors, shapes do not fit, or labels on the CPU are no classes of
            these logits.
    """
    _check_tensor(
        "logits", logits, "(B, C), the output of one head, as outputs[0] or outputs.logits"
    )
    _check_tensor("labels", labels, "(B,) int64, the number of each class: torch.as_tensor(labels)")
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"logits are {tuple(logits.shape)} and labels {tuple(labels.shape)}; expected "
            "(B, C) and (B,); for anything else call record with a loss a sample"
        )
    if labels.is_floating_point():
        raise ValueError(f"labels are {labels.dtype}; expected int64: labels.long()")
    if len(labels) and labels.device.type == "cpu":  # a GPU would have to be waited for
        low, high = int(labels.min()), int(labels.max())
        if not 0 <= low <= high < logits.shape[1]:
            raise ValueError(
                f"labels are {low} to {high}; allowed is 0 to {logits.shape[1] - 1} with "
                f"logits of shape {tuple(logits.shape)}"
            )
    log_p = F.log_softmax(logits.float(), dim=1)
    kept = labels.to(torch.int64, copy=True)  # a loop may reuse its own
    return log_p, {"log_p": log_p.detach(), "labels": kept}


def of_losses(losses: Tensor) -> Values:
    """What is measured where there is only a loss a sample, (B,).

    Raises:
        ValueError: it is no tensor of that shape.
    """
    _check_tensor("losses", losses, "(B,), one a sample")
    if losses.ndim != 1:
        raise ValueError(
            f"losses are {tuple(losses.shape)}; expected (B,), one a sample, such as the mean "
            "over its pixels or tokens"
        )
    return {"loss": losses.detach().clone()}


def _check_tensor(name: str, value: object, expected: str) -> None:
    if not isinstance(value, Tensor):
        of = type(value).__name__
        if isinstance(value, list | tuple) and value:
            of += f" of {type(value[0]).__name__}"  # texts, as a DataLoader collates them
        raise ValueError(f"{name} are a {of}; expected a tensor {expected}")


def table_of(values: Values) -> Values:
    """The table of `MEASURED`, (K, 5) float32, and the extras of K samples.

    Args:
        values: of many batches together: that takes a dozen calls of PyTorch, which on a GPU cost
            more than they compute. "log_p", (K, C), and "labels", (K,); or "loss", (K,).
    """
    extras = {name: value for name, value in values.items() if name not in KEPT}
    if "loss" in values:
        losses = values["loss"]
        table = torch.zeros((len(losses), len(MEASURED)), device=losses.device)
        column(table, "loss").copy_(losses)
    else:
        log_p = values["log_p"]
        table = torch.empty((len(log_p), len(MEASURED)), device=log_p.device)
        measure(log_p, values["labels"], table)
    return {"table": table} | extras


def on_host(arms: Any, size: int, num_arms: int) -> NDArray[np.int64]:
    """The arms of a batch, (B,) int64, on the host.

    Raises:
        ValueError: they are not so many, or none of 0 to N - 1.
    """
    try:
        host = torch.as_tensor(arms).detach().cpu().numpy()
    except (TypeError, ValueError, RuntimeError) as error:
        kind = type(arms).__name__
        raise ValueError(f"arms are a {kind}; expected int64 ({size},), as they came") from error
    if host.shape != (size,) or host.dtype.kind not in "iu":
        left_out = host.ndim == 1 and len(host) > size
        raise ValueError(
            f"arms are {host.dtype} of shape {host.shape}; expected int64 ({size},)"
            + "; a collate_fn in Collate leaves samples out by samples[:] = [...]" * left_out
        )
    if size and not 0 <= host.min() <= host.max() < num_arms:
        raise ValueError(f"arms are {host.min()} to {host.max()}; allowed is 0 to {num_arms - 1}")
    return host.astype(np.int64)


def uncompiled(method: Method) -> Method:
    """A method that is called as it is where a loop compiles its whole step.

    The compiler, seconds and 150 MB to import, is not asked where nobody has imported it.
    """
    made: list[Method] = []

    @wraps(method)
    def call(*args: Any, **options: Any) -> Any:
        if "torch._dynamo" not in sys.modules:
            return method(*args, **options)
        if not made:
            made.append(cast(Method, torch.compiler.disable(method)))
        return made[0](*args, **options)

    return cast(Method, call)
