"""HuggingFace's layout: tables with a column of encoded images and a column of labels.

    train-00000-of-00001.parquet     img: struct<bytes: binary, path: string>, label: int64
    test-00000-of-00001.parquet

Such files lie in one folder, or come from the hub by name (extra `hub`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prune_env.data.dataset import Dataset, Split
from prune_env.data.decode import Encoded, decode
from prune_env.data.source import Source, fingerprint, need_hub_extra

if TYPE_CHECKING:
    import pyarrow

Tables = Mapping[str, "pyarrow.Table"]
"""One split: its tables, each under the name by which an error calls it."""

TESTS = ("test", "validation", "valid", "val")
"""What may be the test split, the best first: many datasets on the hub publish no test labels."""


def in_folder(folder: Path, image_size: int | None) -> Source | None:
    """Find train-*.parquet and test-*.parquet in a folder or in one of its subfolders."""
    parents = sorted(
        {file.parent for file in [*folder.glob("*.parquet"), *folder.glob("*/*.parquet")]}
    )
    if not parents:
        return None
    if len(parents) > 1:
        names = ", ".join(str(parent) for parent in parents)
        raise ValueError(f"{folder} holds parquet files in several folders, name one: {names}")
    files = {part: sorted(parents[0].glob(f"{part}[-.]*parquet")) for part in ("train", *TESTS)}
    test = next((part for part in TESTS if files[part]), "test")
    for part in ("train", test):
        _check_shards(files[part], parents[0], part)

    def read() -> Dataset:
        train, held_out = ({str(f): _table(f) for f in files[part]} for part in ("train", test))
        return _dataset(str(folder), train, held_out, image_size)

    key = {"parquet": fingerprint(files["train"] + files[test]), "image_size": image_size}
    return Source(folder.resolve().name, key, read)


def on_hub(name: str, image_size: int | None) -> Source:
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
        train, held_out = ({f"{name} {p}": splits[p].data.table} for p in ("train", test))
        return _dataset(name, train, held_out, image_size)

    return Source(name, {"hub": name, "image_size": image_size}, read)


def _check_shards(files: list[Path], folder: Path, part: str) -> None:
    """Refuse a split that lacks a file: the names say how many there should be."""
    if not files:
        raise FileNotFoundError(f"{folder} holds no {part}-*.parquet; expected are train and test")
    count = re.search(r"-of-(\d+)", files[0].name)
    if count and len(files) != int(count[1]):
        names = ", ".join(file.name for file in files)
        raise FileNotFoundError(
            f"{folder} should hold {int(count[1])} {part} files, {len(files)} are there: {names}"
        )


def _table(file: Path) -> pyarrow.Table:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as missing:
        raise need_hub_extra(f"reading {file}", missing) from missing
    try:
        return pyarrow.parquet.read_table(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{file} is not a whole parquet file: {error}") from error


def _dataset(name: str, train: Tables, test: Tables, image_size: int | None) -> Dataset:
    where, table = next(iter(train.items()))
    image, label, classes = _columns(table.schema, where)
    images = [
        [encoded for where, table in tables.items() for encoded in _encoded(table, image, where)]
        for tables in (train, test)
    ]
    labels = [
        np.concatenate([_labels(table, label, where) for where, table in tables.items()])
        for tables in (train, test)
    ]
    if classes is None:
        classes = tuple(str(number) for number in range(int(labels[0].max(initial=-1)) + 1))
    train_pixels, test_pixels = decode(images[0], images[1], image_size)
    return Dataset(name, classes, Split(train_pixels, labels[0]), Split(test_pixels, labels[1]))


def _columns(schema: pyarrow.Schema, where: str) -> tuple[str, str, tuple[str, ...] | None]:
    """Find the image column, the label column and, where the hub noted them, the class names."""
    from pyarrow import types

    noted = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features = noted.get("info", {}).get("features", {})
    structs = [c.name for c in schema if types.is_struct(c.type)]
    images = [name for name in structs if schema.field(name).type.get_field_index("bytes") >= 0]
    integers = [c.name for c in schema if types.is_integer(c.type)]
    named = [name for name in integers if features.get(name, {}).get("_type") == "ClassLabel"]
    image = _one(images, ("img", "image"), "struct<bytes, path> images", schema, where)
    label = _one(
        named or integers, ("label", "labels", "fine_label"), "integer labels", schema, where
    )
    classes = features.get(label, {}).get("names")
    return image, label, tuple(classes) if classes else None


def _one(
    found: list[str], usual: tuple[str, ...], what: str, schema: pyarrow.Schema, where: str
) -> str:
    """Choose the column with a usual name, else the only one of its type."""
    for name in usual:
        if name in found:
            return name
    if len(found) == 1:
        return found[0]
    columns = ", ".join(f"{column.name}: {column.type}" for column in schema)
    raise ValueError(f"{where} has {len(found)} columns of {what}, expected is one: {columns}")


def _column(table: pyarrow.Table, name: str, where: str) -> Any:
    if name not in table.column_names:
        raise ValueError(f"{where} has no column {name!r}, only {', '.join(table.column_names)}")
    column = table[name]
    if column.null_count:
        raise ValueError(f"{where}: {column.null_count} rows of {name!r} are null")
    return column


def _encoded(table: pyarrow.Table, name: str, where: str) -> list[Encoded]:
    def content(value: Any) -> Any:
        # as_buffer copies nothing; the hub leaves bytes null where path is a local file
        return value["bytes"].as_buffer() if value["bytes"].is_valid else Path(str(value["path"]))

    rows = enumerate(_column(table, name, where))
    return [Encoded(f"{where}, row {row}", content(value)) for row, value in rows]


def _labels(table: pyarrow.Table, name: str, where: str) -> Any:
    return _column(table, name, where).to_numpy().astype(np.int64)
