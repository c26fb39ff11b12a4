"""Folders that people have: what is read from each, what is left out and said, what is refused."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prune_env.data import Dataset, load
from prune_env.notices import DataNotice

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def image(path: Path, colour: tuple[int, int, int] = RED, size: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), colour).save(path)
    return path


def images(folder: Path, *names: str) -> Path:
    for name in names:
        image(folder / name, {"c": RED, "d": GREEN}.get(Path(name).parent.name[0], BLUE))
    return folder


def read(folder: Path, **options: object) -> tuple[Dataset, list[str]]:
    """The dataset, and what was said about it."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        dataset = load("images", folder, **options)
    assert {warning.category for warning in said} <= {DataNotice}
    assert [str(warning.message) for warning in said] == list(dataset.notes)
    return dataset, [str(warning.message).removeprefix(f"{folder}") for warning in said]


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    names = ("train/cat/1.png", "train/cat/2.png", "train/dog/1.png")
    return images(tmp_path / "pets", *names, "test/cat/1.png", "test/dog/1.png")


def test_train_and_test_need_no_word(pets: Path):
    dataset, said = read(pets)
    assert (dataset.name, dataset.classes, said) == ("pets", ("cat", "dog"), [])
    assert dataset.train.images[:, 0, 0].tolist() == [[255, 0, 0], [255, 0, 0], [0, 255, 0]]


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev", "Test", "VAL"])
def test_train_beside_something_else(pets: Path, name: str):
    (pets / "test").rename(pets / name)
    dataset, said = read(pets)
    assert dataset.test.labels.tolist() == [0, 1]
    assert said == ([] if name == "Test" else [f": {name.lower()}/ is its test split"])


def test_all_three_splits(pets: Path):
    images(pets, "val/cat/7.png", "val/dog/7.png", "val/dog/8.png")
    dataset, said = read(pets)
    assert len(dataset.test.labels) == 2
    assert said == [": val are not used, validation is a part of train"]


def test_a_test_split_without_classes_gives_way_to_val(pets: Path):
    (pets / "test").rename(pets / "val")
    images(pets, "test/1.png")
    dataset, said = read(pets)
    assert (len(dataset.test.labels), said) == (2, [": val/ is its test split"])


def test_classes_without_splits_are_divided_by_class(tmp_path: Path):
    names = [f"{name}/{n}.png" for name, count in (("cat", 20), ("dog", 10)) for n in range(count)]
    folder = images(tmp_path / "pets", *names, "train/1.png")  # a train is a class here
    dataset, said = read(folder)
    assert dataset.classes == ("cat", "dog", "train")
    assert np.bincount(dataset.train.labels).tolist() == [16, 8, 1]
    assert np.bincount(dataset.test.labels).tolist() == [4, 2]
    assert said == [
        " has no test split: 6 of its 31 images, a fifth of each class, were drawn for it, always "
        "the same ones; 1 of 3 classes have none there"
    ]
    again, said_again = read(folder)
    assert again.train.images.tolist() == dataset.train.images.tolist()
    assert said_again == said


@pytest.mark.parametrize(
    "odd",
    [
        "train/.ipynb_checkpoints/1.png",
        "train/cat/.ipynb_checkpoints/1-checkpoint.png",
        "train/cat/._1.png",
        "train/cat/.DS_Store",
        "train/Thumbs.db",
        "train/__MACOSX/cat/1.png",
        "__MACOSX/train/cat/1.png",
        ".git/x/1.png",
    ],
)
def test_hidden_entries_are_passed_over(pets: Path, odd: str):
    (pets / odd).parent.mkdir(parents=True, exist_ok=True)
    (pets / odd).write_bytes(b"junk")
    dataset, said = read(pets)
    assert (dataset.classes, len(dataset.train.labels), said) == (("cat", "dog"), 3, [])


def test_what_is_no_image_of_a_class_is_left_out_and_said(pets: Path):
    (pets / "train/cat/notes.txt").touch()
    image(pets / "train/loose.png")
    dataset, said = read(pets)
    assert len(dataset.train.labels) == 3
    assert said == [
        f"left out, as no images by their names: 1 ({pets}/train/cat/notes.txt)",
        f"left out, as images without a class: 1 ({pets}/train/loose.png)",
    ]


@pytest.mark.parametrize("ending", ["JPG", "jpeg", "gif", "webp", "bmp", "tiff", "pgm", "jfif"])
def test_images_are_known_by_many_endings(pets: Path, ending: str):
    kind = {"JPG": "jpeg", "pgm": "ppm", "jfif": "jpeg"}.get(ending, ending)
    Image.new("RGB", (4, 4)).save(pets / f"train/dog/x.{ending}", kind)
    assert len(load("images", pets).train.labels) == 4


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train/cat/1.png", "train/dog/1.png"], "test is missing: .*name .*/train$"),
        (["test/cat/1.png", "test/dog/1.png"], "train is missing"),
        (["train/1.png", "test/1.png"], "test has images without class folders"),
        (["cat/1.png", "dog/a/1.png"], r"1 \(dog\) of its folders hold no images"),
        (["cat/1.png"], "1 class, at least 2 are needed"),
        (["train/cat/1.png", "train/dog/x.txt", "test/cat/1.png"], "train/dog.*hold no image"),
        (["Train/cat/1.png", "train/cat/1.png"], "Train is there in other capitals too"),
        (["a/b/cat/1.png", "a/b/dog/1.png"], "is not a dataset, it holds a; expected is"),
    ],
)
def test_what_cannot_be_known_is_refused(tmp_path: Path, names: list[str], message: str):
    for name in names:
        if name.endswith(".png"):
            image(tmp_path / "x" / name)
        else:
            (tmp_path / "x" / name).parent.mkdir(parents=True)
            (tmp_path / "x" / name).touch()
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load("images", tmp_path / "x")


