"""Export: what is known of every arm, in the order of the data set, as .csv or .npz."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.text import cell

ENDINGS = (".csv", ".npz")
"""What such a file may be called."""


def check_name(what: str, path: str | Path, endings: Sequence[str] = ENDINGS) -> None:
    """Refuse a file whose name does not say what is in it.

    Args:
        what: names it: "scores".
        path: of the file.
        endings: that it may have.

    Raises:
        ValueError: its name ends otherwise.
    """
    if Path(path).suffix not in endings:
        raise ValueError(f"{what} is {str(path)!r}; allowed is a name in {' or '.join(endings)}")


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


def _cell(value: float | str) -> str:
    """Six digits are enough; what was never measured is empty; no text is a formula."""
    if isinstance(value, str):
        return str(cell(value))
    return "" if math.isnan(value) else f"{value:.6g}" if isinstance(value, float) else str(value)
