"""The look of an agent: one colour and one mark in every chart, picture and legend of a board.

`palette` is called once for a board. Colours are Okabe and Ito's, told apart by all, the blue
lighter for dark pages. Marks are SVG paths within [-1, 1], which Vega and the page both draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from prune_bench.board.grid import CONTROLS
from prune_bench.report.ranking import ranking
from prune_bench.standings.model import Comparison

INK, GREY = "currentColor", "#8c929b"
"""Ink is the text's own colour, so that one chart does for a light and a dark page."""
AHEAD, LEVEL, BEHIND = "#1a7fc1", GREY, "#d55e00"
COLOUR_OF_SIGN = {1: AHEAD, 0: LEVEL, -1: BEHIND}
COLOURS = (AHEAD, BEHIND, "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKS = (
    "M.9,0A.9,.9,0,1,1,-.9,0A.9,.9,0,1,1,.9,0Z",
    "M-.8,-.8H.8V.8H-.8Z",
    "M0,-.95L1,.8H-1Z",
    "M0,-1.1L.9,0L0,1.1L-.9,0Z",
    "M0,.95L1,-.8H-1Z",
    "M-.33,-1H.33V-.33H1V.33H.33V1H-.33V.33H-1V-.33H-.33Z",
    "M.95,0L-.8,1V-1Z",
    "M-.95,0L.8,1V-1Z",
    "M-.9,-.9H.9L-.9,.9H.9Z",
    "M-.9,-.9V.9L.9,-.9V.9Z",
)
"""Circle, square, four triangles, diamond, cross, hourglass, bow tie."""


class Look(NamedTuple):
    """How an agent looks."""

    colour: str
    mark: str


Palette = Mapping[str, Look]


def palette(comparisons: Sequence[Comparison]) -> Palette:
    """The looks of a board.

    The best of every comparison come first, so that those which are shown together differ in
    colour and not in the mark alone.
    """
    best_first = zip_longest(*map(ranking, comparisons))
    return looks(dict.fromkeys(row.agent for place in best_first for row in place if row))


def looks(agents: Iterable[str]) -> Palette:
    """A look for each agent, no two the same.

    Controls have theirs on every board; others walk through the colours, and go on to the next
    mark with each round trip.
    """
    colours = [INK if place < 2 else GREY for place in range(len(CONTROLS))]
    chosen = {agent: Look(*look) for agent, *look in zip(CONTROLS, colours, MARKS, strict=False)}
    others = [agent for agent in agents if agent not in CONTROLS]
    if len(set(others)) < len(others):
        raise ValueError(f"an agent is named twice among {', '.join(others)}")
    for place, agent in enumerate(others):
        round_trip, colour = divmod(place, len(COLOURS))
        number = (colour + round_trip) % len(MARKS) if round_trip < len(MARKS) else round_trip
        chosen[agent] = Look(COLOURS[colour], mark(number))
    return chosen


def mark(number: int) -> str:
    """One of `MARKS`; where they are used up, stars with more and more points."""
    if number < len(MARKS):
        return MARKS[number]
    points = number - len(MARKS) + 5
    angles = np.pi * np.arange(2 * points) / points
    radii = np.where(np.arange(2 * points) % 2, 0.45, 1.0)
    corners = zip(radii * np.sin(angles), -radii * np.cos(angles), strict=True)
    return "M" + "L".join(f"{x:.3f},{y:.3f}" for x, y in corners) + "Z"
