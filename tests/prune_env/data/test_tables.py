"""Tables of images and of texts: a file that is missing or damaged is named, in one line."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from prune_env.data import load
from prune_env.data.inputs import load_arrays
from prune_env.notices import DataNotice

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

LABELS = ["rise", "fall"]


def picture() -> dict[str, Any]:
    content = io.BytesIO()
    Image.new("RGB", (2, 2)).save(content, "png")
    return {"bytes": content.getvalue(), "path": None}


COLUMNS = {"images": {"img": [picture()] * 2}, "texts": {"text": ["stocks rise", "stocks fall"]}}


def read(kind: str, folder: Path) -> Any:
    return load("images", folder) if kind == "images" else load_arrays(folder)


@pytest.fixture(params=COLUMNS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Two files of training samples and one of test samples are in a folder."""
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
        table = pa.table(COLUMNS[request.param] | {"label": LABELS})
        parquet.write_table(table, tmp_path / f"{name}.parquet")
    return request.param


def test_a_split_that_lacks_a_file_is_refused(kind: str, tmp_path: Path) -> None:
    assert read(kind, tmp_path).train.labels.tolist() == [1, 0, 1, 0]
    (tmp_path / "train-00000-of-00002.parquet").unlink()
    message = "should hold 2 train files, 1 are there: train-00001-of-00002.parquet"
    with pytest.raises(FileNotFoundError, match=message):
        read(kind, tmp_path)


def test_the_layout_of_the_hub_is_read(kind: str, tmp_path: Path) -> None:
    """Files lie in data/, and there is a validation split where no test labels are published."""
    (tmp_path / "data").mkdir()
    for path in tmp_path.glob("*.parquet"):
        path.rename(tmp_path / "data" / path.name.replace("test", "validation"))
    with pytest.warns(DataNotice, match="validation is its test split"):
        dataset = read(kind, tmp_path)
    assert (dataset.train.labels.tolist(), dataset.test.labels.tolist()) == ([1, 0, 1, 0], [1, 0])


@pytest.mark.parametrize("harm", ["thrift", "UTF-8", "cut"])
def test_a_damaged_file_is_named_in_one_line(kind: str, harm: str, tmp_path: Path) -> None:
    path = tmp_path / "train-00001-of-00002.parquet"
    content = bytearray(path.read_bytes())
    if harm == "thrift":
        content[4] ^= 0xFF  # the header of the first page
    elif harm == "UTF-8":
        assert content.count(b"rise") > 0
        content[:] = content.replace(b"rise", b"ri\xffe")
    path.write_bytes(content[:-20] if harm == "cut" else content)
    with pytest.raises(ValueError, match=r"train-00001-of-00002\.parquet") as error:
        read(kind, tmp_path)
    assert "\n" not in str(error.value)


def test_labels_of_a_dictionary_are_their_names(kind: str, tmp_path: Path) -> None:
    for path in tmp_path.iterdir():
        labels = pa.array(LABELS).dictionary_encode()
        parquet.write_table(pa.table(COLUMNS[kind] | {"label": labels}), path)
    assert read(kind, tmp_path).classes == ("fall", "rise")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["text", "text", "label"], "has 2 columns 'text'; it has text, text, label"),
        (["body", "id", "label"], "has no column 'text'; it has body, id, label"),
    ],
)
def test_a_column_of_texts_is_there_once(names: list[str], message: str, tmp_path: Path) -> None:
    columns = [pa.array(["a", "b"]), pa.array(["a", "b"]), pa.array(np.arange(2))]
    for split in ("train", "test"):
        parquet.write_table(pa.Table.from_arrays(columns, names), tmp_path / f"{split}.parquet")
    with pytest.raises(ValueError, match=rf"train\.parquet {message}"):
        load_arrays(tmp_path)
