"""What bf16 saves on a CPU that has it: epochs and evaluations in fp32 and in bf16 by turns.

`OMP_NUM_THREADS=1 python -m speed.bf16 --data cifar10/` prints medians of CPU seconds
and the median ratio of neighbours.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import tyro


@dataclass(frozen=True)
class Options:
    """What is measured."""

    data: str | None = None
    """folder of CIFAR-10; by default torchvision's"""
    limit: int = 2200
    """training images, of which 200 are for validation"""
    network: str = "small"
    """which network"""
    repeats: int = 7
    """epochs in each precision; the first does not count"""


def main(options: Options) -> None:
    """Measure and print."""
    from prune_env import data
    from prune_env.core.selection import Selection
    from prune_env.learners.network.learner import NetworkLearner

    images = data.limited(data.load("cifar10", options.data), options.limit)
    learners = {
        precision: NetworkLearner(
            images, options.network, {"precision": precision}, device="cpu", num_validation=200
        )
        for precision in ("fp32", "bf16")
    }
    seconds = defaultdict(list)
    for r in range(options.repeats):
        start, end = np.array([r]) / options.repeats, np.array([r + 1]) / options.repeats
        for precision, learner in learners.items():
            every = Selection(np.arange(learner.num_arms), np.array([learner.num_arms]))
            begun = time.process_time()
            learner.train(every, start, end)
            trained = time.process_time()
            learner.evaluate("test")
            seconds["train", precision].append(trained - begun)
            seconds["evaluate", precision].append(time.process_time() - trained)
    for what in ("train", "evaluate"):
        fp32, bf16 = (np.array(seconds[what, precision][1:]) for precision in learners)
        print(
            f"{what}: fp32 {np.median(fp32):.2f} s, bf16 {np.median(bf16):.2f} s, "
            f"{np.median(fp32 / bf16):.2f} times as fast"
        )


if __name__ == "__main__":
    main(tyro.cli(Options))
