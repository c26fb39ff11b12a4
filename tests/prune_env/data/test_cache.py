"""The cache holds whole entries only: whoever is killed, damages one, or writes at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from prune_env.data import Dataset, Split, cache
from prune_env.data.cache import cache_folder, cached
from prune_env.notices import DataNotice

KEY = {"made": "up"}

WRITER = """
import pathlib, sys, time
import numpy as np
from prune_env.data import Dataset, Split, cache

def build():
    split = Split(np.full((2, 1, 1, 1), 7, np.uint8), np.array([0, 1]))
    return Dataset("pets", ("cat", "dog"), split, split)

{before}
print(cache.cached({{"made": "up"}}, build, pathlib.Path(sys.argv[1])).train.images.tolist())
"""


def write_in_a_process(cache: Path, before: str = "") -> subprocess.Popen:
    code = WRITER.format(before=before)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(cache)], stdout=subprocess.PIPE, text=True
    )


def build() -> Dataset:
    split = Split(np.full((2, 1, 1, 1), 7, np.uint8), np.array([0, 1]))
    return Dataset("pets", ("cat", "dog"), split, split)


def never() -> Dataset:
    raise AssertionError("this is in the cache")


def test_built_once(tmp_path: Path):
    cached(KEY, build, tmp_path)
    dataset = cached(KEY, never, tmp_path)
    assert (dataset.name, dataset.classes) == ("pets", ("cat", "dog"))
    assert dataset.test.images.tolist() == [[[[7]]], [[[7]]]]
    assert dataset.train.labels.tolist() == [0, 1]
    assert isinstance(dataset.train.images, np.memmap)
    assert not dataset.train.images.flags.writeable


def test_rows_of_what_was_named_are_kept_or_not_there(tmp_path: Path):
    def divided() -> Dataset:
        whole = build().train
        part = whole.part(np.array([1, 0])).part(np.array([0]))
        return Dataset("pets", ("cat", "dog"), whole, part)

    for _ in range(2):
        dataset = cached(KEY, divided, tmp_path)
        assert dataset.train.rows is None
        assert dataset.test.rows.tolist() == [1]


def test_another_key_is_another_entry(tmp_path: Path):
    cached(KEY, build, tmp_path)
    with pytest.raises(AssertionError, match="this is in the cache"):
        cached({"made": "down"}, never, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("kept", [0, 60, 129])
@pytest.mark.parametrize("file", ["train_images.npy", "test_labels.npy", "dataset.json"])
def test_damaged_entry_is_built_again(tmp_path: Path, file: str, kept: int):
    cached(KEY, build, tmp_path)
    (path,) = tmp_path.glob(f"*/{file}")
    whole = path.read_bytes()
    path.write_bytes(whole[: min(kept, len(whole) - 1)])
    assert cached(KEY, build, tmp_path).train.images.tolist() == [[[[7]]], [[[7]]]]
    assert path.read_bytes() == whole


def test_killed_writer_leaves_no_entry(tmp_path: Path):
    before = "import os; np.save = lambda file, array: file.write(b'half') and os._exit(9)"
    assert write_in_a_process(tmp_path, before).wait() == 9
    assert [path.name[:8] for path in tmp_path.iterdir()] == ["writing-"]
    assert cached(KEY, build, tmp_path).train.labels.tolist() == [0, 1]
    assert [path.name[:8] == "writing-" for path in tmp_path.iterdir()] == [False]


def test_a_writer_that_lives_is_left_alone(tmp_path: Path):
    with cache._writing(tmp_path) as folder:
        cached(KEY, build, tmp_path)
        assert folder.is_dir()
    assert not folder.exists()


@pytest.mark.parametrize("file", ["train_images.npy", "test_labels.npy", "dataset.json"])
def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path, file: str):
    cached(KEY, build, tmp_path)
    (path,) = tmp_path.glob(f"*/{file}")
    whole = path.read_bytes()
    for place in range(0, len(whole), 23):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        dataset = cached(KEY, build, tmp_path)
        assert dataset.test.labels.tolist() == [0, 1]
        assert dataset.train.images.tolist() == [[[[7]]], [[[7]]]]
        assert path.read_bytes() == whole


def test_an_entry_or_a_file_of_another_data_set_is_not_used(tmp_path: Path):
    def other() -> Dataset:
        split = Split(np.full((2, 1, 1, 1), 9, np.uint8), np.array([1, 0]))
        return Dataset("pets", ("cat", "dog"), split, split)

    cached(KEY, build, tmp_path)
    (entry,) = tmp_path.iterdir()
    cached({"made": "down"}, other, tmp_path)
    (foreign,) = set(tmp_path.iterdir()) - {entry}
    shutil.copy(foreign / "train_images.npy", entry)
    assert cached(KEY, build, tmp_path).train.images.max() == 7
    shutil.rmtree(entry)
    foreign.rename(entry)
    assert cached(KEY, build, tmp_path).train.labels.tolist() == [0, 1]


def test_processes_that_heal_one_entry_agree(tmp_path: Path):
    """All find it damaged, each builds, one is first: nobody removes what another has made."""
    cached(KEY, build, tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob("*/train_images.npy")
    path.write_bytes(path.read_bytes()[:-1])
    before = f"""
