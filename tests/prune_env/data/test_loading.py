"""What every kind of data becomes, against literals and an independent decoder."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prune_env.data import Dataset, Split, load

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def png(colour: tuple[int, int, int] | int, size: tuple[int, int] = (4, 3)) -> bytes:
    """Encode an image of one colour; size is (width, height)."""
    file = io.BytesIO()
    Image.new("L" if isinstance(colour, int) else "RGB", size, colour).save(file, "png")
    return file.getvalue()


def write_parquet(
    file: Path, images: list[bytes], labels: list[int], noted: bool = True, column: str = "img"
) -> None:
    """Write a table in the layout of the HuggingFace hub."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    table = pa.table(
        {column: [{"bytes": image, "path": None} for image in images], "label": labels},
        pa.schema(
            [
                (column, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
                ("label", pa.int64()),
            ]
        ),
    )
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    if noted:
        note = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": note})
    file.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, file)


def hub_layout(folder: Path, images: list[bytes] | None = None) -> Path:
    """Write three training images (cat, dog, cat) and two test images (dog, cat)."""
    images = images or [png(RED), png(GREEN), png(BLUE), png(GREEN), png(RED)]
    write_parquet(folder / "train-00000-of-00001.parquet", images[:3], [0, 1, 0])
    write_parquet(folder / "test-00000-of-00001.parquet", images[3:], [1, 0])
    return folder


def image_layout(folder: Path) -> Path:
    """Write the images of hub_layout as files."""
    files = {
        "train/cat/1.png": RED,
        "train/cat/2.png": BLUE,
        "train/dog/1.png": GREEN,
        "test/cat/1.png": RED,
        "test/dog/1.png": GREEN,
    }
    for name, colour in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(colour))
    return folder


def first_pixels(split: Split) -> list[list[int]]:
    return split.images[:, 0, 0].tolist()


# The real thing


def test_cifar10_is_what_pillow_decodes(cifar10_path: Path):
    parquet = pytest.importorskip("pyarrow.parquet")
    dataset = load("cifar10", cifar10_path)
    assert dataset.name == "cifar10"
    assert dataset.classes[:3] == ("airplane", "automobile", "bird")
    assert dataset.train.images.shape == (50_000, 32, 32, 3)
    assert dataset.test.images.shape == (10_000, 32, 32, 3)
    assert np.bincount(dataset.train.labels).tolist() == [5000] * 10
    assert np.bincount(dataset.test.labels).tolist() == [1000] * 10
    for part, split in (("train", dataset.train), ("test", dataset.test)):
        (file,) = cifar10_path.glob(f"{part}-*.parquet")
        table = parquet.read_table(file)
        for row in (0, 1, 4_999, len(table) - 1):
            expected = Image.open(io.BytesIO(table["img"][row]["bytes"].as_py()))
            np.testing.assert_array_equal(split.images[row], np.array(expected))
            assert split.labels[row] == table["label"][row].as_py()


def test_cifar10_opens_in_under_a_second_the_next_time(cifar10_path: Path):
    load("cifar10", cifar10_path)
    start = time.perf_counter()
    dataset = load("cifar10", str(cifar10_path))
    assert time.perf_counter() - start < 1
    assert isinstance(dataset.train.images, np.memmap)


# Small made-up ones


@pytest.mark.parametrize("subfolder", [".", "data", "plain_text"])
def test_parquet_folder(tmp_path: Path, subfolder: str):
    hub_layout(tmp_path / subfolder)
    dataset = load("images", tmp_path)
    assert dataset.classes == ("cat", "dog")
    assert dataset.train.images.shape == (3, 3, 4, 3)
    assert first_pixels(dataset.train) == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert dataset.train.labels.tolist() == [0, 1, 0]
    assert first_pixels(dataset.test) == [[0, 255, 0], [255, 0, 0]]
    assert dataset.test.labels.tolist() == [1, 0]


def test_parquet_shards_unusual_names_and_no_notes(tmp_path: Path):
    for shard, colour in enumerate((RED, BLUE)):
        file = tmp_path / f"train-0000{shard}-of-00002.parquet"
        write_parquet(file, [png(colour)], [shard], noted=False, column="photo")
    write_parquet(tmp_path / "validation.parquet", [png(RED)], [0], noted=False, column="photo")
    dataset = load("images", tmp_path)
    assert dataset.classes == ("0", "1")
    assert first_pixels(dataset.train) == [[255, 0, 0], [0, 0, 255]]
    assert first_pixels(dataset.test) == [[255, 0, 0]]


def test_hub_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    datasets = pytest.importorskip("datasets")
    hub_layout(tmp_path / "hub")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    splits = datasets.load_dataset(str(tmp_path / "hub"), cache_dir=str(tmp_path / "hf"))
    calls = []
    monkeypatch.setattr(datasets, "load_dataset", lambda name: calls.append(name) or splits)
    for _ in range(2):
        dataset = load("images", "someone/pets", cache=tmp_path / "cache")
        assert dataset.classes == ("cat", "dog")
        assert first_pixels(dataset.train) == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert calls == ["someone/pets"]


