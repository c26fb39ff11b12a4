"""Where a step of the probe goes: each of its parts beside the products of the very same shapes.

    python -m speed.probe_step

One step of M heads on batches of theirs, as `ProbeLearner` takes it; medians and the quickest of
alternating repeats. Another process on the same core slows parts that wait for memory more than
products, so the quickest is what the machine can and the median what it does.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tyro
from prune_bench.run.provenance import processor_name

from prune_env.core import perceptrons
from prune_env.learners.probe.learner import ProbeLearner, ProbeOptions
from prune_env.learners.probe.softmax import measure


@dataclass(frozen=True)
class Options:
    """Time the parts of a step."""

    runs: int = 16
    """M"""
    repeats: int = 300
    """of each part"""


def parts(learner: ProbeLearner) -> dict[str, tuple[bool, Callable[[], object]]]:
    """What a step does, by name: whether it is a product, and the function that does it."""
    runs, size = learner.num_runs, learner.options.batch_size
    batch = np.random.default_rng(0).integers(0, learner.num_arms, (runs, size))
    theta, labels = learner.theta, learner.labels[batch]
    inputs = learner.arms.take(batch, axis=0)
    units = perceptrons.forward(theta, learner.sizes, inputs)
    (first, bias), (second, _) = perceptrons.layers(theta, learner.sizes)
    hidden, logits = units[1], units[2].swapaxes(1, 2)
    delta = measure(logits, labels)[1].swapaxes(1, 2)
    gradient = perceptrons.backward(theta, learner.sizes, units, delta)
    velocity, lr = np.zeros_like(theta), np.full((runs, 1), 1e-3, np.float32)
    by_hidden, nothing = delta @ second.swapaxes(1, 2), np.zeros_like(bias)

    def update() -> None:
        slope = gradient + 1e-4 * theta
        velocity.__imul__(0.9).__iadd__(slope)
        theta.__isub__(np.multiply(lr, velocity, out=slope))

    return {
        "inputs @ weights": (True, lambda: inputs @ first),
        "hidden @ weights": (True, lambda: hidden @ second),
        "hidden.T @ delta": (True, lambda: hidden.swapaxes(1, 2) @ delta),
        "delta @ weights.T": (True, lambda: delta @ second.swapaxes(1, 2)),
        "inputs.T @ delta": (True, lambda: inputs.swapaxes(1, 2) @ by_hidden),
        "the batch's features and labels": (
            False,
            lambda: (learner.arms.take(batch, axis=0), learner.labels[batch]),
        ),
        "bias and rectifier": (
            False,
            lambda: np.clip(hidden.__iadd__(nothing), 0, np.inf, out=hidden),
        ),
        "softmax, its gradient, the signals": (False, lambda: measure(logits, labels)),
        "where units are active, sums by bias": (
            False,
            lambda: (by_hidden.__imul__(hidden > 0), by_hidden.sum(axis=1), delta.sum(axis=1)),
        ),
        "momentum, decay, update": (False, update),
    }


def main(options: Options) -> None:
    """Measure and print."""
    learner = ProbeLearner(ProbeOptions(), options.runs)
    found, taken = parts(learner), dict[str, list[float]]()
    for _ in range(options.repeats):
        for name, (_, work) in found.items():
            begun = time.perf_counter()
            work()
            taken.setdefault(name, []).append(1e6 * (time.perf_counter() - begun) / options.runs)
    print(f"{processor_name()}, load {os.getloadavg()[0]:.0f}, M = {options.runs}, us a run\n")
    print("| part | quickest | median |\n|---|---:|---:|")
    totals = {True: [0.0, 0.0], False: [0.0, 0.0]}
    for name, (is_product, _) in found.items():
        times = min(taken[name]), statistics.median(taken[name])
        totals[is_product] = [a + b for a, b in zip(totals[is_product], times, strict=True)]
        print(f"| {name} | {times[0]:.2f} | {times[1]:.2f} |")
    shares = [a / (a + b) for a, b in zip(totals[True], totals[False], strict=True)]
    print(f"| share of the products | {shares[0]:.0%} | {shares[1]:.0%} |")


if __name__ == "__main__":
    main(tyro.cli(Options))
