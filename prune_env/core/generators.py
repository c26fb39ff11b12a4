"""Generators: random numbers for M runs at once, each run's what it would draw alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Generators:
    """One generator for each of M runs, with those methods of `numpy.random.Generator` that draw
    an array whose leading axis is the runs.

    Args:
        each: the generators, one for each run.
    """

    def __init__(self, each: Sequence[np.random.Generator]) -> None:
        self.each = list(each)

    def random(self, size: tuple[int, ...], dtype: Any = np.float64) -> Any:
        """Uniform numbers in [0, 1); size: (M, ...)."""
        return np.stack([one.random(size[1:], dtype) for one in self.each])


def gumbel(rng: Rng, size: int | tuple[int, ...]) -> NDArray[np.float64]:
    """Standard Gumbel noise, from the uniform numbers that NumPy's own would draw.

    Logarithms of whole arrays: 3.2 ns a number instead of 11.3. They may be off by one in the last
    digit; whatever is ranked by them comes in the same order.
    """
    noise = rng.random(size if isinstance(size, tuple) else (size,))
    np.subtract(1, noise, out=noise)
    with np.errstate(divide="ignore"):  # 1 in 2^53 is a 0, whose noise is infinite
        for _ in range(2):
            np.log(noise, out=noise)
            np.negative(noise, out=noise)
    return noise


Rng = np.random.Generator | Generators
"""Who draws for M runs: one generator for all, or one for each."""


def of_round(seed: int, round_index: int) -> np.random.Generator:
    """What is random about the data of one round, for all arms: their order first, then the rest.

    The order of those that are kept is that of all N with the others left out, so that two agents
    with one seed see what both keep in the same order.
    """
    return np.random.default_rng((seed, round_index))


def of_runs(rng: Rng, runs: NDArray[np.integer[Any]]) -> Rng:
    """Who draws for these runs, by their numbers."""
    return Generators([rng.each[run] for run in runs]) if isinstance(rng, Generators) else rng


def of_run(rng: Rng, run: int) -> np.random.Generator:
    """Who draws for this run."""
    return rng.each[run] if isinstance(rng, Generators) else rng
