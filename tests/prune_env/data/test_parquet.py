"""Parquet files as the HuggingFace hub has them: which columns are read, and what is refused."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prune_env.data import load
from prune_env.notices import Notice

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def parquet(path: Path, columns: dict, noted: dict[str, list[str]] | None = None) -> None:
    """A table; `img` are colours."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    def png(colour: tuple[int, int, int]) -> dict:
        file = io.BytesIO()
        Image.new("RGB", (2, 2), colour).save(file, "png")
        return {"bytes": file.getvalue(), "path": None}

    columns = {k: [png(c) for c in v] if k.startswith("img") else v for k, v in columns.items()}
    table = pa.table(columns)
    if noted:
        features = {k: {"_type": "ClassLabel", "names": v} for k, v in noted.items()}
        note = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": note})
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path)


@pytest.mark.parametrize(
    "place", ["{}-00000-of-00001.parquet", "{}/0000.parquet", "a/{}/0.parquet"]
)
def test_parquet_files_named_or_in_folders_of_their_split(tmp_path: Path, place: str):
    for split, labels in (("train", [0, 1]), ("test", [1])):
        parquet(tmp_path / place.format(split), {"img": [RED] * len(labels), "label": labels})
    dataset = load("images", tmp_path)
    assert (dataset.train.labels.tolist(), dataset.test.labels.tolist()) == ([0, 1], [1])
    assert dataset.notes == ()


def hub(folder: Path, columns: dict, noted: dict | None = None, test: dict | None = None) -> Path:
    """Three training samples, and by default the first of them as the test split."""
    parquet(folder / "train.parquet", {"img": [RED, GREEN, BLUE]} | columns, noted)
    first = {name: values[:1] for name, values in columns.items()}
    parquet(folder / "test.parquet", {"img": [RED]} | (test or first), noted)
    return folder


def test_names_noted_in_another_order_are_matched_by_name(tmp_path: Path):
    parquet(
        tmp_path / "train.parquet", {"img": [RED, BLUE], "label": [0, 1]}, {"label": ["a", "b"]}
    )
    parquet(tmp_path / "test.parquet", {"img": [BLUE, RED], "label": [0, 1]}, {"label": ["b", "a"]})
    dataset = load("images", tmp_path)
    assert dataset.classes == ("a", "b")
    assert (dataset.train.labels.tolist(), dataset.test.labels.tolist()) == ([0, 1], [1, 0])


@pytest.mark.parametrize(
    ("columns", "noted", "classes", "labels"),
    [
        ({"id": [7, 8, 9], "label": ["b", "a", "b"]}, None, ("a", "b"), [1, 0, 1]),
        ({"id": [7, 8, 9], "kind": [0, 2, 0]}, {"kind": ["x", "y", "z"]}, ("x", "z"), [0, 1, 0]),
        ({"kind": ["b", "a", "b"]}, None, ("a", "b"), [1, 0, 1]),
        ({"label": [10, 2, 10]}, None, ("2", "10"), [1, 0, 1]),
        ({"label": [True, False, True]}, None, ("False", "True"), [1, 0, 1]),
        ({"fine_label": [1, 0, 1], "coarse_label": [0, 0, 1]}, None, ("0", "1"), [1, 0, 1]),
    ],
)
def test_the_column_of_labels_is_found(tmp_path: Path, columns, noted, classes, labels):
    dataset = load("images", hub(tmp_path, columns, noted))
    assert (dataset.classes, dataset.train.labels.tolist()) == (classes, labels)


@pytest.mark.parametrize(
    ("columns", "noted", "message"),
    [
        ({"id": [7, 8, 7], "breed": ["b", "a", "b"]}, None, "label_column= says which: breed, id;"),
        (
            {"label": [0, 1, 0], "target": [0, 0, 1]},
            None,
            "label_column= says which: label, target;",
        ),
        ({"label": [0, 1, 0], "k": [0, 0, 1]}, {"k": ["a", "b"]}, "says which: k, label;"),
        ({"id": [7, 8, 9]}, None, "every row of 'id' is another, as if it numbered them"),
        ({"label": [0.0, 1.0, 0.0], "id": [1, 2, 3]}, None, "'label' is double, labels are integ"),
        ({"img2": [RED] * 3, "label": [0, 1, 0]}, None, None),
        ({"label": [0, 1, 0]}, {"label": ["a", "a"]}, "two classes of the same name"),
        ({"label": [0, 5, 0]}, {"label": ["a", "b"]}, "holds 5, but 2 names are noted: a, b"),
    ],
)
def test_a_column_that_cannot_be_known_is_asked_for(tmp_path: Path, columns, noted, message):
    hub(tmp_path, columns, noted)
    if message is None:
        assert load("images", tmp_path).train.images[1, 0, 0].tolist() == [0, 255, 0]
        return
    with pytest.raises(ValueError, match=rf"train\.parquet.*{message}"):
        load("images", tmp_path)


