"""Whether it matters that agents and the data draw from equal streams: `python -m speed.streams`.

An agent draws for round r from `default_rng((seed, r))`, and so does the data for its order. Here
both have one seed, as in a loop of one's own where nothing else is said (an environment draws the
seed of its data, so that there they differ). What is drawn of an arm is correlated with its place
in the order, and for comparison so is what is drawn from a stream apart. Beside them the flips,
whose stream is that of round 0, and neighbouring rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray

from prune_env.core.generators import gumbel, of_round
from prune_env.core.selection import random_k
from prune_env.data.augment import draw_noise

Draw = Callable[[np.random.Generator, int], NDArray[Any]]
APART = 0xA9A27
"""Makes another stream of a seed and a round."""


@dataclass(frozen=True)
class Options:
    """What is measured."""

    num_arms: tuple[int, ...] = (5_000, 45_000)
    """N"""
    seeds: int = 400
    """each gives one correlation"""
    keep_ratio: float = 0.3
    """share of the arms that are drawn"""


def drawn(keep_ratio: float) -> dict[str, Draw]:
    """What agents draw, by name: (N,) a number an arm."""

    def some(rng: np.random.Generator, num_arms: int) -> NDArray[np.bool_]:
        allowed = np.ones((1, num_arms), bool)
        return random_k(allowed, round(keep_ratio * num_arms), rng)[0]

    return {
        "uniform numbers": lambda rng, num_arms: rng.random(num_arms),
        "Gumbel noise": lambda rng, num_arms: gumbel(rng, num_arms),
        "a random choice": some,
        "an order": lambda rng, num_arms: ranks(rng.permutation(num_arms)),
    }


def ranks(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,): the place of each arm in an order."""
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places


def correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Spearman's, of numbers without ties; of a choice it is that of being chosen and the rank."""
    a = one if one.dtype.kind != "f" else ranks(np.argsort(one))
    return float(np.corrcoef(a, other)[0, 1])


def correlations(options: Options, num_arms: int) -> dict[str, list[tuple[float, float]]]:
    """By what is compared, for each seed: of equal streams, and of streams apart."""
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(options.seeds):
        places = [ranks(draw_noise(num_arms, 2, True, seed, r).order) for r in range(3)]
        for name, draw in drawn(options.keep_ratio).items():
            for lag, when in ((0, "the same round"), (1, "the next round")):
                pair = tuple(
                    correlation(draw(rng, num_arms), places[1 + lag])
                    for rng in (of_round(seed, 1), np.random.default_rng((seed, 1, APART)))
                )
                found.setdefault(f"{name}, {when}", []).append(pair)  # type: ignore[arg-type]
        flips = [
            draw_noise(num_arms, 2, True, noise_seed, 0).flip
            for noise_seed in (seed, seed + 1_000_003)
        ]
        for number in (0, 1):
            pair = tuple(correlation(flip, places[number]) for flip in flips)
            found.setdefault(f"flips, round {number}", []).append(pair)  # type: ignore[arg-type]
    return found


def main() -> None:
    """Measure and print, in Markdown."""
    options = tyro.cli(Options)
    for num_arms in options.num_arms:
        print(f"\n| {num_arms:,} arms, {options.seeds} seeds | equal streams | streams apart |")
        print("|---|---:|---:|")
        for name, pairs in correlations(options, num_arms).items():
            values = np.array(pairs)
            error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
            cells = [
                f"{mean:+.4f} ± {1.96 * off:.4f} (at most {most:.3f})"
                for mean, off, most in zip(
                    values.mean(axis=0), error, np.abs(values).max(axis=0), strict=True
                )
            ]
            print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
