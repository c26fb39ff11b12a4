"""What is measured on a GPU; on a CPU the same code runs, so that it is known to run."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from speed.speed_step import bare_epoch, untrained

from prune_env.core.selection import Selection
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
    bare = untrained(learner)
    for number in range(2):
        bare_epoch(learner, *bare, number, arms)
    begin = time.perf_counter()
    bare_epoch(learner, *bare, 2, arms)
    return arms / (time.perf_counter() - begin)
