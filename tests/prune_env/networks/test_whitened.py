"""airbench94 against the published algorithm, written out plainly."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim

from prune_env.core.selection import Selection
from prune_env.data.augment import draw_noise
from prune_env.data.dataset import Dataset, Split
from prune_env.learners.network.learner import NetworkLearner
from prune_env.networks.registry import WHITENED

ARMS, ROUNDS = 18, 8


def images_of(num: int) -> Split:
    """Noise of 10 x 10, brighter in the half of the image that belongs to its class."""
    rng = np.random.default_rng(num)
    images = rng.integers(0, 128, (num, 10, 10, 3), dtype=np.uint8)
    labels = np.arange(num) % 2
    images[labels == 1, :5] += 100
    return Split(images, labels)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sixteenth of its size, for speed."""
    monkeypatch.setitem(WHITENED["airbench94"], "widths", (16, 64, 64))


def make(num: int, **recipe: Any) -> NetworkLearner:
    dataset = Dataset("halves", ("below", "above"), images_of(num), images_of(10))
    return NetworkLearner(dataset, "airbench94", recipe, device="cpu", num_validation=2)


def train(learner: NetworkLearner, rounds: range) -> None:
    everything = Selection(np.arange(learner.num_arms), np.array([learner.num_arms]))
    for r in rounds:
        learner.train(everything, np.array([r / ROUNDS]), np.array([(r + 1) / ROUNDS]))


def published_muon(p: Tensor, g: Tensor, average: Tensor, lr: float) -> None:
    average.mul_(0.6).add_(g)
    x = (g + 0.6 * average).flatten(1)
    x = x / x.norm()
    for _ in range(3):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    p.mul_(len(p) ** 0.5 / p.norm()).sub_(lr * x.view_as(p))


def published(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> None:
    """Train on the batches, (images, labels), of the first of 8 rounds."""
    total, early = 8 * len(batches), 3 * len(batches)
    filters = [conv.weight for conv in model.blocks.modules() if isinstance(conv, nn.Conv2d)]
    averages = [torch.zeros_like(p) for p in filters]
    norms = [norm.bias for norm in model.modules() if isinstance(norm, nn.BatchNorm2d)]
    decay = 2e-6 * 2000
    rest = [([model.stem.bias], 0.053), (norms, 0.053), ([model.head.weight], 0.67)]
    groups = [{"params": p, "lr": lr, "weight_decay": decay / lr} for p, lr in rest]
    sgd = optim.SGD(groups, momentum=0.85, nesterov=True)
    for step, (images, labels) in enumerate(batches):
        model.zero_grad(set_to_none=True)
        loss = 2000 * F.cross_entropy(model(images), labels, label_smoothing=0.2)
        loss.backward()  # of a batch of 2,000: the sum of its losses
        rates = [0.053 * (1 - step / early), 0.053 * (1 - step / total), 0.67 * (1 - step / total)]
        for group, rate in zip(sgd.param_groups, rates, strict=True):
            group["lr"] = rate
        sgd.step()
        with torch.no_grad():
            for p, average in zip(filters, averages, strict=True):
                published_muon(p, p.grad, average, 0.24 * (1 - step / total))


@pytest.mark.usefixtures("narrow")
def test_its_steps_are_those_that_were_published() -> None:
    """Two steps, the second with momentum and lower rates; from then on rounding grows fast."""
    learner = make(ARMS + 2, batch_size=ARMS // 2)
    learner.reset([5])
    twin = deepcopy(learner._model).train()
    noise = draw_noise(ARMS, 2, True, 5, round_index=0)
    order, shift, flip = map(torch.from_numpy, (noise.order, noise.shift, noise.flip))
    parts = order.split(ARMS // 2)
    images = [learner.arm_inputs.augmented(p, shift[:, p], flip[p]) for p in parts]
    published(twin, [(i, learner._arm_labels[p]) for i, p in zip(images, parts, strict=True)])
    train(learner, range(1))
    for name, ours in learner._model.state_dict().items():
        torch.testing.assert_close(ours, twin.state_dict()[name], atol=1e-4, rtol=1e-4, msg=name)


@pytest.mark.usefixtures("narrow")
def test_the_bias_of_the_stem_is_trained_for_three_epochs_of_eight() -> None:
    learner = make(ARMS + 2, batch_size=ARMS)
    learner.reset([5])
    biases = [learner._model.stem.bias.detach().clone()]
    for r in range(5):
        train(learner, range(r, r + 1))
        biases.append(learner._model.stem.bias.detach().clone())
    trained = [not torch.equal(a, b) for a, b in pairwise(biases)]
    assert trained == [True, True, True, False, False]
    rates = {"early" in group: group["lr"] for group in learner._optimizer.param_groups}
    assert rates == {True: 0, False: pytest.approx(0.24 * 4 / 8)}


def test_its_parts_are_those_that_were_published() -> None:
    model = make(20)._model
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == (
        24 + 9 * (24 * 64 + 64**2 + 64 * 256 + 3 * 256**2) + 2 * (64 + 256 + 256) + 256 * 2
    )
    assert model.head.weight.std().item() == 1
    norm = model.blocks[0][2]
    assert (norm.momentum, norm.eps, norm.weight.requires_grad) == (0.4, 1e-12, False)
    images = torch.randn(3, 3, 10, 10)
    features: list[Tensor] = []
    model.head.register_forward_pre_hook(lambda _, args: features.append(args[0]))
    model.eval()
    torch.testing.assert_close(model(images), features[0] @ model.head.weight.T / 256)


@pytest.mark.usefixtures("narrow")
def test_on_a_cpu_a_slice_trains_with_the_same_code() -> None:
    learner = make(66, batch_size=64, rest_lr_scale=0.67 * 64 / 0.24)
    learner.reset([0])
    train(learner, range(ROUNDS))
    assert learner.evaluate("test").accuracy[0] == 1
