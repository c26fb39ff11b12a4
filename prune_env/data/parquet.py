"""HuggingFace's layout: tables with a column of encoded images and a column of labels.

    train-00000-of-00001.parquet     img: struct<bytes: binary, path: string>, label: int64
    test-00000-of-00001.parquet

Such files lie in one folder, or come from the hub by name (extra `hub`). Labels are integers, with
or without the names that the hub notes in the file, or text.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prune_env.data.columns import USUAL_LABELS, find_columns
from prune_env.data.dataset import Dataset
from prune_env.data.decode import Encoded
from prune_env.data.labels import Labels, joined
from prune_env.data.source import (
    TESTS,
    Listed,
    Reading,
    Source,
    assemble,
    need_hub_extra,
)
from prune_env.data.tables import column_of, find_splits, labels_of, read_table
from prune_env.data.tree import fingerprint

if TYPE_CHECKING:
    import pyarrow

Tables = Mapping[str, "pyarrow.Table"]
"""One split: its tables, each under the name by which an error calls it."""


def in_folder(folder: Path, reading: Reading) -> Source | None:
    """Find the files of train and test, see `find_splits`."""
    root = os.path.abspath(folder)
    if (found := find_splits(root)) is None:
        return None
    train, test = ([file.path for file in files] for files in (found.train, found.test))

    def read() -> Dataset:
        return _dataset(root, train, test, reading)

    key = {"parquet": fingerprint(root, found.train + found.test)} | asdict(reading)
    name = Path(os.path.realpath(root)).name
    return Source(name, key, read, found.notes, has_columns=True)


def on_hub(name: str, reading: Reading) -> Source:
    """Fetch a dataset from the HuggingFace hub, such as "ylecun/mnist".

    Once decoded it is not looked up again: delete the cache to see a newer revision.
    """

    def read() -> Dataset:
        try:
            import datasets
        except ImportError as missing:
            what = f"{name!r} is no file or folder here, and reading it from the HuggingFace hub"
            raise need_hub_extra(what, missing) from missing
        try:
            splits = datasets.load_dataset(name)
        except (OSError, ValueError) as error:
            raise FileNotFoundError(
                f"{name!r} is no file or folder here, "
                f"and could not be read from the HuggingFace hub: {error}"
            ) from error
        test = next((part for part in TESTS if part in splits), None)
        if "train" not in splits or test is None:
            raise ValueError(
                f"{name} has the splits {', '.join(splits)}, needed are train and test"
            )
        tables = {part: {f"{name} {part}": splits[part].data.table} for part in ("train", test)}
        return _from_tables(name, tables["train"], tables[test], reading, files_too=True)

    return Source(name, {"hub": name} | asdict(reading), read, has_columns=True)


def _dataset(name: str, train: Sequence[str], test: Sequence[str], reading: Reading) -> Dataset:
    """Read the same two columns of all files, those that are found in the first."""
    first = {train[0]: _table(train[0], reading)}
    image, label = find_columns(first[train[0]].schema, train[0], reading)
    named = replace(reading, image_column=image, label_column=label)
    trains = first | {file: _table(file, named) for file in train[1:]}
    return _from_tables(name, trains, {file: _table(file, named) for file in test}, reading)


def _table(file: str, reading: Reading) -> pyarrow.Table:
    """The columns of images and labels of a file."""
    return read_table(file, lambda schema: find_columns(schema, file, reading))


def _from_tables(
    name: str, train: Tables, test: Tables, reading: Reading, files_too: bool = False
) -> Dataset:
    """Make a dataset of tables.

    Args:
        name: what errors call it.
        train: at least one.
        test: likewise.
        reading: how.
        files_too: read images that are files which a table names; a stranger's may name any.
    """
    where, table = next(iter(train.items()))
    image, label = find_columns(table.schema, where, reading)

    def listed(tables: Tables) -> Listed:
        images = chain.from_iterable(_encoded(t, image, w, files_too) for w, t in tables.items())
        labels = [labels_of(table, label, where) for where, table in tables.items()]
        return Listed(list(images), joined(labels, name))

    split = listed(train)
    notes: tuple[str, ...] = ()
    guessed = label not in USUAL_LABELS and reading.label_column is None
    if guessed and split.labels.kind != "named integers":
        _check_repeats(split.labels, label, where)
        notes = (
            f"{name}: the labels are its column {label!r}, of {len(split.labels.names)} values, "
            "as no other holds integers or text; label_column= (--env-kwargs label_column=...) "
            "names another",
        )
    whole = assemble(name, split, listed(test), reading)
    return replace(whole, notes=(*notes, *whole.notes))


def _check_repeats(labels: Labels, column: str, where: str) -> None:
    """Refuse a column, found as the only one left, that numbers the samples."""
    if 2 < len(labels.ids) == len(labels.names):
        raise ValueError(
            f"{where}: every row of {column!r} is another, as if it numbered them; "
            f"label_column={column!r} says that these are the labels"
        )


def _encoded(table: pyarrow.Table, name: str, where: str, files_too: bool) -> list[Encoded]:
    def content(value: Any) -> Any:
        if value["bytes"].is_valid:
            return value["bytes"].as_buffer()  # copies nothing
        path = str(value["path"]) if files_too and "path" in value else ""
        return path if os.path.isfile(path) else None

    rows = enumerate(column_of(table, name, where))
    return [Encoded(f"{where}, row {row}", content(value)) for row, value in rows]
