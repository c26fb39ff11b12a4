"""Random numbers by position: number i of a stream, without the numbers before it.

A NumPy generator takes 8 us to make, and gives its numbers in order: a round of M runs needs a new
one for each, and has to draw for all N arms though it keeps a few. Here a stream is a key, number i
of it is a function of the key and i (SplitMix64), and all runs draw in one call.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def stream_keys(first: NDArray[np.int64] | int, *parts: NDArray[np.int64] | int) -> Words:
    """(M,) uint64: one key for each run, which follows from all parts, (M,) or a number each."""
    keys = substreams(np.zeros(1, np.uint64), first)
    for part in parts:
        keys = substreams(keys, part)
    return keys


def substreams(keys: Words, part: NDArray[np.int64] | int) -> Words:
    """(M,) uint64: a key that follows from one and a further part, as `stream_keys` has it."""
    return _mixed((keys ^ np.atleast_1d(part).astype(np.uint64)) + _STEP)


def uniform(keys: Words, positions: NDArray[np.int64]) -> NDArray[np.float32]:
    """float32 in [0, 1): the numbers at these positions; keys and positions of shapes that fit."""
    words = _words(keys, positions)
    words >>= np.uint64(40)  # 24 bits, as many as float32 has
    numbers = words.astype(np.float32)
    numbers *= np.float32(2**-24)
    return numbers


def normal(keys: Words, positions: NDArray[np.int64]) -> NDArray[np.float32]:
    """Standard normal numbers, float32 and at most 6.7, by the method of Box and Muller."""
    words = _words(keys, positions)
    high, low = words.view(np.uint32).reshape(*words.shape, 2).astype(np.float32).T
    radius = high.T + np.float32(0.5)
    radius *= np.float32(2**-32)
    np.log(radius, out=radius)
    radius *= -2
    np.sqrt(radius, out=radius)
    angle = low.T * np.float32(2**-31 * np.pi)
    radius *= np.cos(angle, out=angle)
    return radius


def _words(keys: Words, positions: NDArray[np.int64]) -> Words:
    words = (positions + 1).view(np.uint64)
    words *= _STEP
    if words.shape == keys.shape:
        words += keys
        return _mixed(words)
    return _mixed(words + keys)


def _mixed(words: Words) -> Words:
    """The output function of SplitMix64, in place, with one array beside: new memory is slow."""
    shifted = np.empty_like(words)
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        words ^= np.right_shift(words, np.uint64(shift), out=shifted)
        words *= factor
    words ^= np.right_shift(words, np.uint64(31), out=shifted)
    return words
