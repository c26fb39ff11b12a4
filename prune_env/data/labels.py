"""Labels are names: how the labels of two splits become the same class ids, whatever they were.

A split may hold integers, integers whose names are noted beside them, or text. Train and test are
matched by name, never by number. A class is one that has training samples, so gaps in numbers make
no classes, and 2**40 is a name like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Labels:
    """The labels of one split."""

    ids: NDArray[np.int64]
    """(N,) int64, positions in `names`."""
    names: tuple[str, ...]
    """Of the classes, in their order; some may have no samples."""
    kind: Literal["integers", "named integers", "text"]
    """What they were. The order is by number, as noted, or by alphabet."""

    def __getitem__(self, rows: NDArray[Any]) -> Labels:
        """Those of some samples."""
        return replace(self, ids=self.ids[rows])


MISSING = ("", "nan", "<NA>")
"""How NumPy and pandas write a text that is missing."""


def read_labels(
    values: NDArray[Any],
    noted: Sequence[Any] | None,
    where: str,
    missing: Collection[str] = MISSING,
) -> Labels:
    """What (N,) integers or text say.

    Args:
        values: (N,) of any integer type, or text.
        noted: the name of each number, where the storage has them.
        where: what errors call them.
        missing: texts that are no class.

    Raises:
        ValueError: they are something else, negative, missing, or beyond the names.
    """
    if values.ndim != 1:
        raise ValueError(f"{where} has shape {values.shape}; expected (N,): a label a sample")
    if values.dtype.kind == "b":
        values = values.astype(str)  # "False" and "True"
    kind = values.dtype.kind
    if kind == "U" or (kind == "O" and all(isinstance(value, str) for value in values)):
        found, ids = np.unique(values, return_inverse=True)
        lost = np.array([name in missing for name in found], bool)[ids]
        if lost.any():
            place = int(lost.argmax())
            raise ValueError(
                f"{where} holds {str(values[place])!r} at {place}, as of a label that is missing; "
                "expected a class name for each sample"
            )
        return Labels(ids, tuple(map(str, found)), "text")
    if kind not in "iu":
        raise ValueError(f"{where} is {values.dtype}, allowed are integers and text")
    found, ids = np.unique(values, return_inverse=True)
    low, high = (int(found[0]), int(found[-1])) if len(found) else (0, 0)
    if low < 0:
        unpublished = low == high == -1 and noted is not None
        raise ValueError(
            f"{where} holds {low}, which is no class: allowed is 0 and above"
            + "; of a split whose labels are not published all are -1: leave its files out, and "
            "validation is tested on" * unpublished
        )
    if noted is None:
        return Labels(ids, tuple(map(str, found)), "integers")
    names = tuple(map(str, noted))
    if len(set(names)) < len(names):
        raise ValueError(f"{where} has two classes of the same name: {_few(names)}")
    if high >= len(names):
        raise ValueError(f"{where} holds {high}, but {len(names)} names are noted: {_few(names)}")
    return Labels(values.astype(np.int64), names, "named integers")


def joined(parts: Sequence[Labels], where: str) -> Labels:
    """The labels of the files of one split, one file after the other.

    Raises:
        ValueError: some have names and some have none.
    """
    kinds = {part.kind for part in parts}
    if len(kinds) > 1:
        raise ValueError(f"{where} has files of {' and of '.join(sorted(kinds))}: expected is one")
    (kind,) = kinds
    names = list(dict.fromkeys(chain.from_iterable(part.names for part in parts)))
    if kind != "named integers":
        names.sort(key=int if kind == "integers" else None)
    place = {name: number for number, name in enumerate(names)}
    ids = [_translated(part, place) for part in parts]
    return Labels(np.concatenate(ids), tuple(names), kind)


def matched(
    train: Labels, test: Labels, where: str
) -> tuple[tuple[str, ...], NDArray[np.int64], NDArray[np.int64]]:
    """Give the classes numbers from 0, those that have training samples and no others.

    Returns:
        Names of the classes; (N,) and (M,) int64, the class of each sample.

    Raises:
        ValueError: a test sample is of a class that is in no training sample.
    """
    classes = tuple(train.names[i] for i in np.unique(train.ids))
    if len(classes) < 2:
        raise ValueError(f"{where}: {len(classes)} class, at least 2 are needed")
    place = {name: number for number, name in enumerate(classes)}
    unknown = [test.names[i] for i in np.unique(test.ids) if test.names[i] not in place]
    if unknown:
        raise ValueError(
            f"{where}: test has classes without training samples: {_few(unknown)} "
            f"({test.kind}); train has {_few(classes)} ({train.kind})"
        )
    return classes, _translated(train, place), _translated(test, place)


def _translated(labels: Labels, place: dict[str, int]) -> NDArray[np.int64]:
    """(N,) ids -> (N,) places of their names; of a name that nobody has, none is needed."""
    table = np.array([place.get(name, -1) for name in labels.names], np.int64)
    return table[labels.ids] if len(table) else labels.ids


def _few(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
