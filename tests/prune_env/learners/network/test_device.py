"""Devices are tried out, and bf16 is for hardware that has it. No GPU is needed here."""

from __future__ import annotations

from contextlib import nullcontext

import gymnasium as gym
import numpy as np
import pytest
import torch

from prune_env import notices
from prune_env.data.dataset import Dataset, Split
from prune_env.learners.network.device import find_device, gpu_names, precision_on
from prune_env.learners.network.learner import NetworkLearner

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
TOO_OLD = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
    "driver by downloading and installing a new version from the URL: http://..."
)


def with_gpus(monkeypatch: pytest.MonkeyPatch, count: int, fault: str | None = None) -> None:
    """Let PyTorch count so many GPUs, which fail so."""

    def ones(size: int, device: torch.device) -> torch.Tensor:
        if fault is not None and device.type == "cuda":
            raise RuntimeError(fault)
        return torch.zeros(size)

    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch, "ones", ones)
    monkeypatch.setattr(notices, "_said", {})


@pytest.mark.parametrize(
    ("name", "gpus", "found"),
    [
        ("auto", 0, "cpu"),
        ("auto", 2, "cuda:0"),
        ("cpu", 2, "cpu"),
        ("cuda", 1, "cuda:0"),
        ("cuda:1", 2, "cuda:1"),
    ],
)
def test_a_device_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, gpus: int, found: str
) -> None:
    with_gpus(monkeypatch, gpus)
    assert find_device(name) == torch.device(found)


@pytest.mark.parametrize(
    ("count", "shown", "names"),
    [
        (0, None, []),
        (2, None, ["0", "1"]),
        (2, "3, GPU-4f", ["3", "GPU-4f"]),
        (1, "5,9", ["5"]),  # CUDA stops at the first that is not there
        (0, "", []),
    ],
)
def test_gpus_as_a_process_is_given_them(
    monkeypatch: pytest.MonkeyPatch, count: int, shown: str | None, names: list[str]
) -> None:
    with_gpus(monkeypatch, count)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    assert gpu_names() == names


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "tpu"])
def test_a_device_that_is_not_there(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with_gpus(monkeypatch, 0)
    with pytest.raises(ValueError, match=f"device '{name}' is not there; this machine has cpu$"):
        find_device(name)


def test_auto_falls_back_to_the_cpu_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, 1, TOO_OLD + "\nand a second line")
    with pytest.warns(notices.Notice, match="on the CPU, for cuda:0 does not work: The NVIDIA .*"):
        assert find_device("auto") == CPU


def test_a_gpu_that_was_asked_for_and_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, 1, TOO_OLD + "\nand a second line")
    with pytest.raises(
        ValueError, match=r"device 'cuda' does not work: The NVIDIA .*http://\.\.\.$"
    ):
        find_device("cuda")


@pytest.mark.parametrize(
    ("capability", "expected"), [((6, 1), "fp32"), ((7, 5), "fp32"), ((8, 0), "bf16")]
)
def test_bf16_where_a_gpu_has_it(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.version, "hip", None)
    assert precision_on(GPU, "auto") == expected
    assert precision_on(GPU, "fp32") == "fp32"
    if expected == "bf16":
        assert precision_on(GPU, "bf16") == "bf16"
    else:
        with pytest.raises(ValueError, match="'bf16', which this cuda only emulates"):
            precision_on(GPU, "bf16")


@pytest.mark.parametrize("has", [False, True])
def test_bf16_where_a_cpu_has_it(monkeypatch: pytest.MonkeyPatch, has: bool) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_arm_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: has, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    assert precision_on(CPU, "auto") == "fp32"  # the same bits on every CPU
    images = np.zeros((8, 8, 8, 1), np.uint8)
    split = Split(images, np.array([0, 1] * 4))
    data = Dataset("two", ("a", "b"), split, split)
    if has:
        assert NetworkLearner(data, "mlp", {"precision": "bf16"}, "cpu").precision == "bf16"
    else:
        with pytest.raises(ValueError, match="'bf16', which this cpu only emulates; allowed are"):
            NetworkLearner(data, "mlp", {"precision": "bf16"}, "cpu")
    assert NetworkLearner(data, "mlp", device="cpu").precision == "fp32"


def test_a_wrong_device_is_found_before_data_are_read() -> None:
    with pytest.raises(ValueError, match="device 'cuda:99' is not there"):
        gym.make("prune_env/Images-v0", data="/no/such/folder", device="cuda:99")


class Default:
    """A block in which a default of PyTorch is another one."""

    def __init__(self, name, value, usual):
        self.set, self.value, self.usual = getattr(torch, f"set_default_{name}"), value, usual

    def __enter__(self):
        self.set(self.value)

    def __exit__(self, *failure):
        self.set(self.usual)


BLOCKS = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "default dtype": lambda: Default("dtype", torch.float64, torch.float32),
    "default device": lambda: Default("device", "meta", None),
}


def losses_of_a_run(making, stepping):
    """What a run shows in the end, where it is made inside one block and stepped in another."""
    with making:
        signals = ("seen", "loss", "features", "reference_loss")
        env = gym.make("prune_env:prune_env/Digits-v0", limit=100, epochs=2, signals=signals)
    with stepping:
        env.reset(seed=0)
        env.step(env.action_space.sample() * 0 + 1)
        observation, _, over, _, info = env.step(env.action_space.sample() * 0 + 1)
        assert over
        inside = torch.is_grad_enabled(), torch.get_default_dtype(), torch.empty(0).device
    return observation, info["test_accuracy"], inside


@pytest.mark.parametrize("block", BLOCKS)
def test_what_a_user_has_set_changes_nothing(block: str) -> None:
    usual, accuracy, _ = losses_of_a_run(nullcontext(), nullcontext())
    for making, stepping in ((BLOCKS[block](), BLOCKS[block]()), (nullcontext(), BLOCKS[block]())):
        found, same_accuracy, inside = losses_of_a_run(making, stepping)
        for name, values in usual.items():
            np.testing.assert_array_equal(found[name], values)
        assert same_accuracy == accuracy
        with BLOCKS[block]():
            left = torch.is_grad_enabled(), torch.get_default_dtype(), torch.empty(0).device
        assert inside == left
