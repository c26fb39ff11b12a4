"""The dashboard of an episode as 80 columns of text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prune_env.dashboard.summary import Summary, kept_per_bin, missing, pull_groups

EDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Where the text cuts the histogram of the losses, in nats: losses span decades, and cuts that stay
where they are let two rounds be compared."""

COLUMNS = 43
"""The longest bar, in characters."""


def ansi(s: Summary) -> str:
    """The dashboard as text without escape codes, at most 80 columns wide."""
    lines = [s.title, *(f"{tile.value:>10}  {tile.what} ({tile.detail})" for tile in s.headline)]
    if s.rounds:
        measured = np.isfinite(s.accuracy).any()
        lines += ["", *([f"  accuracy  {sparkline(s.accuracy[1:])}"] if measured else [])]
        lines += [f"      kept  {sparkline(s.kept_share)}"]
    lines += [
        "",
        f"known loss        arms  {'█ kept in the last round, ░ pruned':<{COLUMNS}}  share",
    ]
    if "loss" in s.choice:
        arms, kept = kept_per_bin(s.choice["loss"], s.choice["kept"], EDGES)
        names = [f"< {EDGES[0]:g} nats", *(f">= {edge:g}" for edge in EDGES), "unseen"]
        for name, n, k in zip(names, arms, kept, strict=True):
            share = f"{k / n:7.1%}" if n else ""
            blocks = _blocks(k, arms.max())
            bar = "█" * blocks + "░" * (_blocks(n, arms.max()) - blocks)
            lines.append(f"{name:<11} {n:>10,}  {bar:<{COLUMNS}}{share}")
    else:
        lines.append(missing(s))
    lines += ["", "times kept        arms"]
    for name, n in zip(*pull_groups(s.pulls, 8), strict=True):
        lines.append(f"{name:<11} {n:>10,}  {'█' * _blocks(n, len(s.pulls))}")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def sparkline(values: NDArray[np.floating], width: int = 60) -> str:
    """Values in [0, 1] as a line of block characters; the last of each span where they are many.

    NaN is a gap.
    """
    spans = min(width, len(values))
    last = np.arange(1, spans + 1) * len(values) // spans - 1
    return "".join(" " if np.isnan(v) else "▁▂▃▄▅▆▇█"[min(int(8 * v), 7)] for v in values[last])


def _blocks(count: int, whole: int) -> int:
    """The length of a bar, rounded up: what is there is seen."""
    return int(-(-COLUMNS * count // whole))
