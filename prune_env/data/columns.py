"""Columns of a table: which one holds the images, which one the labels.

What the table says itself counts first (class names that the hub has noted), then what columns are
usually called, then what is left over. What cannot be known so is asked for, never guessed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from prune_env.data.source import Reading

if TYPE_CHECKING:
    import pyarrow

USUAL_IMAGES = ("img", "image")
USUAL_LABELS = ("label", "labels", "fine_label", "target", "class")
"""What such columns are called, whatever else is there."""
TEXTS = ("string", "large_string", "string_view")
"""Types of text in pyarrow, the last only in newer ones."""


def find_columns(schema: pyarrow.Schema, where: str, reading: Reading) -> tuple[str, str]:
    """Find the column of images and that of labels.

    Raises:
        ValueError: there is none, or which one is meant cannot be known; names those there are.
    """
    there = ", ".join(f"{column.name}: {column.type}" for column in schema)
    if len(set(schema.names)) < len(schema.names):
        raise ValueError(f"{where} has two columns of one name: {there}")
    for option in ("image_column", "label_column"):
        if (chosen := getattr(reading, option)) is not None and chosen not in schema.names:
            raise ValueError(f"{where} has no column {chosen!r}, only {there}")
    images = [column.name for column in schema if _is_image(column.type)]
    if not images or reading.image_column not in (None, *images):
        chosen = f" in {reading.image_column!r}" if images else ""
        raise ValueError(
            f"{where} holds no images{chosen}, it has {there}; expected are images as the "
            "HuggingFace hub has them, struct<bytes: binary, path: string>"
        )
    image = reading.image_column or _one(images, USUAL_IMAGES, "image", where, there)
    noted = set(class_names(schema, where))
    usual = {name for name in schema.names if name in USUAL_LABELS}
    able = {column.name for column in schema if _is_label(column.type)}
    if noted and usual - noted:  # the note says one column, the name another
        label = reading.label_column or _one(noted | usual, (), "label", where, there)
    else:
        likely = noted or usual or able
        label = reading.label_column or _one(likely, USUAL_LABELS, "label", where, there)
    if label not in able:
        raise ValueError(
            f"{where}: {label!r} is {schema.field(label).type}, labels are integers or text; "
            f"label_column= names another column of {there}"
        )
    return image, label


def _one(found: Collection[str], usual: Sequence[str], what: str, where: str, there: str) -> str:
    """The only column, or the only one of them with a usual name."""
    for names in (list(found), [name for name in found if name in usual]):
        if len(names) == 1:
            return names[0]
    raise ValueError(
        f"{where} has {len(found)} columns that may be {what}s"
        + (f", {what}_column= says which: {', '.join(sorted(found))}" if found else "")
        + f"; it has {there}"
    )


def _is_image(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    return types.is_struct(kind) and kind.get_field_index("bytes") >= 0


def _is_label(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_label(kind.value_type)
    return types.is_integer(kind) or types.is_boolean(kind) or str(kind) in TEXTS


def class_names(schema: pyarrow.Schema, where: str) -> dict[str, list[Any]]:
    """The names that the hub has noted for the integers of some columns."""
    from pyarrow import types

    note = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        features = json.loads(note).get("info", {}).get("features", {})
        noted = {
            name: list(feature["names"])
            for name, feature in features.items()
            if isinstance(feature, dict)
            and feature.get("_type") == "ClassLabel"
            and feature.get("names")
        }
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{where}: what the hub has noted in it is not readable: {error}"
        ) from error
    return {
        name: names
        for name, names in noted.items()
        if name in schema.names and types.is_integer(schema.field(name).type)
    }
