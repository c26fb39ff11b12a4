"""Tables in parquet files: what readers of images and of texts share."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from prune_env.checks import in_words
from prune_env.data.columns import class_names
from prune_env.data.labels import Labels, read_labels
from prune_env.data.memory import check_unpacked
from prune_env.data.source import TESTS, TRAINS, need_hub_extra
from prune_env.data.tree import File, scan
from prune_env.notices import DataNotice, say
from prune_env.text import number

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class Splits:
    """The files of a folder that are read, and what was decided about them."""

    train: list[File]
    test: list[File]
    notes: tuple[str, ...]


def find_splits(root: str) -> Splits | None:
    """Find the files of train and test in a folder or in one of its subfolders.

    A file belongs to the split that its name begins with, or to the one that its folder is called.

    Args:
        root: an absolute path.

    Returns:
        None where there is no parquet file at all.

    Raises:
        ValueError: there are data sets in several folders.
        FileNotFoundError: a split, or a file of one, is missing.
    """
    found = scan(root, (".parquet",))
    inside = [scan(path, (".parquet",)) for path in found.folders.values()]
    inside += [scan(path, (".parquet",)) for one in inside for path in one.folders.values()]
    groups: dict[str, dict[str, list[File]]] = {}
    for file in chain(found.files, *(one.files for one in inside)):
        place, split = _split_of(file.path)
        groups.setdefault(place, {}).setdefault(split, []).append(file)
    if not groups:
        return None
    if len(groups) > 1:
        names = ", ".join(sorted(groups))
        raise ValueError(f"{root} holds parquet files in several folders, name one: {names}")
    ((place, splits),) = groups.items()
    train = next((part for part in TRAINS if part in splits), "train")
    test = next((part for part in TESTS if part in splits), "test")
    for part in (train, test):
        _check_shards([file.path for file in splits.get(part, ())], place, part)
    unused = sorted(set(splits) - {train, test, ""})
    notes = [f"{root}: {test} is its test split"] if test != "test" else []
    if unused:
        notes.append(f"{root}: {', '.join(unused)} are not used, validation is a part of {train}")
    return Splits(splits[train], splits[test], tuple(notes))


def _split_of(path: str) -> tuple[str, str]:
    """The folder of a data set, and the split that a file in it belongs to or ""."""
    place, name = os.path.split(path)
    for split in (*TRAINS, *TESTS):
        if re.match(rf"{split}[-_.]", name.lower()):
            return place, split
    outer, last = os.path.split(place)
    return (outer, last.lower()) if last.lower() in (*TRAINS, *TESTS) else (place, "")


def _check_shards(files: Sequence[str], folder: str, part: str) -> None:
    """Refuse a split that lacks a file, and say where names differ by more than a number."""
    if not files:
        raise FileNotFoundError(f"{folder} holds no {part}-*.parquet; expected are train and test")
    names = [os.path.basename(file) for file in files]
    count = re.search(r"-of-(\d+)", names[0])
    if count and len(files) != int(count[1]):
        raise FileNotFoundError(
            f"{folder} should hold {int(count[1])} {part} files, {len(files)} are there: "
            + ", ".join(names)
        )
    if not count and len({re.sub(r"[-_.]?\d+", "", name) for name in names}) > 1:
        say(f"{folder}: all of {', '.join(names)} are read as its {part} split", DataNotice)


def read_table(file: str, choose: Callable[[pyarrow.Schema], Sequence[str]]) -> pyarrow.Table:
    """The columns of a file that are chosen by its schema.

    Raises:
        ImportError: pyarrow is not installed.
        ValueError: it is no whole parquet file, or unpacks to more than it can mean; names it.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as missing:
        raise need_hub_extra(f"reading {file}", missing) from missing
    try:
        with pyarrow.parquet.ParquetFile(file) as opened:
            columns = list(choose(opened.schema_arrow))
            _check_declared(opened.metadata, file)
            batches, size = [], 0  # some bytes that all rows refer to are unpacked for each
            for batch in opened.iter_batches(100, columns=columns):
                batches.append(batch)
                size += batch.nbytes
                check_unpacked(size, os.path.getsize(file), file)
            table = pyarrow.Table.from_batches(batches) if batches else opened.read(columns)
            table.validate(full=True)  # texts are UTF-8
            return table
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not a whole parquet file: {in_words(error)}") from error


def _check_declared(metadata: Any, file: str) -> None:
    """Refuse a file that unpacks to far more than it holds.

    Of groups of rows as a whole: what is wrong in the description of one column ends the process
    where Python looks at it, and is an error that can be caught where the column is read.
    """
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    size = sum(group.total_byte_size for group in groups)
    check_unpacked(size, os.path.getsize(file), file)


def column_of(table: pyarrow.Table, name: str, where: str) -> Any:
    """A column without nulls.

    Raises:
        ValueError: there is none, or it has some.
    """
    if name not in table.column_names:
        raise ValueError(f"{where} has no column {name!r}, only {', '.join(table.column_names)}")
    column = table[name]
    if column.null_count:
        none = number(column.null_count, "null", "nulls")
        raise ValueError(f"{where}: {name!r} has {none}; expected a value in every row")
    return column


def labels_of(table: pyarrow.Table, name: str, where: str) -> Labels:
    """The labels in a column, with the names that the hub has noted for them."""
    from pyarrow import types

    column = column_of(table, name, where)
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    noted = class_names(table.schema, where).get(name)
    return read_labels(column.to_numpy(), noted, f"{where}: {name!r}")
