"""A learner of four classes that are easy to tell: noise, brighter in one quarter of the image."""

from __future__ import annotations

from typing import Any

import numpy as np

from prune_env.core.selection import Selection
from prune_env.data.dataset import Dataset, Split
from prune_env.learners.network.learner import NetworkLearner
from prune_env.learners.protocol import Signals
from prune_env.lookup import Function

SMALL: dict[str, Any] = {"batch_size": 16, "label_smoothing": 0.2, "padding": 2, "flip": True}


def images_of(num: int, seed: int, size: int = 16) -> Split:
    """Noise, brighter in the half of the image that belongs to its class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, num)
    images = rng.integers(0, 128, (num, size, size, 3), dtype=np.uint8)
    half = slice(0, size // 2), slice(size // 2, None)
    for image, label in zip(images, labels, strict=True):
        image[half[label // 2], half[label % 2]] += 100
    return Split(images, labels)


DATASET = Dataset("quarters", tuple("abcd"), images_of(120, 0), images_of(40, 1))


def make(network: Function = "small", seed: int = 0, **recipe: Any) -> NetworkLearner:
    learner = NetworkLearner(DATASET, network, SMALL | recipe, device="cpu")
    learner.reset([seed])
    return learner


def keep(learner: NetworkLearner, indices: Any = None, weights: Any = None) -> Selection:
    indices = np.arange(learner.num_arms) if indices is None else np.asarray(indices)
    return Selection(indices, np.array([len(indices)]), weights)


def train(learner: NetworkLearner, selection: Selection, rounds: int = 1) -> list[Signals]:
    """The next rounds of a run of four."""
    return [
        learner.train(selection, np.array([r / 4]), np.array([(r + 1) / 4])) for r in range(rounds)
    ]


def equal(first: Signals, second: Signals) -> bool:
    return np.array_equal(first.indices, second.indices) and np.array_equal(
        first.table, second.table
    )