def build(build=build, meeting=pathlib.Path({str(tmp_path)!r})):
    (meeting / f"waiting-{{time.perf_counter_ns()}}").touch()
    while len(list(meeting.glob("waiting-*"))) < 4:
        time.sleep(0.001)
    return build()
"""
    writers = [write_in_a_process(tmp_path / "cache", before) for _ in range(4)]
    assert [writer.communicate()[0] for writer in writers] == ["[[[[7]]], [[[7]]]]\n"] * 4
    assert [writer.returncode for writer in writers] == [0] * 4
    assert list((tmp_path / "cache").iterdir()) == [path.parent]
    cached(KEY, never, tmp_path / "cache")


@pytest.mark.parametrize("harm", ["a file", "full"])
def test_a_cache_that_cannot_be_written_is_said_and_done_without(
    tmp_path: Path, harm: str, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "cache"
    if harm == "a file":
        folder.touch()
    else:

        def full(*arguments: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(np, "save", full)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(2):
            assert cached(KEY, build, folder).train.labels.tolist() == [0, 1]
    assert [warning.category for warning in said] == [DataNotice]
    assert f"{folder} keeps no decoded images" in str(said[0].message)
    assert folder.is_file() or list(folder.iterdir()) == []


def test_processes_that_write_at_once_agree(tmp_path: Path):
    # each waits until all of them are building
    before = """
def build(build=build, cache=pathlib.Path(sys.argv[1])):
    (cache / f"waiting-{time.perf_counter_ns()}").touch()
    while len(list(cache.glob("waiting-*"))) < 3:
        time.sleep(0.001)
    return build()
"""
    writers = [write_in_a_process(tmp_path, before) for _ in range(3)]
    assert [writer.communicate()[0] for writer in writers] == ["[[[[7]]], [[[7]]]]\n"] * 3
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


@pytest.mark.parametrize(
    ("argument", "variables", "expected"),
    [
        ("/a", {"PRUNE_ENV_CACHE": "/b", "XDG_CACHE_HOME": "/c"}, "/a"),
        (None, {"PRUNE_ENV_CACHE": "/b", "XDG_CACHE_HOME": "/c"}, "/b"),
        (None, {"PRUNE_ENV_CACHE": "", "XDG_CACHE_HOME": "/c"}, "/c/prune_env"),
        (None, {"HOME": "/d"}, "/d/.cache/prune_env"),
    ],
)
def test_cache_folder(
    argument: str | None, variables: dict, expected: str, monkeypatch: pytest.MonkeyPatch
):
    for name in ("PRUNE_ENV_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder(argument) == Path(expected)


def test_a_user_without_a_home_keeps_nothing(monkeypatch: pytest.MonkeyPatch):
    for name in ("PRUNE_ENV_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert cache_folder() is None
    with pytest.warns(UserWarning, match="this user has no home; PRUNE_ENV_CACHE names one"):
        assert cached({}, lambda: "decoded", cache_folder()) == "decoded"  # type: ignore[arg-type]
    monkeypatch.setenv("PRUNE_ENV_CACHE", "~nosuch/c")
    with pytest.raises(FileNotFoundError, match="~nosuch/c: ~ stands for no folder here"):
        cache_folder()
