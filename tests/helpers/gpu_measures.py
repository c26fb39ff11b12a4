"""What is measured on a GPU; on a CPU the same code runs, so that it is known to run."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from prune_env import networks
from prune_env.core.selection import Selection
from prune_env.data.augment import draw_noise
from prune_env.data.dataset import Dataset, Split
from prune_env.learners.network.learner import NetworkLearner

EXTRAS = ("features", "reference_loss")


def images_of(num: int, seed: int) -> Split:
    """Noise of 32 x 32, brighter in the rows that belong to the class."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 156, (num, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(num) % 10
    for image, label in zip(images, labels, strict=True):
        image[3 * label : 3 * label + 3] += 100
    return Split(images, labels)


def learner_on(device: str, network: str, num_arms: int = 600, **recipe: Any) -> NetworkLearner:
    """A learner of noise, with as many arms and a hundred images of each other split."""
    data = Dataset("rows", tuple("abcdefghij"), images_of(num_arms + 100, 0), images_of(100, 1))
    return NetworkLearner(data, network, recipe, device=device, num_validation=100)


def train(learner: NetworkLearner, arms: int, span: tuple[float, float] = (0.2, 0.3)) -> Any:
    """A round of the first arms."""
    selection = Selection(np.arange(arms), np.array([arms]))
    return learner.train(selection, np.array([span[0]]), np.array([span[1]]))


def losses(learner: NetworkLearner, arms: int, rounds: int) -> list[np.ndarray]:
    """(K,) each: what a run measures of the same arms, one round after another, in their order."""
    learner.reset([0])
    found = []
    for _ in range(rounds):
        signals = train(learner, arms)
        found.append(signals.of("loss")[np.argsort(signals.indices)])
    return found


def differences(one: list[np.ndarray], other: list[np.ndarray]) -> dict[str, float]:
    """By how many nats two runs differ: at most before the first step, and on average after."""
    return {
        "before_a_step": float(np.abs(one[0] - other[0]).max()),
        "after_steps": max(
            abs(float(a.mean() - b.mean())) for a, b in zip(one, other, strict=True)
        ),
    }


def round_rate(learner: NetworkLearner, arms: int) -> float:
    """Images a second of a round; two before it warm up."""
    for _ in range(2):
        train(learner, arms)
    begin = time.perf_counter()
    train(learner, arms)
    return arms / (time.perf_counter() - begin)


def bare_rate(learner: NetworkLearner, arms: int) -> float:
    """Images a second of a loop that trains in the same way and measures nothing."""
    device, recipe = learner.device, learner.recipe
    model = learner.make_model().to(device).to(memory_format=torch.channels_last)
    optimizer = networks.make_optimizer(model, recipe)
    networks.set_rates(optimizer, recipe, 0.2)
    labels = torch.from_numpy(learner.labels).to(device)

    def an_epoch(number: int) -> None:
        noise = draw_noise(learner.num_arms, recipe.padding, recipe.flip, 0, number)
        order = torch.from_numpy(noise.order[noise.order < arms]).to(device)
        shift, flip = (torch.from_numpy(a).to(device) for a in (noise.shift, noise.flip))
        for batch in order.split(recipe.batch_size):
            images = learner.arm_inputs.augmented(batch, shift[:, batch], flip[batch])
            with torch.autocast(device.type, torch.bfloat16, learner.precision == "bf16"):
                logits = model(images)
            smoothing = recipe.label_smoothing
            loss = F.cross_entropy(logits.float(), labels[batch], label_smoothing=smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        loss.item()  # the end is there

    for number in range(2):
        an_epoch(number)
    begin = time.perf_counter()
    an_epoch(2)
    return arms / (time.perf_counter() - begin)
