"""Bad data: the error says what came and what is allowed, and no cache is left behind."""

from __future__ import annotations

import builtins
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

import prune_env  # noqa: F401
from prune_env.data import load

PIXELS = np.zeros((4, 2, 2, 3), np.uint8)
LABELS = np.array([0, 1, 2, 1])
GOOD = {"train_images": PIXELS, "train_labels": LABELS, "test_images": PIXELS[:1]}
GOOD |= {"test_labels": LABELS[:1]}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_images": PIXELS / 255}, "train_images is float64, allowed is uint8"),
        ({"train_images": PIXELS.astype(np.int64)}, "train_images is int64, allowed is uint8"),
        ({"train_images": PIXELS.transpose(0, 3, 1, 2)}, r"shape \(4, 3, 2, 2\), allowed are"),
        ({"train_images": PIXELS.reshape(4, 12)}, r"shape \(4, 12\), allowed are \(N, H, W\)"),
        ({"train_images": PIXELS[:3]}, r"train_labels has shape \(4,\), images \(3, 2, 2, 3\)"),
        ({"test_images": PIXELS[:1, :1]}, r"train images are \(2, 2, 3\), test images \(1, 2, 3\)"),
        ({"train_labels": LABELS / 1}, "train_labels is float64, allowed are integers"),
        ({"train_labels": LABELS - 1}, "train_labels holds -1, which is no class"),
        ({"train_labels": LABELS[:, None]}, r"train_labels has shape \(4, 1\)"),
        ({"train_labels": LABELS * 0}, "1 class, at least 2 are needed"),
        (
            {"test_labels": np.array([3])},
            "test has classes without training samples: 3 .*train has 0, 1, 2",
        ),
        ({"test_images": PIXELS[:0], "test_labels": LABELS[:0]}, "test_images is empty"),
    ],
)
def test_arrays(changed: dict, message: str, tmp_path: Path):
    with pytest.raises(ValueError, match=message):
        load("images", GOOD | changed)
    np.savez(tmp_path / "bad.npz", **(GOOD | changed))
    with pytest.raises(ValueError, match=rf"bad\.npz: .*{message}"):
        load("images", tmp_path / "bad.npz")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"train_images": PIXELS}, "train_labels, test_images, test_labels missing, came: train_i"),
        ((PIXELS, LABELS), "2 arrays came, expected train_images, train_labels, test_images"),
        ((PIXELS,), ": 1 array came, expected"),
        ({}, "missing, came: nothing"),
    ],
)
def test_not_the_four_arrays(data: object, message: str):
    with pytest.raises(ValueError, match=message):
        load("images", data)


def npz(folder: Path, keep: float = 1.0, **arrays: np.ndarray) -> Path:
    np.savez(folder / "x.npz", **arrays)
    content = (folder / "x.npz").read_bytes()
    (folder / "x.npz").write_bytes(content[: int(len(content) * keep)])
    return folder / "x.npz"


def text(folder: Path, name: str, content: str = "hello") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)
    return folder


def image(folder: Path, name: str, size: int = 4, mode: str = "RGB", keep: float = 1.0) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size, size)).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    return folder


def image_folder(folder: Path) -> Path:
    for name in ("train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png"):
        image(folder, name)
    return folder