def test_broken_files_are_left_out_on_request_and_said_every_time(pets: Path, tmp_path: Path):
    (pets / "train/cat/0.png").write_bytes(b"no image")
    (pets / "train/cat/9.png").symlink_to(pets / "nowhere.png")
    with pytest.raises(ValueError, match=r"cat/0\.png cannot .*cat/9\.png cannot .*--skip-broken"):
        load("images", pets, cache=tmp_path / "cache")
    for _ in range(2):
        dataset, said = read(pets, skip_broken=True, cache=tmp_path / "cache")
        assert dataset.train.labels.tolist() == [0, 0, 1]
        assert dataset.train.rows.tolist() == [1, 2, 4]
        paths = f"{pets}/train/cat/0.png, {pets}/train/cat/9.png"
        assert said == [f": 2 of 7 ({paths}) cannot be decoded and are left out"]


# Links, and what is no file


def test_linked_folders_are_read_and_their_changes_noticed(pets: Path, tmp_path: Path):
    """The images lie elsewhere, two data sets beside each other; links say which one is meant."""
    cache = tmp_path / "cache"
    for name, colour in (("one", RED), ("two", BLUE)):
        image(tmp_path / name / "1.png", colour)
    for folder, target in (("a", "one"), ("b", "two")):
        images(tmp_path / folder, "train/dog/1.png", "test/cat/1.png", "test/dog/1.png")
        (tmp_path / folder / "train/cat").symlink_to(tmp_path / target, target_is_directory=True)
    for folder, pixel in (("a", [255, 0, 0]), ("b", [0, 0, 255])):
        dataset = load("images", tmp_path / folder, cache=cache)
        assert dataset.train.images[0, 0, 0].tolist() == pixel
    image(tmp_path / "one/1.png", GREEN)
    assert load("images", tmp_path / "a", cache=cache).train.images[0, 0, 0].tolist() == [0, 255, 0]
    (tmp_path / "a/train/cat").unlink()
    (tmp_path / "a/train/cat").symlink_to(tmp_path / "two", target_is_directory=True)
    assert load("images", tmp_path / "a", cache=cache).train.images[0, 0, 0].tolist() == [0, 0, 255]


def test_another_file_of_the_same_size_and_time_is_noticed(pets: Path, tmp_path: Path):
    file = pets / "train/cat/1.png"
    before = file.stat()
    assert load("images", pets, cache=tmp_path / "cache").train.images[0, 0, 0].tolist() == [
        255,
        0,
        0,
    ]
    content = file.read_bytes()
    image(file, GREEN)
    file.write_bytes(file.read_bytes() + bytes(max(0, before.st_size - file.stat().st_size)))
    os.truncate(file, max(before.st_size, len(content)))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert load("images", pets, cache=tmp_path / "cache").train.images[0, 0, 0].tolist() == [
        0,
        255,
        0,
    ]


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("train/cat/loop", "train/cat"),
        ("train/cat/loop", "train"),
        ("train/cat/deep/loop", "."),
        ("train/loop", "train"),
        ("train/loop", "."),
        ("loop", "."),
    ],
)
def test_loops_of_links_end(pets: Path, link: str, target: str):
    (pets / link).parent.mkdir(exist_ok=True)
    (pets / link).symlink_to(pets / target, target_is_directory=True)
    dataset, said = read(pets)
    assert (dataset.classes, len(dataset.train.labels), said) == (("cat", "dog"), 3, [])


def test_two_links_to_one_folder_are_read_once_in_a_class(pets: Path):
    for name in ("x", "y"):
        (pets / "train/cat" / name).symlink_to(pets / "train/dog", target_is_directory=True)
    assert load("images", pets).train.labels.tolist() == [0, 0, 0, 1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
@pytest.mark.parametrize("name", ["train/cat/0.png", "train/0.png", "0.png", "train.parquet"])
def test_a_fifo_is_not_opened(pets: Path, name: str):
    os.mkfifo(pets / name)
    dataset, _ = read(pets)
    assert len(dataset.train.labels) == 3


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
@pytest.mark.parametrize("name", ["x.npz", "x"])
def test_a_fifo_is_no_dataset(tmp_path: Path, name: str):
    os.mkfifo(tmp_path / name)
    with pytest.raises(ValueError, match="is neither a file nor a folder"):
        load("images", tmp_path / name)


@pytest.mark.parametrize(("white", "said"), [(4095, True), (2**15, False)])
def test_images_of_16_bits_that_use_fewer_are_named(tmp_path: Path, white: int, said: bool):
    """Of 12 bits 4 are left."""
    for split in ("train", "test"):
        for kind, grey in (("a", white), ("b", 0)):
            path = tmp_path / split / kind / "0.png"
            path.parent.mkdir(parents=True)
            Image.fromarray(np.full((4, 4), grey, np.uint16)).save(path)
    dataset, _ = read(tmp_path)
    brightest = [note for note in dataset.notes if "its brightest pixel is 16 of 255; wh" in note]
    assert len(brightest) == said
