"""Real training, small: M heads on frozen features, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_env.checks import In, check
from prune_env.core.selection import Selection
from prune_env.core.signals import MEASURED
from prune_env.data.dirty import Dirt, draw_arms
from prune_env.learners.probe import batched_heads
from prune_env.learners.probe.frozen_features import find_features
from prune_env.learners.protocol import Metrics, Signals, SplitName

BLOCK = 16
"""Runs that are trained side by side: their batches fit the cache. Measured, see `rung_speed`."""


@dataclass(frozen=True)
class ProbeOptions(Dirt):
    """How the heads are trained. Checked when made."""

    features: Any = "cifar10"
    """"cifar10", "digits", an .npz file or arrays; see `frozen_features.find_features`"""
    num_validation: int | None = None
    """samples of the validation split; a tenth of the training set if None"""
    hidden: Annotated[int, In("[0, inf)")] = 64
    """units of a hidden layer; 0 is softmax regression, which cannot learn every CIFAR-10 arm"""
    batch_size: Annotated[int, In("[1, inf)")] = 64
    """samples a step at most; a round is cut into equal batches"""
    lr: Annotated[float, In("[0, inf)")] = 0.05
    """learning rate at the start; it falls linearly to 0 over the run"""
    momentum: Annotated[float, In("[0, 1)")] = 0.9
    """momentum of SGD, in [0, 1)"""
    weight_decay: Annotated[float, In("[0, inf)")] = 1e-4
    """L2 penalty of all weights"""

    def __post_init__(self) -> None:
        check(self)


class ProbeLearner:
    """M runs of a small head over the same N feature vectors.

    Softmax regression, or one hidden layer, trained by SGD with momentum on the arms that are kept,
    in real mini-batches: real generalisation and a real effect of selection, at hundreds of rounds
    a CPU-second. The order in which arms come follows from the seed and the round and does not
    depend on what is kept.

    How far it predicts a network is measured by `prune-env fidelity`: README has the numbers, and
    benchmarks/results/probe_search.md why the labels of "cifar10" are what a head of 64 units
    answers. It shows what never changing the arms costs, and at keep 0.5 that seeking high losses
    pays. Do not ask it which of two akin policies is ahead, or about wrong labels, augmentation and
    features that change: it has none.

    Every batch is padded to `batch_size` with samples of weight 0. So the matrices that are
    multiplied have the same shape whatever the other runs keep, and run m is the same, bit for
    bit, alone and among others.

    Args:
        options: how to train, and on what.
        num_runs: M.
    """

    def __init__(self, options: ProbeOptions, num_runs: int = 1) -> None:
        self.options, self.num_runs = options, num_runs
        data = find_features(options.features)
        self.digest = data.digest
        arms = draw_arms(data.train_labels.astype(np.int64), options.num_validation, options)
        self.train_positions, self.labels = arms.positions, arms.labels
        """(N,) int64: where each arm lies in `Features.train`, and its class."""
        self.true_labels, validation = arms.true_labels, arms.validation
        self.arms = _with_ones(data.train[self.train_positions])
        self.splits = {
            "validation": (_with_ones(data.train[validation]), data.train_labels[validation]),
            "test": (_with_ones(data.test), data.test_labels),
        }
        self.num_arms, self.num_classes = len(self.labels), data.num_classes
        self.num_validation = len(validation)
        hidden = [options.hidden] if options.hidden else []
        self._sizes = [data.train.shape[1], *hidden, self.num_classes]
        shapes = zip(self._sizes[1:], self._sizes[:-1], strict=True)
        self.weights = [np.empty((num_runs, o, i + 1), np.float32) for o, i in shapes]
        """The matrices of the heads, see `batched_heads`."""
        self._velocity = [np.empty_like(weight) for weight in self.weights]
        self._seeds, self._round = np.empty(num_runs, np.int64), np.empty(num_runs, np.int64)
        self.reset(range(num_runs))

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin M new runs; seeds[m] decides everything random in run m."""
        self.reset_runs(np.arange(self.num_runs), seeds)

    def reset_runs(self, runs: NDArray[np.int64], seeds: Sequence[int]) -> None:
        """Begin new runs in some slots; the others go on."""
        self._seeds[runs], self._round[runs] = seeds, 0
        for run in runs:
            initial = batched_heads.initial_weights(self._sizes, self._rng(run))
            for weight, velocity, value in zip(self.weights, self._velocity, initial, strict=True):
                weight[run], velocity[run] = value, 0

    def train(
        self, selection: Selection, start: NDArray[np.float64], end: NDArray[np.float64]
    ) -> Signals:
        """One pass over the kept arms of each run."""
        self._round += 1
        loss_weight = np.zeros((self.num_runs, self.num_arms), np.float32)
        given = 1 if selection.weights is None else selection.weights
        loss_weight.reshape(-1)[selection.indices] = given
        parts = [
            self._train_block(
                slice(first, first + BLOCK), selection.counts, loss_weight, start, end
            )
            for first in range(0, self.num_runs, BLOCK)
        ]
        indices, tables = zip(*parts, strict=True)
        return Signals(np.concatenate(indices), np.concatenate(tables))

    def _train_block(
        self,
        block: slice,
        counts: NDArray[np.int64],
        loss_weight: NDArray[np.float32],
        start: NDArray[np.float64],
        end: NDArray[np.float64],
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Train some runs side by side; those with fewer batches wait for the others.

        Returns:
            Flat positions (K,) and what was measured there (K, 5).
        """
        run_of = np.arange(self.num_runs)[block]
        start, end = start[block], end[block]
        num_batches = -(-counts[block] // self.options.batch_size)
        arms, weights = self._batches(run_of, num_batches, counts[block], loss_weight[block])
        table = np.empty((*arms.shape, len(MEASURED)), np.float32)
        matrices = [matrix[block] for matrix in self.weights]
        velocities = [velocity[block] for velocity in self._velocity]
        for step in range(arms.shape[1]):
            at_work = num_batches > step
            runs = slice(None) if at_work.all() else at_work
            batch = arms[runs, step]
            x = np.take(self.arms, batch, axis=0).swapaxes(1, 2)
            head = [matrix[runs] for matrix in matrices]
            logits, inputs = batched_heads.forward(head, x)
            table[runs, step], delta = batched_heads.measure(logits, self.labels[batch])
            delta *= weights[runs, step, None]
            fraction = start + (end - start) * step / num_batches
            lr = (self.options.lr * (1 - fraction)).astype(np.float32)[runs, None, None]
            gradients = batched_heads.backward(head, inputs, delta)
            for matrix, velocity, gradient in zip(matrices, velocities, gradients, strict=True):
                gradient += self.options.weight_decay * matrix[runs]
                velocity[runs] *= self.options.momentum
                velocity[runs] += gradient
                matrix[runs] -= np.multiply(lr, velocity[runs], out=gradient)
        kept = weights > 0
        flat = arms + self.num_arms * run_of[:, None, None]
        return flat[kept], table[kept]

    def score(self, indices: NDArray[np.int64]) -> Signals:
        """Measure arms by a forward pass, without training."""
        edges = np.searchsorted(indices, self.num_arms * np.arange(1, self.num_runs))
        table = [
            self._measure(run, self.arms[arms], self.labels[arms])
            for run, flat in enumerate(np.split(indices, edges))
            for arms in [flat - run * self.num_arms]
        ]
        return Signals(indices, np.concatenate(table))

    def evaluate(self, split: SplitName) -> Metrics:
        """Loss and accuracy of each run, one run after the other: their features fit the cache."""
        measured = [
            self._measure(run, *self.splits[split]).mean(axis=0, dtype=np.float64)
            for run in range(self.num_runs)
        ]
        loss, _, _, accuracy, _ = np.transpose(measured)
        return Metrics(loss, accuracy)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue bit for bit, copied."""
        return {
            "weights": [weight.copy() for weight in self.weights],
            "velocity": [velocity.copy() for velocity in self._velocity],
            "seeds": self._seeds.copy(),
            "round": self._round.copy(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.weights = [weight.copy() for weight in state["weights"]]
        self._velocity = [velocity.copy() for velocity in state["velocity"]]
        self._seeds, self._round = state["seeds"].copy(), state["round"].copy()

    def _batches(
        self,
        run_of: NDArray[np.int64],
        num_batches: NDArray[np.int64],
        counts: NDArray[np.int64],
        loss_weight: NDArray[np.float32],
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The kept arms of some runs, each in its own order, cut into equal batches and padded.

        Returns:
            (m, S, B) arms, and (m, S, B) loss weights over the size of the batch, 0 in padding.
        """
        shape = (len(run_of), int(num_batches.max()), self.options.batch_size)
        arms, weights = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
        for row, (run, k, batches) in enumerate(zip(run_of, counts, num_batches, strict=True)):
            order = self._rng(run).permutation(self.num_arms)
            order = order[loss_weight[row, order] > 0]
            batch = np.arange(k) * batches // k
            first = np.searchsorted(batch, np.arange(batches + 1))
            place = np.arange(k) - first[batch]
            arms[row, batch, place] = order
            weights[row, batch, place] = loss_weight[row, order] / np.diff(first)[batch]
        return arms, weights

    def _measure(
        self, run: int, x: NDArray[np.float32], labels: NDArray[np.integer]
    ) -> NDArray[np.float32]:
        """(B, 5) what a forward pass of one run measures of samples x, (B, F + 1)."""
        head = [weight[run, None] for weight in self.weights]
        logits, _ = batched_heads.forward(head, x.T[None])
        return batched_heads.measure(logits, labels[None])[0][0]

    def _rng(self, run: int) -> np.random.Generator:
        return np.random.default_rng((self._seeds[run], self._round[run]))


def _with_ones(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """(N, F) -> (N, F + 1) float32, the last column 1."""
    return np.column_stack([vectors, np.ones(len(vectors))]).astype(np.float32)
