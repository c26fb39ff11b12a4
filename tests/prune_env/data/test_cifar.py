"""CIFAR as torchvision downloads it: a made-up archive on a server of our own."""

from __future__ import annotations

import hashlib
import http.server
import io
import pickle
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from prune_env.data import load
from prune_env.data.cifar import FOLDERS

ARCHIVE = "cifar-10-python.tar.gz"
BATCHES = ("data_batch_1", "data_batch_2", "test_batch")
NAMES = [f"class {number}" for number in range(10)]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def batch(number: int) -> bytes:
    """Pickle ten images, one of each class; all the red of batch n is n, green 100, blue 200."""
    planes = np.repeat(np.array([number, 100, 200], np.uint8), 32 * 32)
    return pickle.dumps({"data": np.tile(planes, (10, 1)), "labels": list(range(10))})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve a tiny CIFAR-10 whose checksums torchvision has been told."""
    from torchvision.datasets import CIFAR10

    files = {name: batch(number) for number, name in enumerate(BATCHES)}
    files["batches.meta"] = pickle.dumps({"label_names": NAMES})
    folder = tmp_path / "server"
    folder.mkdir()
    with tarfile.open(folder / ARCHIVE, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    sums = [[name, md5(files[name])] for name in BATCHES]
    meta = {**CIFAR10.meta, "md5": md5(files["batches.meta"])}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as up:
        threading.Thread(target=up.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(CIFAR10, "url", f"http://127.0.0.1:{up.server_port}/{ARCHIVE}")
        monkeypatch.setattr(CIFAR10, "tgz_md5", md5((folder / ARCHIVE).read_bytes()))
        monkeypatch.setattr(CIFAR10, "train_list", sums[:2])
        monkeypatch.setattr(CIFAR10, "test_list", sums[2:])
        monkeypatch.setattr(CIFAR10, "meta", meta)
        yield folder
        up.shutdown()


def test_download_once(server: Path, tmp_path: Path):
    dataset = load("cifar10", cache=tmp_path / "cache")
    assert dataset.name == "cifar10"
    assert dataset.classes == tuple(NAMES)
    assert dataset.train.images.shape == (20, 32, 32, 3)
    assert dataset.train.images[[0, 10], 5, 7].tolist() == [[0, 100, 200], [1, 100, 200]]
    assert dataset.train.labels.tolist() == [*range(10), *range(10)]
    assert dataset.test.images[3, 31, 31].tolist() == [2, 100, 200]
    (server / ARCHIVE).unlink()
    assert load("cifar10", cache=tmp_path / "cache").train.images.shape == (20, 32, 32, 3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda archive: archive[: len(archive) // 2],
        lambda archive: archive[:100] + b"x" + archive[101:],
        lambda archive: b"",
        lambda archive: b"<html>moved</html>",
    ],
    ids=["truncated", "tampered", "empty", "foreign"],
)
def test_spoilt_archive_is_refused(server: Path, tmp_path: Path, spoil):
    whole = (server / ARCHIVE).read_bytes()
    (server / ARCHIVE).write_bytes(spoil(whole))
    with pytest.raises(ValueError, match=rf"{ARCHIVE} from http.*truncated or changed"):
        load("cifar10", cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    (server / ARCHIVE).write_bytes(whole)  # the next try starts afresh
    assert len(load("cifar10", cache=tmp_path / "cache").classes) == 10


def test_no_server(server: Path, tmp_path: Path):
    (server / ARCHIVE).unlink()
    with pytest.raises(OSError, match=r"cifar10 could not be downloaded from http.*data="):
        load("cifar10", cache=tmp_path / "cache")


def test_folders_are_torchvisions():
    from torchvision.datasets import CIFAR10, CIFAR100

    assert {"cifar10": CIFAR10.base_folder, "cifar100": CIFAR100.base_folder} == FOLDERS


@pytest.fixture
def unpacked(server: Path, tmp_path: Path) -> Path:
    """Unpack the archive as torchvision, or a user, would have done."""
    with tarfile.open(server / ARCHIVE) as archive:
        archive.extractall(tmp_path / "data", filter="data")
    return tmp_path / "data"


@pytest.mark.parametrize("name", ["cifar10", "images"])
def test_folder_in_torchvisions_layout(unpacked: Path, tmp_path: Path, name: str):
    dataset = load(name, unpacked, cache=tmp_path / "cache")
    assert dataset.name == "cifar10"
    assert dataset.train.images[10, 5, 7].tolist() == [1, 100, 200]


@pytest.mark.parametrize("harm", ["", "renamed", "linked"])
@pytest.mark.parametrize("name", ["cifar10", "images"])
def test_what_the_archive_unpacks_to_is_data_itself(
    unpacked: Path, tmp_path: Path, name: str, harm: str
):
    folder = unpacked / "cifar-10-batches-py"
    if harm == "renamed":
        folder = folder.rename(tmp_path / "batches")
    elif harm == "linked":
        (tmp_path / "link").symlink_to(folder, target_is_directory=True)
        folder = tmp_path / "link"
    dataset = load(name, folder, cache=tmp_path / "cache")
    assert (dataset.name, dataset.classes) == ("cifar10", tuple(NAMES))
    assert dataset.train.images[10, 5, 7].tolist() == [1, 100, 200]


@pytest.mark.parametrize("file", ["data_batch_2", "test_batch", "batches.meta"])
@pytest.mark.parametrize("harm", ["truncated", "missing"])
def test_spoilt_folder_is_refused(unpacked: Path, tmp_path: Path, file: str, harm: str):
    path = unpacked / "cifar-10-batches-py" / file
    content = path.read_bytes()
    path.unlink()
    if harm == "truncated":
        path.write_bytes(content[:-50])
    with pytest.raises(ValueError, match=rf"{file} is not torchvision's cifar10"):
        load("cifar10", unpacked, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