def test_fine_labels_of_cifar100(tmp_path: Path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    features = {
        column: {
            "names": [f"{column} {number}" for number in range(classes)],
            "_type": "ClassLabel",
        }
        for column, classes in (("fine_label", 100), ("coarse_label", 20))
    }
    image = [{"bytes": png(RED, (32, 32)), "path": None}] * 100
    coarse = [number // 5 for number in range(100)]
    table = pa.table({"img": image, "fine_label": range(99, -1, -1), "coarse_label": coarse})
    note = json.dumps({"info": {"features": features}})
    for part in ("train", "test"):
        noted = table.replace_schema_metadata({"huggingface": note})
        pyarrow.parquet.write_table(noted, tmp_path / f"{part}-00000-of-00001.parquet")
    dataset = load("cifar100", tmp_path)
    assert (dataset.name, len(dataset.classes)) == ("cifar100", 100)
    assert dataset.classes[99] == "fine_label 99"
    assert dataset.train.labels.tolist() == list(range(99, -1, -1))


def test_image_folder(tmp_path: Path):
    dataset = load("images", image_layout(tmp_path))
    assert dataset.classes == ("cat", "dog")
    assert first_pixels(dataset.train) == [[255, 0, 0], [0, 0, 255], [0, 255, 0]]
    assert dataset.train.labels.tolist() == [0, 0, 1]
    assert dataset.test.labels.tolist() == [0, 1]


GREY_ARRAYS = {
    "train_images": np.arange(3 * 2 * 2, dtype=np.uint8).reshape(3, 2, 2),
    "train_labels": np.array([0, 1, 2], np.int32),
    "test_images": np.zeros((1, 2, 2), np.uint8),
    "test_labels": np.array([2]),
}


def as_npz(folder: Path) -> Path:
    np.savez(folder / "small.npz", **GREY_ARRAYS)
    return folder / "small.npz"


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: GREY_ARRAYS,
        lambda folder: tuple(GREY_ARRAYS.values()),
        as_npz,
        lambda folder: load("images", GREY_ARRAYS),
    ],
    ids=["dict", "tuple", "npz", "Dataset"],
)
def test_arrays(make: Callable, tmp_path: Path):
    dataset = load("images", make(tmp_path))
    assert isinstance(dataset, Dataset)
    assert dataset.classes == ("0", "1", "2")
    assert dataset.train.images.shape == (3, 2, 2, 1)
    assert dataset.train.images[1, :, :, 0].tolist() == [[4, 5], [6, 7]]
    assert (dataset.train.labels.tolist(), dataset.train.labels.dtype) == ([0, 1, 2], np.int64)


@pytest.mark.parametrize(
    ("colours", "shape"),
    [([0, 9, 200, 7, 7], (3, 3, 4, 1)), ([0, 9, 200, 7, RED], (3, 3, 4, 3))],
    ids=["all grey", "one in colour"],
)
def test_grey_only_if_all_are(tmp_path: Path, colours: list, shape: tuple):
    dataset = load("images", hub_layout(tmp_path, [png(colour) for colour in colours]))
    assert dataset.train.images.shape == shape
    assert dataset.train.images[:, 0, 0, 0].tolist() == [0, 9, 200]


def test_image_size_makes_images_of_different_sizes_equal(tmp_path: Path):
    images = [png(RED, (9, 6)), png(GREEN, (6, 6)), *[png(BLUE, (3, 8))] * 3]
    dataset = load("images", hub_layout(tmp_path, images), image_size=5)
    assert dataset.train.images.shape == (3, 5, 5, 3)
    assert first_pixels(dataset.train) == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_one_folder_may_hold_the_data_of_several_names_and_cifar_may_be_shrunk(tmp_path: Path):
    for name, classes in (("cifar10", range(10)), ("cifar100", range(100))):
        for part in ("train", "test"):
            for label in classes:
                path = tmp_path / name / part / f"{label:02}"
                path.mkdir(parents=True)
                (path / "a.png").write_bytes(png(RED, (32, 32)))
    assert load("cifar10", tmp_path).train.images.shape == (10, 32, 32, 3)
    assert load("cifar100", tmp_path, image_size=16).train.images.shape == (100, 16, 16, 3)


# The cache


def test_cache_is_made_again_when_a_source_file_changes(tmp_path: Path):
    cache, folder = tmp_path / "cache", tmp_path / "pets"
    for images, pixel, entries in (
        ([png(RED)] * 5, [255, 0, 0], 1),
        ([png(RED)] * 5, [255, 0, 0], 2),  # the same bytes, written later
        ([png(BLUE)] * 5, [0, 0, 255], 3),
    ):
        dataset = load("images", hub_layout(folder, images), cache=cache)
        assert first_pixels(dataset.train)[0] == pixel
        assert len(list(cache.iterdir())) == entries


def test_importing_and_opening_the_cache_import_nothing_heavy(tmp_path: Path):
    folder = hub_layout(tmp_path / "pets")
    load("images", folder)
    code = (
        "import sys; from prune_env.data import load; load('images', sys.argv[1]);"
        "print({'torch', 'torchvision', 'sklearn', 'pyarrow', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True)
    assert done.stdout == "set()\n"
