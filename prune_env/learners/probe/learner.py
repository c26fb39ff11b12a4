"""Real training, small: M heads on frozen features, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_env.checks import In, check
from prune_env.core import perceptrons
from prune_env.core.selection import Selection
from prune_env.core.signals import MEASURED
from prune_env.data.dirty import Dirt, draw_arms
from prune_env.learners.probe.frozen_features import find_features
from prune_env.learners.probe.softmax import loss_and_correct, measure
from prune_env.learners.protocol import Metrics, Signals, SplitName

BLOCK = 32
"""Runs that are trained side by side: their batches fit the cache. Measured, see `rung_speed`."""

SMALLEST = np.finfo(np.float32).smallest_subnormal


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

    How far it predicts a network is measured by `prune-env fidelity`: docs/studies.md has the
    numbers, and benchmarks/results/probe_search.md why the labels of "cifar10" are what a head of
    64 units answers. It shows what never changing the arms costs, and at keep 0.5 that seeking high
    losses pays. Do not ask it which of two akin policies is ahead, or about wrong labels,
    augmentation and features that change: it has none.

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
        self.arms = data.train[self.train_positions].astype(np.float32)
        self.splits = {
            "validation": _split(data.train[validation], data.train_labels[validation]),
            "test": _split(data.test, data.test_labels),
        }
        self.num_arms, self.num_classes = len(self.labels), data.num_classes
        self.num_validation = len(validation)
        hidden = [options.hidden] if options.hidden else []
        self.sizes = (data.train.shape[1], *hidden, self.num_classes)
        """Units of each layer of a head; see `core.perceptrons`."""
        self.theta = np.empty((num_runs, perceptrons.num_parameters(self.sizes)), np.float32)
        """(M, P) float32: the parameters of the heads."""
        self._velocity = np.empty_like(self.theta)
        self._seeds, self._round = np.empty(num_runs, np.int64), np.empty(num_runs, np.int64)
        self.reset(range(num_runs))

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin M new runs; seeds[m] decides everything random in run m."""
        self.reset_runs(np.arange(self.num_runs), seeds)

    def reset_runs(self, runs: NDArray[np.int64], seeds: Sequence[int]) -> None:
        """Begin new runs in some slots; the others go on."""
        self._seeds[runs], self._round[runs] = seeds, 0
        self._velocity[runs] = 0
        for run in runs:
            self.theta[run] = _initial(self.sizes, self._rng(run))

    def train(
        self, selection: Selection, start: NDArray[np.float64], end: NDArray[np.float64]
    ) -> Signals:
        """One pass over the kept arms of each run."""
        self._round += 1
        blocks = [slice(first, first + BLOCK) for first in range(0, self.num_runs, BLOCK)]
        parts = [self._train_block(block, selection, start, end) for block in blocks]
        indices, tables = zip(*parts, strict=True)
        return Signals(np.concatenate(indices), np.concatenate(tables, axis=1).T)

    def _train_block(
        self,
        block: slice,
        selection: Selection,
        start: NDArray[np.float64],
        end: NDArray[np.float64],
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Train some runs side by side; those with fewer batches wait for the others.

        Returns:
            Flat positions (K,) and what was measured there (5, K).
        """
        start, end = start[block], end[block]
        num_batches = -(-selection.counts[block] // self.options.batch_size)
        arms, weights = self._batches(block, num_batches, selection)
        table = np.empty((len(MEASURED), *arms.shape), np.float32)
        theta, velocity = self.theta[block], self._velocity[block]
        for step in range(arms.shape[1]):
            at_work = num_batches > step
            runs = slice(None) if at_work.all() else at_work
            batch, mine = arms[runs, step], theta[runs]
            units = perceptrons.forward(mine, self.sizes, self.arms.take(batch, axis=0))
            measured, delta = measure(units[-1].swapaxes(1, 2), self.labels[batch])
            table[:, runs, step] = np.moveaxis(measured, -1, 0)
            delta *= weights[runs, step, None]
            gradient = perceptrons.backward(mine, self.sizes, units, delta.swapaxes(1, 2))
            gradient += self.options.weight_decay * mine
            velocity[runs] *= self.options.momentum
            velocity[runs] += gradient
            fraction = start + (end - start) * step / num_batches
            lr = (self.options.lr * (1 - fraction)).astype(np.float32)[runs, None]
            theta[runs] -= np.multiply(lr, velocity[runs], out=gradient)
        kept = weights > 0
        arms += self.num_arms * np.arange(self.num_runs)[block, None, None]
        return arms[kept], table[:, kept]

    def score(self, indices: NDArray[np.int64]) -> Signals:
        """Measure arms by a forward pass, without training."""
        edges = np.searchsorted(indices, self.num_arms * np.arange(1, self.num_runs))
        table = [
            measure(self._logits(run, self.arms[arms]), self.labels[None, arms])[0][0]
            for run, flat in enumerate(np.split(indices, edges))
            for arms in [flat - run * self.num_arms]
        ]
        return Signals(indices, np.concatenate(table))

    def evaluate(self, split: SplitName) -> Metrics:
        """Loss and accuracy of each run, one run after the other: their features fit the cache."""
        x, labels = self.splits[split]
        measured = [
            [part.mean(dtype=np.float64) for part in loss_and_correct(self._logits(run, x), labels)]
            for run in range(self.num_runs)
        ]
        loss, accuracy = np.transpose(measured)
        return Metrics(loss, accuracy)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue bit for bit, copied."""
        return {
            "theta": self.theta.copy(),
            "velocity": self._velocity.copy(),
            "seeds": self._seeds.copy(),
            "round": self._round.copy(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.theta, self._velocity = state["theta"].copy(), state["velocity"].copy()
        self._seeds, self._round = state["seeds"].copy(), state["round"].copy()

    def _batches(
        self, block: slice, num_batches: NDArray[np.int64], selection: Selection
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The kept arms of some runs, each in its own order, cut into equal batches and padded.

        Returns:
            (m, S, B) arms, and (m, S, B) loss weights over the size of the batch, 0 in padding.
        """
        shape = (len(num_batches), int(num_batches.max()), self.options.batch_size)
        arms, weights = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
        ends = np.cumsum(selection.counts)
        given = np.empty(self.num_arms, np.float32)
        for row, batches in enumerate(num_batches):
            run = block.start + row
            part = slice(ends[run] - selection.counts[run], ends[run])
            given[:] = 0
            kept = selection.indices[part] - run * self.num_arms
            given[kept] = 1 if selection.weights is None else selection.weights[part]
            order = self._rng(run).permutation(self.num_arms)
            in_order = given.take(order)
            mine = in_order > 0
            place, size = _places(len(kept), int(batches), self.options.batch_size)
            arms[row].reshape(-1)[place] = order[mine]
            # the smallest weights stay above 0, which padding has alone
            weights[row].reshape(-1)[place] = np.maximum(in_order[mine] / size, SMALLEST)
        return arms, weights

    def _logits(self, run: int, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """(1, C, B): what one run answers to samples x, (B, F)."""
        return perceptrons.forward(self.theta[run, None], self.sizes, x)[-1].swapaxes(1, 2)

    def _rng(self, run: int) -> np.random.Generator:
        return np.random.default_rng((self._seeds[run], self._round[run]))


@lru_cache(maxsize=16)
def _places(k: int, batches: int, batch_size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where k arms in order go in equal batches, (k,) of batches x batch_size; sizes of theirs."""
    batch = np.arange(k) * batches // k
    first = np.searchsorted(batch, np.arange(batches + 1))
    return batch * batch_size + np.arange(k) - first[batch], np.diff(first)[batch]


def _split(
    vectors: NDArray[np.floating], labels: NDArray[np.integer]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(B, F) float32, and (1, B) for the runs, of which there is one at a time."""
    return vectors.astype(np.float32), labels[None].astype(np.int64)


def _initial(sizes: perceptrons.Sizes, rng: np.random.Generator) -> NDArray[np.float32]:
    """(P,) a head that begins with a uniform guess: its last layer is 0, hidden ones are after He.

    A hidden layer is drawn unit by unit, each with a number for its bias, which is 0 all the same.
    """
    theta = np.zeros((1, perceptrons.num_parameters(sizes)), np.float32)
    for weight, _ in perceptrons.layers(theta, sizes)[:-1]:
        _, inputs, outputs = weight.shape
        drawn = np.sqrt(2 / inputs) * rng.standard_normal((outputs, inputs + 1))
        weight[0] = drawn[:, :-1].T
    return theta[0]
