"""What a learner needs to know of its inputs. Importing this imports torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from prune_env.data.dataset import Dataset
from prune_env.tasks.arrays import Arrays
from prune_env.tasks.images import Images
from prune_env.tasks.task import Noise, Store, Task

__all__ = ["Arrays", "Images", "Noise", "Store", "Task", "find"]


def find(dataset: Dataset, inputs: NDArray[Any], device: torch.device) -> Task:
    """The task of a data set, of which these are the arms (N, ...), on a device."""
    if dataset.kind == "images":
        return Images(inputs, device)
    tokens = inputs.dtype == np.int64
    splits = (dataset.train.images, dataset.test.images) if tokens else ()
    return Arrays(inputs, max((int(split.max()) for split in splits), default=0), device)
