"""Mutations: what disks, networks, editors and strangers do to files, for hypothesis to draw."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 0.5, -0.0, 1e308, -1e308, math.nan, math.inf, -math.inf),
    *(10**40, -(10**40), "", "x", "ucb", "nan", "\x00", "\u202e", [], [0], ["x"], [None], {}),
    *({"a": 1}, [[]], [{}], {"": {}}, [1, [2, [3]]], "1", "../../x", "x" * 300),
)
"""Values that stand where another type, another range or another length is expected."""


@st.composite
def damaged(draw: Callable[[Any], Any], content: bytes) -> bytes:
    """The content cut, with a bit flipped, a block zeroed, a part gone, doubled or foreign."""
    place = draw(st.integers(0, max(0, len(content) - 1)))
    length = draw(st.integers(1, 64))
    before, part, after = (
        content[:place],
        content[place : place + length],
        content[place + length :],
    )
    how = draw(st.sampled_from(("cut", "flip", "zero", "gone", "doubled", "foreign")))
    if how == "cut":
        return before
    if how == "flip":
        return before + bytes([part[0] ^ (1 << draw(st.integers(0, 7)))]) + content[place + 1 :]
    if how == "foreign":
        return before + draw(st.binary(min_size=1, max_size=64)) + after
    return before + {"zero": bytes(len(part)), "gone": b"", "doubled": part + part}[how] + after


def spoilt(content: bytes, how: str, share: float) -> bytes:
    """Truncated, with a bit flipped or a block zeroed after so large a share of the content."""
    place = int(share * len(content))
    if how == "cut":
        return content[:place]
    if how == "zero":
        return (content[:place] + bytes(512))[: len(content)] + content[place + 512 :]
    bit = 1 << int(share * 8e6) % 8
    return content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]


SPOILING = st.tuples(st.sampled_from(("cut", "flip", "zero")), st.floats(0, 0.9999))
"""What happens to a file by itself, to be given to `spoilt`."""


@st.composite
def swapped(draw: Callable[[Any], Any], tree: Any, most: int = 2) -> Any:
    """Plain nested values, up to so many of which became another type, went, or came."""
    found = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, most))):
        where, key = draw(st.sampled_from(list(_places(found)) or [(None, None)]))
        if where is None:
            return draw(st.sampled_from(ODD))
        how = draw(st.sampled_from(("swap", "swap", "swap", "gone", "new")))
        if how == "gone":
            del where[key]
        elif how == "new" and isinstance(where, dict):
            where[draw(st.sampled_from(("new", "", "seed", "\x1b[31m", "..")))] = _odd(draw)
        else:
            where[key] = _odd(draw)
    return found


def _odd(draw: Callable[[Any], Any]) -> Any:
    return copy.deepcopy(draw(st.sampled_from(ODD)))


def _places(tree: Any) -> Any:
    """Every container in a tree, with each of its keys; the keys near the root come oftener."""
    keys = (
        list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    )
    for key in keys:
        yield tree, key
        yield from _places(tree[key])