def without(folder: Path, name: str) -> Path:
    shutil.rmtree(folder / name)
    return folder


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda f: f / "nothing", FileNotFoundError, "nothing does not exist; expected is one of"),
        (lambda f: "nothing_here", FileNotFoundError, "nothing_here does not exist"),
        (lambda f: f / "no.npz", FileNotFoundError, "no.npz does not exist"),
        (lambda f: f, ValueError, "is not a dataset, it holds nothing; expected is one of"),
        (lambda f: text(f, "notes.txt"), ValueError, "it holds notes.txt; expected is one of"),
        (lambda f: text(f, "a.txt") / "a.txt", ValueError, "a.txt is not a dataset; expected"),
        (
            lambda f: text(f, "t.parquet") / "t.parquet",
            ValueError,
            "is one file of a dataset; name",
        ),
        (lambda f: text(f, "x.npz") / "x.npz", ValueError, "x.npz is not a whole .npz file"),
        (lambda f: text(f, "x.npz", "") / "x.npz", ValueError, "x.npz is not a whole .npz file"),
        (lambda f: npz(f, 0.5, **GOOD), ValueError, "x.npz is not a whole .npz file"),
        (lambda f: npz(f, a=LABELS), ValueError, "x.npz has no train_images.*; it has a"),
        (
            lambda f: npz(f, **GOOD | {"train_labels": np.array([{}], dtype=object)}),
            ValueError,
            "holds Python objects",
        ),
        (lambda f: without(image_folder(f), "test"), FileNotFoundError, "test is missing: expect"),
        (lambda f: without(image_folder(f), "test/b"), ValueError, "same classes, not in both: b"),
        (lambda f: text(f, "train/a/x.txt"), FileNotFoundError, "test is missing"),
        (
            lambda f: image(image_folder(f), "train/a/2.png", 5),
            ValueError,
            r"2.png is \(5, 5\) pix",
        ),
        (
            lambda f: image(image_folder(f), "train/b/2.png", keep=0.5),
            ValueError,
            "b/2.png cannot be decoded",
        ),
        (lambda f: text(image_folder(f), "test/b/2.png"), ValueError, "b/2.png cannot be decoded"),
        (
            lambda f: image(image_folder(f), "test/b/2.tif", mode="F"),
            ValueError,
            "b/2.tif cannot be decoded as an image: its mode is F, allowed are images of 8 bits",
        ),
    ],
)
def test_files_and_folders(make: Callable, error: type[Exception], message: str, tmp_path: Path):
    (tmp_path / "data").mkdir()
    with pytest.raises(error, match=message):
        load("images", make(tmp_path / "data"), cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_images_of_different_sizes_say_how_to_resize(tmp_path: Path):
    folder = image(image_folder(tmp_path), "train/a/2.png", 5)
    with pytest.raises(ValueError, match="resized only if image_size says"):
        load("images", folder)
    assert load("images", folder, image_size=8).train.images.shape == (3, 8, 8, 3)
    env = gym.make("prune_env/Images-v0", data=folder, image_size=8, num_validation=1)
    assert env.unwrapped.learner.arm_inputs.images.shape == (2, 8, 8, 3)


def test_an_image_that_claims_to_be_enormous_is_named(tmp_path: Path):
    folder = image_folder(tmp_path)
    file = next(folder.glob("train/a/*.png"))
    content = bytearray(file.read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)  # width and height in the header
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"1\.png cannot be decoded as an image: .*bomb"):
        load("images", folder)


# Parquet


def table(file: Path, **columns: object) -> Path:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    pyarrow.parquet.write_table(pa.table(columns), file)
    return file


def rows(content: bytes | None) -> list[dict]:
    return [{"bytes": content, "path": None}]


