"""Every known mistake on a CUDA device is caught where there is none, so that silence means much.

Each is made once a batch, beside what the learner measures. On a GPU the first half would make the
host wait a thousand times a round, and the rest give other numbers, or an error at the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from fake_cuda import Refused, Watch, fake_cuda
from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException as Value
from torch._subclasses.fake_tensor import DynamicOutputShapeException as Shape

from prune_env.core.selection import Selection
from prune_env.data.dataset import Dataset, Split
from prune_env.learners.network import learner as module
from prune_env.learners.network.learner import NetworkLearner

BLACK, LABELS = np.zeros((80, 8, 8, 1), np.uint8), np.arange(80) % 2
DATASET = Dataset("black", ("a", "b"), Split(BLACK, LABELS), Split(BLACK[:2], LABELS[:2]))
EXPECTED = {"cpu to cuda": 4, "cuda to cpu": 1}
CPU = torch.Generator()


@pytest.fixture(scope="module")
def made() -> tuple[Any, NetworkLearner]:
    with fake_cuda() as memory:
        recipe = {"batch_size": 32, "precision": "fp32"}
        return memory, NetworkLearner(DATASET, "mlp", recipe, device="cuda")


@pytest.fixture
def learner(made: tuple[Any, NetworkLearner]) -> Iterator[NetworkLearner]:
    memory, learner = made
    with fake_cuda(memory):
        learner.reset([0])
        yield learner


def a_round(learner: NetworkLearner, bf16: bool = False) -> dict[str, int]:
    """The copies of a round of two batches."""
    with Watch(bf16) as watch:
        every = Selection(np.arange(60), np.array([60]))
        learner.train(every, np.array([0.0]), np.array([0.5]))
    return dict(watch.copies)


def test_without_a_mistake_nothing_is_caught(learner):
    assert a_round(learner) == EXPECTED


def half_precision(log_p: Tensor, labels: Tensor) -> Tensor:
    with torch.autocast("cuda", torch.float16):
        return log_p @ log_p.T


RAISED: dict[str, tuple[type[Exception], Callable[[Tensor, Tensor], Any]]] = {
    # the host waits for a value, or for how many there are
    "item": (Value, lambda log_p, labels: log_p.mean().item()),
    "float": (Value, lambda log_p, labels: float(log_p[0, 0])),
    "if": (Value, lambda log_p, labels: 1 if log_p.mean() > 0 else 0),
    "all finite": (Value, lambda log_p, labels: bool(log_p.isfinite().all())),
    "equal": (Value, lambda log_p, labels: torch.equal(log_p, log_p)),
    "tolist": (Value, lambda log_p, labels: labels.tolist()),
    "boolean mask": (Shape, lambda log_p, labels: log_p[labels == 0]),
    "nonzero": (Shape, lambda log_p, labels: labels.nonzero()),
    "unique": (Shape, lambda log_p, labels: labels.unique()),
    "repeat_interleave": (Shape, lambda log_p, labels: log_p.repeat_interleave(labels, 0)),
    "one_hot": (Exception, lambda log_p, labels: torch.nn.functional.one_hot(labels)),
    "a copy that waits": (Refused, lambda log_p, labels: torch.ones(3).to("cuda")),
    "a number as a tensor": (Refused, lambda log_p, labels: torch.tensor(0.1, device="cuda")),
    # what is read there is not there yet
    "a copy that nobody waits for": (
        Refused,
        lambda log_p, labels: log_p.detach().to("cpu", non_blocking=True),
    ),
    "numpy": (AssertionError, lambda log_p, labels: log_p.detach().numpy()),
    # another device
    "labels on the CPU": (RuntimeError, lambda log_p, labels: log_p.gather(1, CPU_LABELS)),
    "an index on the CPU": (Refused, lambda log_p, labels: log_p[torch.arange(3)]),
    "a generator of the CPU": (
        Refused,
        lambda log_p, labels: torch.rand(3, device="cuda", generator=CPU),
    ),
    "an order drawn on the CPU": (
        Refused,
        lambda log_p, labels: torch.randperm(3, device="cuda", generator=CPU),
    ),
    "noise drawn on the CPU": (
        Refused,
        lambda log_p, labels: log_p.detach().normal_(generator=CPU),
    ),
    # another type
    "float64": (Refused, lambda log_p, labels: log_p.double()),
    "float64 from NumPy": (Refused, lambda log_p, labels: log_p + torch.from_numpy(np.ones(2))),
    "a mean in float64": (Refused, lambda log_p, labels: log_p.mean(dtype=torch.float64)),
    "float16": (Refused, lambda log_p, labels: log_p.half()),
    "autocast to float16": (Refused, half_precision),
    "bfloat16 in a run of fp32": (Refused, lambda log_p, labels: log_p.bfloat16()),
}
COUNTED: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "a copy to the device": lambda log_p, labels: torch.ones(3).to("cuda", non_blocking=True),
    "a copy to the host": lambda log_p, labels: log_p.detach().cpu(),
    "an in-place copy to the host": lambda log_p, labels: torch.empty(len(log_p), 2).copy_(log_p),
    "work on the CPU": lambda log_p, labels: torch.arange(3) + 1,
    "noise made on the CPU": lambda log_p, labels: torch.rand(3),
}
"""By what it does, a mistake in (B, C) log-probabilities and (B,) labels."""
CPU_LABELS = torch.zeros(30, 1, dtype=torch.int64)


def put_in(monkeypatch: pytest.MonkeyPatch, mistake: Callable[[Tensor, Tensor], Any]) -> None:
    measure = module.measure

    def mistaken(log_p: Tensor, labels: Tensor, out: Tensor) -> None:
        mistake(log_p, labels)
        measure(log_p, labels, out)

    monkeypatch.setattr(module, "measure", mistaken)


@pytest.mark.parametrize("name", RAISED)
def test_a_mistake_raises(learner, monkeypatch, name):
    error, mistake = RAISED[name]
    put_in(monkeypatch, mistake)
    with pytest.raises(error):
        a_round(learner)


@pytest.mark.parametrize("name", COUNTED)
def test_a_mistake_is_counted(learner, monkeypatch, name):
    put_in(monkeypatch, COUNTED[name])
    assert sum(a_round(learner).values()) >= sum(EXPECTED.values()) + 2


def test_a_softmax_of_bfloat16_raises_where_bf16_is_allowed(learner, monkeypatch):
    put_in(monkeypatch, lambda log_p, labels: log_p.bfloat16().log_softmax(1))
    with pytest.raises(Refused, match=r"a softmax in .*bfloat16"):
        a_round(learner, bf16=True)


def test_labels_left_on_the_cpu_raise(learner, monkeypatch):
    monkeypatch.setattr(learner, "_arm_labels", torch.from_numpy(learner.labels))
    with pytest.raises(Refused, match="both devices"):
        a_round(learner)


def test_images_left_on_the_cpu_raise(learner, monkeypatch):
    monkeypatch.setattr(learner.arm_inputs, "_padded", learner.arm_inputs._padded.cpu())
    with pytest.raises((Refused, RuntimeError)):
        a_round(learner)


def test_an_evaluation_that_copies_every_batch_is_counted(learner, monkeypatch):
    monkeypatch.setattr(learner, "_evaluation_batch", 1)
    put_in(monkeypatch, lambda log_p, labels: log_p.cpu())
    with Watch() as watch:
        learner.evaluate("test")
    assert watch.copies == {"cuda to cpu": 3}
