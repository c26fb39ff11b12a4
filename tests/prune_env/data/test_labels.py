"""Labels are names: train and test are matched by them, and no class is there without samples."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import prune_env  # noqa: F401
from prune_env.data import load, npz
from prune_env.data.labels import joined, matched, read_labels
from prune_env.learners.probe.frozen_features import Features, find_features
from prune_env.learners.replay.trace import find_trace


def labels(values: list, noted: list[str] | None = None):
    return read_labels(np.array(values), noted, "here")


@pytest.mark.parametrize(
    ("train", "test", "classes", "train_ids", "test_ids"),
    [
        (labels([5, 2, 5]), labels([2]), ("2", "5"), [1, 0, 1], [0]),
        (labels([10, 9]), labels([10, 9]), ("9", "10"), [1, 0], [1, 0]),
        (labels([2**40, 0]), labels([0]), ("0", str(2**40)), [1, 0], [0]),
        (labels(["dog", "cat"]), labels(["dog"]), ("cat", "dog"), [1, 0], [1]),
        (
            labels([0, 1], ["cat", "dog"]),
            labels([0, 1], ["dog", "cat"]),
            ("cat", "dog"),
            [0, 1],
            [1, 0],
        ),
        (labels([0, 2], ["z", "y", "x"]), labels(["x"]), ("z", "x"), [0, 1], [1]),
    ],
    ids=["gaps", "by number", "2**40", "text", "other order", "named and text"],
)
def test_train_and_test_are_matched_by_name(train, test, classes, train_ids, test_ids):
    found = matched(train, test, "here")
    assert found[0] == classes
    assert (found[1].tolist(), found[2].tolist()) == (train_ids, test_ids)


@pytest.mark.parametrize(
    ("parts", "names", "ids"),
    [
        ([labels([9, 10]), labels([2, 10])], ("2", "9", "10"), [1, 2, 0, 2]),
        ([labels(["b"]), labels(["a", "b"])], ("a", "b"), [1, 0, 1]),
        ([labels([1], ["x", "y"]), labels([0, 1], ["y", "x"])], ("x", "y"), [1, 1, 0]),
        ([labels(["b"]), labels(np.array([], object))], ("b",), [0]),
        ([labels([3]), labels(np.array([], int))], ("3",), [0]),
    ],
)
def test_files_of_one_split_are_joined_by_name(parts, names, ids):
    found = joined(parts, "here")
    assert (found.names, found.ids.tolist()) == (names, ids)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: labels([0, -1]), "here holds -1, which is no class: allowed is 0 and above$"),
        (
            lambda: labels([-1, -1], ["a", "b"]),
            "; of a split whose labels are not published all are -1: leave its files out, and val",
        ),
        (lambda: labels([0.0]), "here is float64, allowed are integers and text"),
        (lambda: labels(["a", ""]), "here holds '' at 1, as of a label that is missing"),
        (
            lambda: labels(["a", "nan", "nan"]),
            "here holds 'nan' at 1, as of a label that is missing",
        ),
        (lambda: labels([2], ["a", "b"]), "here holds 2, but 2 names are noted: a, b"),
        (lambda: labels([0], ["a", "a"]), "here has two classes of the same name"),
        (lambda: joined([labels([0]), labels(["a"])], "here"), "files of integers and of text"),
        (
            lambda: matched(labels([0, 1]), labels([0], ["cat"]), "here"),
            r"without training samples: cat \(named integers\); train has 0, 1 \(integers\)",
        ),
    ],
)
def test_what_cannot_be_known_is_refused(make, message: str):
    with pytest.raises(ValueError, match=message):
        make()


PIXELS = np.arange(4 * 2 * 2, dtype=np.uint8).reshape(4, 2, 2)


def arrays(train: list, test: list) -> dict:
    return {
        "train_images": PIXELS,
        "train_labels": np.array(train),
        "test_images": PIXELS[: len(test)],
        "test_labels": np.array(test),
    }


@pytest.mark.parametrize(
    ("train", "test", "classes"),
    [
        ([7, 7, 2**40, 7], [2**40], ("7", str(2**40))),
        (["cat", "cat", "dog", "cat"], ["dog"], ("cat", "dog")),
    ],
)
def test_arrays_make_no_class_without_samples(tmp_path: Path, train, test, classes):
    np.savez(tmp_path / "a.npz", **arrays(train, test))
    dataset = load("images", tmp_path / "a.npz")
    assert dataset.classes == classes
    assert (dataset.train.labels.tolist(), dataset.test.labels.tolist()) == ([0, 0, 1, 0], [1])


def test_features_of_gaps_make_no_class_without_samples():
    vectors = np.eye(4, 3)
    features = Features(vectors, np.array([2**40, 3, 3, 3]), vectors[:1], np.array([3]))
    assert features.num_classes == 2
    assert (features.train_labels.tolist(), features.test_labels.tolist()) == ([1, 0, 0, 0], [0])


# Files that declare more than there is


def zipped(path: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in content.items():
            archive.writestr(f"{name}.npy", member)
    return path


def header(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    file = io.BytesIO()
    declared = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, declared)
    return file.getvalue()


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (
            header((2**50, 32, 32, 3)),
            r"declares uint8 of shape \(1125899906842624, 32.* in 0 bytes",
        ),
        (header((3,)) + bytes(2), r"declares uint8 of shape \(3,\) in 2 bytes"),
        (header((-1,)), r"declares uint8 of shape \(-1,\)"),
        (
            header((1,), "|O") + bytes(8),
            r"holds Python objects, .* write texts as array.astype\(str\)",
        ),
        (b"nothing of the kind", "magic string is not correct"),
        (header((1 << 20,)) + bytes(1 << 20), r"unpacks 1,\d+ bytes to 1,048,704"),
    ],
    ids=["huge", "short", "negative", "objects", "no array", "bomb"],
)
def test_an_npz_is_what_it_declares_or_is_refused(
    tmp_path: Path, member: bytes, message: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("prune_env.data.memory.BOMB", (1 << 19, 100))
    path = zipped(tmp_path / "x.npz", {"a": member, "b": header((1,)) + b"x"})
    assert npz.read(path, ["b"])["b"].tolist() == [120]
    with pytest.raises(ValueError, match=rf"x\.npz is not a whole .npz file.*{message}") as error:
        npz.read(path, ["a"])
    assert "\n" not in str(error.value)


def test_more_than_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("prune_env.data.memory.total", lambda: 1_000)
    np.savez(tmp_path / "x.npz", a=np.zeros(1_000, np.uint8))
    with pytest.raises(ValueError, match=r"x\.npz .*it needs 0\.0 GB"):
        npz.read(tmp_path / "x.npz", ["a"])


@pytest.mark.parametrize("read", [find_features, find_trace, lambda path: load("images", path)])
def test_every_reader_of_npz_names_the_file(tmp_path: Path, read):
    path = zipped(tmp_path / "x.npz", {"loss": header((2**50,)), "train": header((2**50,))})
    with pytest.raises(ValueError, match=r"x\.npz has no "):
        read(path)


def test_a_trace_of_too_many_classes_is_refused(tmp_path: Path):
    trace = find_trace("digits")
    fields = {name: getattr(trace, name) for name in trace.__dataclass_fields__}
    kept = {name: value for name, value in fields.items() if value is not None}
    for changed, message in (
        ({"num_classes": 2**40}, "num_classes is 1099511627776; allowed is 1 to 1,000,000"),
        ({"labels": trace.labels + 2**40}, "labels holds 1099511627776 to"),
    ):
        np.savez(tmp_path / "t.npz", **(kept | changed))
        with pytest.raises(ValueError, match=rf"t\.npz is no trace: {message}"):
            gym.make("prune_env/Replay-v0", trace=str(tmp_path / "t.npz"))


@pytest.mark.parametrize("values", [np.int64(1), np.zeros((2, 1), int), np.array("a")])
def test_labels_are_one_for_each_sample(values):
    with pytest.raises(ValueError, match=r"here has shape \(.*\); expected \(N,\): a label a"):
        read_labels(np.asarray(values), None, "here")
