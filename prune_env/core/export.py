"""Export: what is known of every arm, in the order of the data set, as .csv or .npz."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.core.arm_table import ArmTable
from prune_env.files import replacing


def columns_of(
    arms: ArmTable, positions: NDArray[np.int64] | None = None
) -> dict[str, NDArray[Any]]:
    """What is known of the arms of one run, one array a column, in their order.

    `sample` is where an arm lies in the data set, whose order it is; `last_seen` the epoch in which
    it was last measured, counted from 1, or 0; `pulls` in how many it was trained on.

    Args:
        arms: of one run.
        positions: (N,) int64, ascending: where each arm lies in the data set; None: at its number.
    """
    samples = np.arange(arms.num_arms) if positions is None else positions
    found = {"sample": samples, "label": arms.labels, "pulls": arms.pulls[0]}
    found["last_seen"] = arms.last_seen[0]
    return found | {name: values[0] for name, values in arms.measured.items() if values.ndim == 2}


def write_csv(path: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Write one row a sample, with a header."""
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))


def write_npz(
    path: Path, columns: Mapping[str, NDArray[Any]], kept: Sequence[NDArray[np.uint8]]
) -> None:
    """Write the columns, and `kept`: (E, N) bool, what each epoch was to train on.

    Args:
        path: the file.
        columns: (N,) each.
        kept: `numpy.packbits` of (N,) bool for each epoch, in the order of the columns.
    """
    size = len(next(iter(columns.values())))
    packed = np.stack(kept) if len(kept) else np.zeros((0, -(-size // 8)), np.uint8)
    masks = np.unpackbits(packed, axis=1, count=size).astype(bool)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, kept=masks, **columns)  # type: ignore[arg-type]
