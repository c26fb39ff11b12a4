"""Make the features of CIFAR-10 that ship with the package, for `prune_env/Probe-v0`.

    python -m speed.make_probe_features --data cifar10/

The features use no label, so those of training and test images are alike: whitened random patches
as filters, a two-sided threshold, sums over the four quadrants (Coates, Lee & Ng 2011, with random
patches in place of k-means as Coates & Ng 2011 found nearly as good), then PCA. Images are chosen
class-balanced.

The labels are not those of CIFAR-10, but what a head of the probe's own kind answers that was
trained on them. Two images in five have a label which no small head reads off such features: as
arms they keep a high loss for ever, as wrong labels do, and a network has no such arms. What that
changes is in benchmarks/results/probe_search.md. A few minutes on one core; same seed, same file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from torch import Tensor

from prune_env.core import perceptrons
from prune_env.core.selection import Selection
from prune_env.data import load
from prune_env.data.balance import balanced
from prune_env.data.dataset import Split
from prune_env.learners.probe.frozen_features import ASSETS, Features
from prune_env.learners.probe.learner import ProbeLearner, ProbeOptions


@dataclass(frozen=True)
class Options:
    """How the features are made."""

    data: Path | None = None
    """where CIFAR-10 is; by default what `prune_env.data.load` finds"""
    out: Path = Path(str(ASSETS)) / "cifar10_features.npz"
    """the file to write"""
    train: int = 10_000
    """training images"""
    test: int = 4_000
    """test images"""
    filters: int = 512
    """random patches; each gives 8 features before PCA: 2 signs x 4 quadrants"""
    patch: int = 6
    """pixels of the side of a patch"""
    threshold: float = 0.25
    """responses below it count as 0"""
    dimensions: int = 64
    """principal components to keep"""
    teacher: int = 64
    """hidden units of the head whose answers are the labels; 0 keeps the true labels"""
    seed: int = 0
    """decides images, patches and teacher"""


def choose(split: Split, count: int, rng: np.random.Generator) -> tuple[Tensor, np.ndarray]:
    """Some images of a split, (count, C, H, W) float32 of 0 to 255, and their labels."""
    chosen = balanced(split.labels, count, rng)
    images = torch.from_numpy(np.ascontiguousarray(split.images[chosen]))
    return images.permute(0, 3, 1, 2).float().contiguous(), split.labels[chosen]


def random_patches(images: Tensor, count: int, size: int, rng: np.random.Generator) -> Tensor:
    """(count, C * size * size), each from a random place of a random image."""
    image, top, left = (
        rng.integers(high, size=count) for high in (len(images), *(np.array([33, 33]) - size))
    )
    return torch.stack(
        [
            images[i, :, y : y + size, x : x + size].flatten()
            for i, y, x in zip(image, top, left, strict=True)
        ]
    )


def normalised(patches: Tensor) -> Tensor:
    """Each patch with its mean taken away, divided by its contrast."""
    centred = patches - patches.mean(1, keepdim=True)
    return centred / (patches.var(1, correction=0, keepdim=True) + 10).sqrt()


class PatchFeatures:
    """Images (B, C, H, W) -> (B, 8 * filters): responses to whitened patches, pooled."""

    def __init__(self, images: Tensor, options: Options, rng: np.random.Generator) -> None:
        self.size, self.threshold = options.patch, options.threshold
        sample = normalised(random_patches(images, 100_000, self.size, rng))
        mean = sample.mean(0)
        covariance = (sample - mean).T @ (sample - mean) / len(sample)
        values, vectors = torch.linalg.eigh(covariance)
        whiten = vectors @ torch.diag((values + 0.1).rsqrt()) @ vectors.T
        patches = (
            normalised(random_patches(images, options.filters, self.size, rng)) - mean
        ) @ whiten
        filters = (patches / patches.norm(dim=1, keepdim=True)) @ whiten
        self.offset = filters @ mean
        # taking a patch's mean away is linear, so the filters can do it
        filters = filters - filters.mean(1, keepdim=True)
        self.filters = filters.view(-1, images.shape[1], self.size, self.size)

    def __call__(self, images: Tensor) -> Tensor:
        """All images, a few at a time."""
        return torch.cat([self._some(batch) for batch in images.split(100)])

    def _some(self, images: Tensor) -> Tensor:
        def mean_of_patch(pixels: Tensor) -> Tensor:
            return F.avg_pool2d(pixels.mean(1, keepdim=True), self.size, stride=1)

        variance = mean_of_patch(images**2) - mean_of_patch(images) ** 2
        response = F.conv2d(images, self.filters) / (variance.clamp(min=0) + 10).sqrt()
        response -= self.offset[:, None, None]
        signs = [F.relu(response - self.threshold), F.relu(-response - self.threshold)]
        return torch.cat([F.adaptive_avg_pool2d(sign, 2).flatten(1) for sign in signs], dim=1)


def principal_components(train: Tensor, test: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Project both on the first components of `train`; one scale, so the mean square is 1."""
    mean, deviation = train.mean(0), train.std(0) + 1e-6
    train, test = (train - mean) / deviation, (test - mean) / deviation
    _, vectors = torch.linalg.eigh(train.T @ train)
    components = vectors[:, -count:].flip(1)
    train, test = train @ components, test @ components
    scale = train.square().mean().sqrt()
    return train / scale, test / scale


def taught(features: Features, hidden: int, seed: int) -> Features:
    """The same features, labelled by a head that is trained on all of them and their labels."""
    vectors = np.concatenate([features.train, features.test]).astype(np.float32)
    labels = np.concatenate([features.train_labels, features.test_labels])
    everything = Features(vectors, labels, features.test, features.test_labels)
    head = ProbeLearner(ProbeOptions(everything, num_validation=1, hidden=hidden, lr=0.1))
    head.reset([seed])
    arms, rounds = np.arange(head.num_arms), np.linspace(0, 1, 9)
    for start, end in pairwise(rounds[:, None]):
        head.train(Selection(arms, np.array([len(arms)])), start, end)
    logits = perceptrons.forward(head.theta, head.sizes, vectors)[-1][0]
    answers = logits.argmax(axis=1).astype(labels.dtype)
    print(f"the head answers {np.mean(answers == labels):.1%} of the true labels")
    train, test = np.split(answers, [len(features.train)])
    return replace(features, train_labels=train, test_labels=test)


def main(options: Options) -> None:
    """Write the file."""
    rng = np.random.default_rng(options.seed)
    dataset = load("cifar10", options.data)
    (train, train_labels), (test, test_labels) = (
        choose(dataset.train, options.train, rng),
        choose(dataset.test, options.test, rng),
    )
    patches = PatchFeatures(train, options, rng)
    train, test = principal_components(patches(train), patches(test), options.dimensions)
    features = Features(
        train=train.numpy().astype(np.float16),
        train_labels=train_labels.astype(np.uint8),
        test=test.numpy().astype(np.float16),
        test_labels=test_labels.astype(np.uint8),
    )
    if options.teacher:
        features = taught(features, options.teacher, options.seed)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(options.out, **vars(features))
    print(f"{options.out}: {options.out.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main(tyro.cli(Options))
