"""`load_arrays`: labelled inputs that are no images, from arrays, an .npz or tables of text."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_env.checks import In, check_argument
from prune_env.data import npz
from prune_env.data.dataset import Dataset, Split, carve_test
from prune_env.data.labels import Labels, joined, matched, read_labels
from prune_env.data.tables import find_splits, labels_of, read_table
from prune_env.data.tree import File
from prune_env.files import expanded
from prune_env.lookup import Function, imported, path_of
from prune_env.notices import DataNotice, say

WHOLE = ("inputs", "labels")
DIVIDED = ("train_inputs", "train_labels", "test_inputs", "test_labels")
EXPECTED = (
    f"expected is an .npz or a dict with {', '.join(DIVIDED)}, or with "
    f"{' and '.join(WHOLE)} alone, of which a fifth is then the test split; or a folder of "
    "train-*.parquet and test-*.parquet"
)

UNSPACED = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u065f\u0900-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"
)
"""Marks that Python takes for no part of a word, and scripts with such or without blanks."""

WORDS = 2**15
"""Tokens of the built-in tokenizer: 0 is no word, the others are shared by words at random."""


def load_arrays(
    data: Any,
    text_column: str = "text",
    label_column: str = "label",
    tokenizer: Function = "words",
    length: int = 64,
) -> Dataset:
    """Load labelled inputs of any shape.

    Args:
        data: a dict of arrays or an .npz file, see `EXPECTED`: inputs (N, ...) float, uint8 or
            integers, which are tokens; labels (N,) integers or text. Or a folder of parquet files.
        text_column: the column of those that holds texts.
        label_column: the one that holds labels.
        tokenizer: "words", see `words`, or a function of one's own or its import path: from a list
            of K texts to (K, L) integers from 0.
        length: tokens of a text that "words" reads.

    Raises:
        ValueError: something is wrong; says what came and what is allowed.
        FileNotFoundError: there is nothing at that path.
    """
    if data is None:
        raise ValueError(f"inputs need data (--data): {EXPECTED}")
    if isinstance(data, Mapping):
        return _from_arrays(data, "arrays")
    if not isinstance(data, str | os.PathLike):
        raise ValueError(f"data is a {type(data).__name__}; {EXPECTED}")
    path = expanded(data)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; {EXPECTED}")
    if path.suffix == ".npz":
        return _from_arrays(npz.read(path, _wanted(npz.names(path), str(path))), path.stem)
    if not path.is_dir():
        raise ValueError(
            f"{path} is neither an .npz nor a folder; {EXPECTED}; docs/own_data.md makes an .npz "
            "of a table of pandas in a line"
        )
    if (splits := find_splits(os.path.abspath(path))) is None:
        raise FileNotFoundError(f"{path} holds no parquet files; {EXPECTED}")
    for note in splits.notes:
        say(note, DataNotice)
    files = {"train": splits.train, "test": splits.test}
    tables = {p: _texts(f, f"{path}: {p}", text_column, label_column) for p, f in files.items()}
    if tokenizer == "words":
        _check_script(tables["train"][0])
    inputs = {part: _tokens(texts, tokenizer, length) for part, (texts, _) in tables.items()}
    return _assembled(path.resolve().name, inputs, {p: labels for p, (_, labels) in tables.items()})


def words(texts: Sequence[str], length: int) -> NDArray[np.int64]:
    """(K, length): a token in [1, 32768) for each word in lower case, then zeros.

    >>> words(["Stocks fall, stocks rise"], 5).tolist()
    [[17910, 21938, 17910, 13767, 0]]
    """
    found = np.zeros((len(texts), length), np.int64)
    for row, text in zip(found, texts, strict=True):
        first = re.findall(r"\w+", text.lower())[:length]
        row[: len(first)] = [1 + zlib.crc32(word.encode()) % (WORDS - 1) for word in first]
    return found


def _check_script(texts: list[str]) -> None:
    """Say where many characters are of a script that `words` cuts at the wrong places."""
    some = "".join(texts[:1000])
    if (share := len(UNSPACED.findall(some)) / max(1, len(some))) > 0.01:
        say(
            f"{share:.0%} of the characters are of scripts without blanks, or with marks of their "
            "own, which the built-in tokenizer cuts at the wrong places; tokenizer= "
            "(--env-kwargs tokenizer=module:function) names another",
            DataNotice,
        )


def _tokens(texts: list[str], tokenizer: Function, length: int) -> NDArray[Any]:
    if tokenizer == "words":
        check_argument("length", length, Annotated[int, In("[1, inf)")])
        return words(texts, length)
    if isinstance(tokenizer, str) and ":" not in tokenizer:
        raise ValueError(f"tokenizer is {tokenizer!r}; allowed are 'words' and module:function")
    tokens = imported("tokenizer", tokenizer, "texts")(texts)
    try:
        return np.asarray(tokens)
    except ValueError as error:  # lists of several lengths
        raise ValueError(
            f"the tokenizer {path_of(tokenizer)!r} gives a {type(tokens).__name__} that is no "
            f"array; expected ({len(texts)}, L) integers: make all as long, with zeros at the end"
        ) from error


def _wanted(there: Iterable[str], name: str) -> tuple[str, ...]:
    """Which arrays are read, of those that there are."""
    names = list(there)
    ours = {*DIVIDED, *WHOLE}.intersection(names)
    for keys in (DIVIDED, WHOLE):
        if ours == {*keys}:  # with a part of the others beside them, which is meant?
            return keys
    came = ", ".join(map(str, names)) or "nothing"
    raise ValueError(f"{name} has {came}; {EXPECTED}")


def _from_arrays(arrays: Mapping[str, Any], name: str) -> Dataset:
    if _wanted(arrays, name) == DIVIDED:
        inputs = {part: np.asarray(arrays[f"{part}_inputs"]) for part in ("train", "test")}
        labels = {
            part: read_labels(np.asarray(arrays[f"{part}_labels"]), None, f"{name}: {part}_labels")
            for part in ("train", "test")
        }
        return _assembled(name, inputs, labels)
    named = read_labels(np.asarray(arrays["labels"]), None, f"{name}: labels")
    whole = _check(np.asarray(arrays["inputs"]), len(named.ids), f"{name}: inputs")
    rest, held_out, note = carve_test(name, named.ids, "samples")
    say(note, DataNotice)
    rows = {"train": rest, "test": held_out}
    inputs = {part: whole[chosen] for part, chosen in rows.items()}
    return _assembled(name, inputs, {part: named[chosen] for part, chosen in rows.items()}, rows)


def _assembled(
    name: str,
    inputs: Mapping[str, NDArray[Any]],
    labels: Mapping[str, Labels],
    rows: Mapping[str, NDArray[np.int64]] | None = None,
) -> Dataset:
    """A dataset of the two splits; rows: where they lie in a whole that was divided."""
    splits = {}
    classes, *ids = matched(labels["train"], labels["test"], name)
    for part, found in zip(("train", "test"), ids, strict=True):
        checked = _check(inputs[part], len(found), f"{name}: {part}_inputs")
        splits[part] = Split(checked, found, rows=None if rows is None else rows[part])
    shapes = [split.images.shape[1:] for split in splits.values()]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{name}: train inputs are {shapes[0]}, test inputs {shapes[1]}")
    if len({split.images.dtype for split in splits.values()}) > 1:
        raise ValueError(f"{name}: train inputs and test inputs are of different types")
    return Dataset(name, classes, splits["train"], splits["test"], kind="arrays")


def _check(inputs: NDArray[Any], count: int, where: str) -> NDArray[Any]:
    """(N, ...) as float32, uint8 or int64, all finite, tokens from 0."""
    if inputs.ndim < 2 or len(inputs) != count or inputs.size == 0:
        raise ValueError(
            f"{where} has shape {inputs.shape}; allowed is ({count}, ...), a row of one or more "
            "numbers for each label"
        )
    if inputs.dtype.kind == "f":
        with np.errstate(over="ignore"):  # what float32 has no number for is refused below
            inputs = inputs.astype(np.float32, copy=False)
        if not np.isfinite(inputs).all():
            raise ValueError(f"{where} holds NaN or infinite numbers (in float32)")
        return inputs
    if inputs.dtype.kind not in "iu":
        raise ValueError(f"{where} is {inputs.dtype}; allowed are floats, uint8 and integers")
    if inputs.dtype == np.uint8:
        return inputs
    for end in (int(inputs.min()), int(inputs.max())):
        if not 0 <= end < 2**63:
            raise ValueError(
                f"{where} holds {end}; whole numbers are taken for tokens, which are 0 and above, "
                "below 2**63; those of a table are given as floats, .astype(float)"
            )
    return inputs.astype(np.int64, copy=False)


def _texts(files: Sequence[File], where: str, text: str, label: str) -> tuple[list[str], Labels]:
    """The texts and the labels of a split."""
    found = [_table(file.path, text, label) for file in files]
    texts = list(chain.from_iterable(texts for texts, _ in found))
    return texts, joined([labels for _, labels in found], where)


def _table(file: str, text: str, label: str) -> tuple[list[str], Labels]:
    def chosen(schema: Any) -> list[str]:
        for column in (text, label):
            if (count := schema.names.count(column)) != 1:
                raise ValueError(
                    f"{file} has {count or 'no'} column{'s' * (count > 1)} {column!r}; it has "
                    + ", ".join(schema.names)
                )
        return [text, label]

    table = read_table(file, chosen)
    texts = table[text].to_pylist()
    if not all(isinstance(one, str) for one in texts):
        raise ValueError(f"{file}: {text!r} is {table[text].type}, or has nulls; expected texts")
    return texts, labels_of(table, label, file)
