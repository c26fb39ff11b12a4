"""Export: what is known of every arm, in the order of the data set, as .csv or .npz."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENDINGS = (".csv", ".npz")
"""What such a file may be called."""


def write(temporary: Path, ending: str, columns: Mapping[str, NDArray[Any]]) -> None:
    """Write a table of the arms to a file.

    Args:
        temporary: where; see `prune_env.files.replacing`.
        ending: one of `ENDINGS`.
        columns: (N,) each; of .npz any shape.
    """
    if ending == ".npz":
        with temporary.open("wb") as file:
            np.savez_compressed(file, **columns)  # type: ignore[arg-type]
        return
    with temporary.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*(column.tolist() for column in columns.values()), strict=True):
            writer.writerow(map(_cell, row))


def _cell(value: float) -> str:
    """Six digits are enough; what was never measured is empty."""
    return "" if math.isnan(value) else f"{value:.6g}" if isinstance(value, float) else str(value)
