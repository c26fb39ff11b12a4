"""What a training pass measures of each sample, from logits that it has anyway."""

from __future__ import annotations

import torch
from torch import Tensor

from prune_env.core.signals import write_columns


def measure(log_p: Tensor, labels: Tensor, out: Tensor) -> None:
    """Write the columns of `prune_env.core.signals.MEASURED` for one batch.

    Args:
        log_p: (B, C) float32, log-softmax of the logits.
        labels: (B,) int64.
        out: (B, 5) float32, written.
    """
    label = labels[:, None]
    p = log_p.exp()
    confidence = p.gather(1, label)
    rival = p.scatter(1, label, -1.0).amax(1)
    write_columns(
        out,
        loss=-log_p.gather(1, label)[:, 0],
        confidence=confidence[:, 0],
        margin=confidence[:, 0] - rival,
        correct=log_p.argmax(1) == labels,
        error_norm=torch.linalg.vector_norm(p.scatter(1, label, confidence - 1), dim=1),
    )
