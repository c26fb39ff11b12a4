"""A board in one file: the same bytes for the same board, and nothing else is read from one."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest
from prune_bench.submission import archive

from prune_env.files import Damaged

FILES = {"board.yaml": b"grids: []\n", "runs/a-k1-s0.json": b"{}", "failed/b.json": b"[]"}


@pytest.fixture
def board(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / "board" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "board"


def test_it_holds_the_files_as_they_are(board, tmp_path):
    packed, digest = archive.pack(board, FILES)
    path = tmp_path / "a.zip"
    archive.write(path, packed)
    assert archive.read(path) == FILES
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    assert digest == hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()
    with archive.opened(path) as folder:
        assert {n: (folder / n).read_bytes() for n in FILES} == FILES
    assert not folder.exists()
    with archive.opened(board) as folder:
        assert folder == board


def test_it_is_the_same_whenever_it_is_made(board):
    first = archive.pack(board, FILES)
    (board / "board.yaml").touch()
    assert archive.pack(board, reversed(FILES)) == first
    (board / "runs/a-k1-s0.json").write_bytes(b"{ }")
    assert archive.pack(board, FILES)[1] != first[1]


def zipped(*entries, compression=zipfile.ZIP_DEFLATED):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as file:
        for name, content in entries:
            file.writestr(name, content)
    return made.getvalue()


def manifest(files, **more):
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    digest = hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()
    return json.dumps({"submission": 1, "digest": digest, "files": sums} | more).encode()


GOOD = (("submission.json", manifest(FILES)), *FILES.items())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "File is not a zip file"),
        (b"\x80\x04pickle", "File is not a zip file"),
        (zipped(*GOOD)[:-30], "File is not a zip file"),
        (zipped(*GOOD, ("../evil.py", b"")), "it has a file '../evil.py', which no board has"),
        (zipped(*GOOD, ("/etc/x", b"")), "it has a file '/etc/x'"),
        (zipped(*GOOD, ("runs/x.py", b"")), "it has a file 'runs/x.py'"),
        (zipped(*GOOD, ("runs/../../x.json", b"")), "it has a file 'runs/../../x.json'"),
        (zipped(*GOOD, ("work/a.pt", b"")), "it has a file 'work/a.pt'"),
        (zipped(*GOOD, ("runs/c.json", b"")), "its files are not those that its digest is of"),
        (zipped(*GOOD[:-1]), "its files are not those that its digest is of"),
        (zipped(*GOOD[1:]), "it has no submission.json"),
        (zipped(GOOD[0]), "or no board.yaml"),
        (zipped(("submission.json", b"[1"), *GOOD[1:]), "its submission.json is not JSON"),
        (zipped(("submission.json", b"\xff"), *GOOD[1:]), "its submission.json is not JSON"),
        (zipped(("submission.json", b"[1]"), *GOOD[1:]), "is not of format 1"),
        (zipped(("submission.json", manifest(FILES, submission=2)), *GOOD[1:]), "of format 1"),
        (zipped(("submission.json", manifest(FILES, digest="0")), *GOOD[1:]), "its digest is of"),
        (zipped(*GOOD, compression=zipfile.ZIP_LZMA), "compressed in a way that is not read"),
    ],
)
def test_what_is_none_is_refused(tmp_path, content, said):
    path = tmp_path / "odd.zip"
    path.write_bytes(content)
    with pytest.raises(Damaged) as error:
        archive.read(path)
    assert str(error.value).startswith(f"{path} is not a submission: ")
    assert said in str(error.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_is_there_once(tmp_path):
    path = tmp_path / "odd.zip"
    path.write_bytes(zipped(*GOOD, GOOD[1]))
    with pytest.raises(Damaged, match="it has 5 files; allowed are 50000, each once"):
        archive.read(path)


def test_what_grows_when_it_is_unpacked_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 100_000)
    path = tmp_path / "bomb.zip"
    path.write_bytes(zipped(("runs/a.json", bytes(10_000_000))))
    assert path.stat().st_size < 20_000
    with pytest.raises(Damaged, match="larger than 100,000 bytes when it is unpacked"):
        archive.read(path)


def test_a_flipped_byte_is_found(board, tmp_path):
    packed, _ = archive.pack(board, FILES)
    place = packed.index(b"board.yaml", packed.index(b"PK\x03\x04", 40)) + len("board.yaml") + 3
    path = tmp_path / "flipped.zip"
    path.write_bytes(packed[:place] + bytes([packed[place] ^ 1]) + packed[place + 1 :])
    with pytest.raises(Damaged):
        archive.read(path)


def test_what_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        archive.read(tmp_path / "none.zip")
