"""Processes that torchrun has started for one run: they join, each on a device of its own."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from prune_bench.run.options import Place
from prune_env.notices import Notice


def count() -> int:
    """How many torchrun has started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def joined(place: Place) -> Iterator[Place]:
    """Join the processes that there are, for a `with` block; gives the place of this one.

    On GPUs that is the one of its LOCAL_RANK. What one process says of the data the others do not.

    Raises:
        ValueError: a place that several processes cannot share.
    """
    if count() == 1:
        yield place
        return
    if place.priors is not None:
        raise ValueError(f"priors is {str(place.priors)!r}; with several processes allowed is none")
    if place.device not in ("auto", "cpu", "cuda"):
        raise ValueError(
            f"device is {place.device!r}; with several processes allowed are auto, cpu and cuda"
        )
    import torch
    import torch.distributed as dist

    device, local = "cpu", int(os.environ["LOCAL_RANK"])
    if place.device == "cuda" or (place.device == "auto" and torch.cuda.is_available()):
        device = f"cuda:{local}"
        if local < torch.cuda.device_count():  # else whoever makes the network says what there is
            torch.cuda.set_device(local)
    dist.init_process_group()  # NCCL between GPUs, gloo between hosts
    try:
        with warnings.catch_warnings():
            if dist.get_rank():
                warnings.simplefilter("ignore", Notice)
            yield replace(place, device=device)
    finally:
        dist.destroy_process_group()
