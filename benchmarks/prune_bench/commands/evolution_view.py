"""What is shown of an evolution: a line a generation, then its weights and how they compare."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from prune_agents.policies import learned
from rich.console import Console

from prune_bench.report.terminal import Fitted
from prune_env.files import replacing
from prune_env.text import number


def print_generation(console: Console, row: dict[str, Any]) -> None:
    """One line: how far the candidates are ahead of those beside them, in points."""
    ours = 100 * np.array(row["accuracy"]).mean(axis=0)
    leads = [
        f"{name} {np.mean(ours - 100 * np.array(of)):+.2f}" for name, of in row["beside"].items()
    ]
    console.print(
        f"generation {row['generation']:3}, {row['seconds']:6.0f} s: val {ours.mean():.2f} %, "
        f"ahead of {', '.join(leads)}",
        soft_wrap=True,
    )


def print_comparison(console: Console, count: int) -> None:
    """One line before what takes about as long as a generation."""
    console.print(f"comparing on {number(count, 'held-out instance')}", soft_wrap=True)


def print_weights(console: Console, folder: Path) -> None:
    """A table of what the agent weighs, and weights.png where charts can be drawn."""
    matrix = learned.read_weights(f"{folder}/")
    rows = [
        [term, *(f"{weight:+.2f}" for weight in weights)]
        for term, weights in zip(learned.ROWS, matrix, strict=True)
    ]
    console.print(Fitted(("term", *learned.CONTEXTS), rows, list(learned.CONTEXTS)))
    if find_spec("altair") and find_spec("vl_convert"):
        from prune_bench.report.charts import weights_picture

        with replacing(folder / "weights.png") as path:
            path.write_bytes(weights_picture.picture(matrix, "what learned weighs when"))


def print_scores(console: Console, scores: dict[str, Any]) -> None:
    """A table: by kind of instance how far `learned` is ahead of each other agent."""
    if not scores:
        return
    every, *kinds = scores["ahead"]
    labels = [every, *kinds] if len(kinds) > 1 else [every]
    rows = []
    for name in scores["ahead"]["all"]:
        cells = [scores["ahead"][label][name] for label in labels]
        rows.append([name, *map(_cell, cells)])
    headings = ("learned ahead of", *(f"{label} (n = {scores['n'][label]})" for label in labels))
    console.print(Fitted(headings, rows, labels))


def _cell(lead: list[Any]) -> str:
    value, low, high, sign = lead
    interval = "" if low is None else f" [{low:+.2f}, {high:+.2f}]"
    return f"{value:+.2f}{interval}{' *' if sign else ''}"