@pytest.fixture(scope="module")
def png(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = image(tmp_path_factory.mktemp("png"), "x.png", 32)
    return (folder / "x.png").read_bytes()


@pytest.fixture
def hub(tmp_path: Path, png: bytes) -> Path:
    """Make a good folder of two classes, train.parquet and test.parquet."""
    folder = tmp_path / "hub"
    folder.mkdir()
    table(folder / "train.parquet", image=rows(png) * 2, label=[0, 1])
    table(folder / "test.parquet", image=rows(png), label=[0])
    return folder


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": "PNG", "label": [-1, 0]}, "train.parquet: 'label' holds -1, which is no class"),
        ({"image": "PNG", "label": [None, 1]}, "train.parquet: 'label' has 1 null; expected"),
        ({"image": "PNG", "label": [None] * 2}, "'label' is null, labels are integers or text"),
        ({"image": "PNG", "label": [0.5, 1.0]}, "'label' is double, labels are integers or text"),
        ({"image": "PNG", "label": [[0], [1]]}, "'label' is list.*, labels are integers or text"),
        ({"image": "PNG", "label": ["cat", "dog"]}, r"without training samples: 0 \(integers\)"),
        ({"image": "PNG", "a": [1, 0], "b": [1, 1]}, "2 columns that may be labels, .*: a, b;"),
        ({"text": ["a", "b"], "label": [0, 1]}, "holds no images, it has text: string, label: int"),
        ({"image": "CUT", "label": [0, 1]}, "train.parquet, row 1 cannot be decoded as an image"),
        ({"image": "NONE", "label": [0, 1]}, "row 1 cannot be decoded as an image: it has no byt"),
        ({"photo": "PNG", "label": [0, 1]}, "test.parquet has no column 'photo', only image: str"),
    ],
)
def test_parquet_columns(hub: Path, png: bytes, columns: dict, message: str, tmp_path: Path):
    second = {"PNG": png, "CUT": png[:60], "NONE": None}
    columns = {
        k: rows(png) + rows(second[v]) if isinstance(v, str) else v for k, v in columns.items()
    }
    table(hub / "train.parquet", **columns)
    with pytest.raises(ValueError, match=message):
        load("images", hub, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"hello", None], ids=["empty", "magic", "text", "cut"]
)
def test_parquet_file_that_is_none(hub: Path, content: bytes | None, tmp_path: Path):
    file = hub / "test.parquet"
    file.write_bytes(file.read_bytes()[:-20] if content is None else content)
    with pytest.raises(ValueError, match=r"test\.parquet is not a whole parquet file"):
        load("images", hub, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_parquet_file_missing(hub: Path):
    (hub / "train.parquet").rename(hub / "train-00000-of-00002.parquet")
    with pytest.raises(FileNotFoundError, match="should hold 2 train files, 1 are there"):
        load("images", hub)
    (hub / "test.parquet").unlink()
    (hub / "train-00000-of-00002.parquet").rename(hub / "train.parquet")
    with pytest.raises(FileNotFoundError, match=r"holds no test-\*\.parquet"):
        load("images", hub)


# Names


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_data_that_is_not_what_the_name_says(hub: Path, name: str, tmp_path: Path):
    with pytest.raises(ValueError, match=rf"hub has 2 classes .*{name} has 100? classes"):
        load(name, hub, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "mnist"}, "name is 'mnist', allowed are digits, cifar10, cifar100, images"),
        ({"name": "images"}, "images need data .--data.: a path"),
        ({"name": "digits", "data": "x"}, "data is 'x', and the environment has the digits of"),
        ({"name": "images", "data": GOOD, "image_size": 0}, "image_size is 0"),
        ({"name": "images", "data": GOOD, "image_size": 8.0}, "image_size is 8.0; expected int"),
        ({"name": "images", "data": GOOD, "image_size": 3}, "arrays are not resized"),
    ],
)
def test_arguments(arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        load(**arguments)


def test_data_of_another_type():
    with pytest.raises(TypeError, match="data is a int; expected is one of"):
        load("images", 3)


def test_hub_dataset_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    datasets = pytest.importorskip("datasets")

    def offline(name: str) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(FileNotFoundError, match=r"is no file or folder here.*no network"):
        load("images", "some/thing", cache=tmp_path / "cache")


@pytest.mark.parametrize("library", ["datasets", "pyarrow"])
def test_missing_extra(library: str, hub: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    real = builtins.__import__

    def without_library(name: str, *rest: object) -> object:
        if name.split(".")[0] == library:
            raise ModuleNotFoundError(f"No module named {library!r}", name=library)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_library)
    data = "some/thing" if library == "datasets" else hub
    with pytest.raises(ImportError, match=rf'{library}: pip install "prune_env\[hub\]"'):
        load("images", data, cache=tmp_path / "cache")
