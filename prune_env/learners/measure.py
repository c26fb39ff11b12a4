"""What a training pass measures of each sample, from logits that it has anyway."""

from __future__ import annotations

import torch
from torch import Tensor


def measure(log_p: Tensor, labels: Tensor, out: Tensor) -> None:
    """Write the columns of `learner.MEASURED` for one batch.

    Args:
        log_p: (B, C) float32, log-softmax of the logits.
        labels: (B,) int64.
        out: (B, 5) float32, written.
    """
    label = labels[:, None]
    p = log_p.exp()
    confidence = p.gather(1, label)
    rival = p.scatter(1, label, -1.0).amax(1)
    out[:, 0] = -log_p.gather(1, label)[:, 0]
    out[:, 1] = confidence[:, 0]
    out[:, 2] = confidence[:, 0] - rival
    out[:, 3] = log_p.argmax(1) == labels
    out[:, 4] = torch.linalg.vector_norm(p.scatter(1, label, confidence - 1), dim=1)
