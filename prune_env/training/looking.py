"""Looking: a forward pass over the arms that an epoch left out, where a framework drives it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from prune_env.learners.network.modes import modes_kept
from prune_env.training.pruned import Pruned


def rest_of(pruned: Pruned, like: Any) -> DataLoader:
    """The arms that an epoch left out, in batches as a loader has them that it trains on."""
    return DataLoader(
        pruned.dataset,
        like.batch_size or like.batch_sampler.batch_size,
        sampler=pruned.rest,
        collate_fn=like.collate_fn,
        num_workers=like.num_workers,
        pin_memory=like.pin_memory,
    )


@contextmanager
def without_training(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients; afterwards each module has its own mode again."""
    with modes_kept(model), torch.no_grad():
        model.eval()
        yield