def test_columns_can_be_named(tmp_path: Path):
    columns = {"id": [7, 8, 7], "breed": ["b", "a", "b"], "img2": [BLUE, BLUE, GREEN]}
    hub(tmp_path, columns)
    options = {"label_column": "breed", "image_column": "img2"}
    dataset = load("images", tmp_path, **options)
    assert (dataset.classes, dataset.train.labels.tolist()) == (("a", "b"), [1, 0, 1])
    assert dataset.train.images[:, 0, 0].tolist() == [[0, 0, 255], [0, 0, 255], [0, 255, 0]]
    assert load("images", tmp_path, label_column="id").classes == ("7", "8")
    for wrong in ({"label_column": "x"}, {"image_column": "x"}):
        with pytest.raises(ValueError, match="has no column 'x', only "):
            load("images", tmp_path, **wrong)
    with pytest.raises(ValueError, match=r"holds no images in 'id', it has img: struct"):
        load("images", tmp_path, image_column="id")
    with pytest.raises(ValueError, match="digits has no columns"):
        load("digits", label_column="x")


def test_an_unreadable_note_is_refused_by_name(tmp_path: Path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    hub(tmp_path, {"label": [0, 1, 0]})
    table = pyarrow.parquet.read_table(tmp_path / "train.parquet")
    for note in (
        b"{",
        b"[]",
        b'{"info": {"features": {"label": {"_type": "ClassLabel", "names": 3}}}}',
    ):
        pa.parquet.write_table(
            table.replace_schema_metadata({"huggingface": note}), tmp_path / "train.parquet"
        )
        with pytest.raises(ValueError, match=r"train\.parquet: what the hub has noted"):
            load("images", tmp_path)


@pytest.mark.parametrize("rows", [1, 200])
def test_a_table_that_unpacks_to_a_bomb_is_refused(
    tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
):
    """Zeros in one row, or the same noise in many, which the file holds once."""
    pa = pytest.importorskip("pyarrow")
    monkeypatch.setattr("prune_env.data.memory.BOMB", (1 << 19, 50))
    noise = np.random.default_rng(0).bytes(10_000)
    content = bytes(1 << 20) if rows == 1 else noise
    hub(tmp_path, {"label": [0, 1, 0]})
    table = pa.table({"img": [{"bytes": content, "path": None}] * rows, "label": [0] * rows})
    pa.parquet.write_table(
        table, tmp_path / "train.parquet", compression="zstd", dictionary_pagesize_limit=1 << 30
    )
    with pytest.raises(ValueError, match=r"train\.parquet unpacks [\d,]+ bytes to [12],\d{3},"):
        load("images", tmp_path)


def test_a_table_of_texts_is_refused(tmp_path: Path):
    real = Path(__file__).resolve().parents[3] / "../shared/data/ag_news"
    if not real.is_dir():
        pytest.skip(f"{real} is not here")
    message = r"ag_news/train-00000-of-00001\.parquet holds no images, it has text: string, label"
    with pytest.raises(ValueError, match=message):
        load("images", real, cache=tmp_path)


def test_labels_found_as_the_only_column_left_are_named(tmp_path: Path):
    """`score` may be what was meant; the folds would be learned without a word."""
    rest = {"fold": [0, 1, 0], "score": [0.5, 0.2, 0.1]}
    dataset = load("images", hub(tmp_path, rest))
    (note,) = dataset.notes
    assert "the labels are its column 'fold', of 2 values, as no other holds integers or" in note
    assert load("images", tmp_path, label_column="fold").notes == ()


def test_labels_may_be_views_of_text(tmp_path: Path):
    pa = pytest.importorskip("pyarrow", "16", reason="older ones have no views")
    columns = {"label": pa.array(["a", "b", "a"], pa.string_view())}
    assert load("images", hub(tmp_path, columns)).classes == ("a", "b")


def test_files_that_differ_by_more_than_a_number_are_said_to_be_one_split(tmp_path: Path):
    hub(tmp_path, {"label": [0, 1, 2]})
    parquet(tmp_path / "train-2.parquet", {"img": [RED], "label": [1]})
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        load("images", tmp_path)
    parquet(tmp_path / "train_small.parquet", {"img": [RED], "label": [1]})
    with pytest.warns(Notice, match=r"of train-2.parquet, train.parquet, train_small.parquet are"):
        load("images", tmp_path)
