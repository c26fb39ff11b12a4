"""Devices: which one a network trains on, tried out, what it computes in hardware, and seeds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

import numpy as np
import torch

from prune_env.notices import say

Precision = Literal["fp32", "bf16"]


def find_device(name: str) -> torch.device:
    """The device of a name; "auto" is the first GPU where that works, else the CPU.

    A GPU is tried out: PyTorch counts those too whose driver is too old for it, or that are too old
    themselves.

    Raises:
        ValueError: it is not there, or does not work.
    """
    gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    wanted = {"auto": "cuda:0" if gpus else "cpu", "cuda": "cuda:0"}.get(name, name)
    if wanted not in ("cpu", *gpus):
        there = ", ".join(["cpu", *gpus])
        raise ValueError(f"device {name!r} is not there; this machine has {there}")
    device = torch.device(wanted)
    if (fault := _fault(device)) is None:
        return device
    if name != "auto":
        raise ValueError(f"device {name!r} does not work: {fault}")
    say(f"training on the CPU, for {wanted} does not work: {fault}")
    return torch.device("cpu")


def gpu_names() -> list[str]:
    """The GPUs of this machine, each as CUDA_VISIBLE_DEVICES names it to a process that gets it."""
    count = torch.cuda.device_count()
    shown = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
    return [name.strip() for name in shown.split(",")][:count]


def _fault(device: torch.device) -> str | None:
    """Why not even a small sum can be computed on a device, in a line."""
    try:
        torch.ones(1, device=device).add(1).item()
    except (RuntimeError, AssertionError) as error:  # the latter where torch has no CUDA at all
        return (str(error).strip() or type(error).__name__).splitlines()[0]
    return None


def precision_on(device: torch.device, wanted: Literal["auto", "fp32", "bf16"]) -> Precision:
    """What a network is computed in; "auto" is bf16 on a GPU that has it, else fp32.

    Raises:
        ValueError: bf16 on a device that only emulates it: 13 times slower than fp32 on a CPU.
    """
    if wanted == "auto":
        return "bf16" if device.type == "cuda" and has_bf16(device) else "fp32"
    if wanted == "bf16" and not has_bf16(device):
        raise ValueError(
            f"recipe precision is 'bf16', which this {device.type} only emulates; allowed are "
            "'auto' and 'fp32'"
        )
    return wanted


def has_bf16(device: torch.device) -> bool:
    """Whether a device multiplies in bf16 itself: GPUs since Ampere, CPUs with AVX512_BF16, AMX."""
    if device.type == "cuda":
        amd = torch.version.hip is not None
        return amd or torch.cuda.get_device_capability(device) >= (8, 0)
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")
    return any(getattr(torch.cpu, name, bool)() for name in names)


@contextmanager
def undisturbed() -> Iterator[None]:
    """PyTorch as it is where nobody has set anything: gradients, float32, tensors on the CPU.

    An environment may be made and stepped under somebody's autocast, `no_grad`, inference mode,
    default dtype or default device, and measures the same. On leaving they are as before.
    """
    dtype, device = torch.get_default_dtype(), torch.empty(0).device
    with ExitStack() as settings:
        if torch.is_inference_mode_enabled():
            settings.enter_context(torch.inference_mode(False))
        settings.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                settings.enter_context(torch.autocast(kind, enabled=False))
        if dtype != torch.float32:
            torch.set_default_dtype(torch.float32)
            settings.callback(torch.set_default_dtype, dtype)
        if device.type != "cpu":
            settings.enter_context(torch.device("cpu"))
        yield


@contextmanager
def seeded(device: torch.device, *entropy: int) -> Iterator[None]:
    """Seed torch's generators from these numbers; put the caller's back on leaving.

    Zeros at the end change nothing, as NumPy's seed sequences do not see them.
    """
    seed = int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.random.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
