"""What a machine needs for the arithmetic or the memory of a rung alone: `floors` of `rung_speed`.

Nothing is learned or chosen here, and no result is read. A rung that came near its floor could only
get faster by doing less.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from prune_env.core.signals import MEASURED
from prune_env.learners.probe.learner import ProbeLearner
from prune_env.vector import PruneVectorEnv

SIDE = 768
"""Of the square matrices whose product is the peak of sgemm."""


def floors(envs: PruneVectorEnv, epochs: int, keep_ratio: float) -> dict[str, Callable[[], float]]:
    """Functions that do the least and return to how many episodes that amounts, by name."""
    learner = envs.learner
    if isinstance(learner, ProbeLearner):
        return {
            "products at the peak of sgemm": _peak(learner, epochs, keep_ratio),
            "products one by one": _products(learner, epochs, keep_ratio),
        }
    return {"memory": _memory(envs, epochs, keep_ratio)}


def _samples(learner: ProbeLearner, epochs: int, keep_ratio: float) -> tuple[int, int, int]:
    """Steps of an episode, samples of a step, and samples that are evaluated."""
    size = learner.options.batch_size
    steps = epochs * -(-round(keep_ratio * learner.num_arms) // size)
    evaluated = epochs * learner.num_validation + learner.splits["test"][1].size
    return steps, size, evaluated


def _peak(learner: ProbeLearner, epochs: int, keep_ratio: float) -> Callable[[], float]:
    """Products of large matrices: as many operations as an episode's products have."""
    steps, size, evaluated = _samples(learner, epochs, keep_ratio)
    pairs = [2 * inputs * outputs for inputs, outputs in pairwise(learner.sizes)]
    # forward, and the gradients by weights and by what came in, but not by the features
    training = 3 * sum(pairs) - pairs[0]
    operations = steps * size * training + evaluated * sum(pairs)
    left, right, out = (np.ones((SIDE, SIDE), np.float32) for _ in range(3))

    def work() -> float:
        for _ in range(20):
            np.matmul(left, right, out=out)
        return 20 * 2 * SIDE**3 / operations

    return work


def _products(learner: ProbeLearner, epochs: int, keep_ratio: float) -> Callable[[], float]:
    """The products of 16 episodes in their own shapes, and nothing between them."""
    steps, size, evaluated = _samples(learner, epochs, keep_ratio)
    runs, shapes = 16, list(pairwise(learner.sizes))
    units = [np.zeros((runs, size, width), np.float32) for width in learner.sizes]
    weights = [np.zeros((runs, *shape), np.float32) for shape in shapes]
    many = [np.zeros((1000, inputs), np.float32) for inputs, _ in shapes]

    def work() -> float:
        for _ in range(steps):
            for layer, weight in enumerate(weights):
                np.matmul(units[layer], weight, out=units[layer + 1])
            for layer, weight in reversed(list(enumerate(weights))):
                np.matmul(units[layer].swapaxes(1, 2), units[layer + 1], out=weight)
                if layer > 0:
                    np.matmul(units[layer + 1], weight.swapaxes(1, 2), out=units[layer])
        for _ in range(runs * evaluated // 1000):
            for samples, weight in zip(many, weights, strict=True):
                samples @ weight[0]
        return runs

    return work


def _memory(envs: PruneVectorEnv, epochs: int, keep_ratio: float) -> Callable[[], float]:
    """What must be read and written: every signal copied once, one state of every arm changed, and
    each measured column of the kept arms read where the arms lie, and stored.
    """
    runs, num_arms = envs.num_envs, envs.learner.num_arms
    shape = (runs, num_arms)
    arms = [name for name, box in envs.single_observation_space.spaces.items() if box.shape != (1,)]  # type: ignore[attr-defined]
    table = {name: np.zeros(shape, np.float32) for name in arms}
    shown = {name: np.zeros(shape, np.float32) for name in arms}
    state = np.zeros(shape, np.float32)
    rng, k = np.random.default_rng(0), round(keep_ratio * num_arms)
    kept = np.concatenate(
        [np.sort(rng.choice(num_arms, k, False)) + run * num_arms for run in range(runs)]
    )

    def work() -> float:
        for _ in range(epochs):
            np.add(state, np.float32(1e-3), out=state)
            for name in MEASURED:
                table[name].reshape(-1)[kept] = state.reshape(-1).take(kept)
            for name, values in table.items():
                np.copyto(shown[name], values)
        return runs

    return work
