"""What is written is whole, what is read is what was written, or refused by its name."""

from __future__ import annotations

import errno
import os
import stat
import zipfile
from pathlib import Path

import pytest

from prune_env import files
from prune_env.files import Damaged


def test_a_sealed_file_is_read_as_it_was_written(tmp_path: Path):
    with files.replacing(tmp_path / "a.bin", sealed=True) as temporary:
        temporary.write_bytes(b"content")
    assert files.read_sealed(tmp_path / "a.bin") == b"content"
    files.verify(tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes().startswith(b"content")


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_every_flipped_bit_and_every_truncation_is_noticed(tmp_path: Path, size: int):
    path = tmp_path / "a.bin"
    with files.replacing(path, sealed=True) as temporary:
        temporary.write_bytes(bytes(size))
    whole = path.read_bytes()
    places = {0, size // 2, size, len(whole) - 1}
    flipped = [whole[:i] + bytes([whole[i] ^ 4]) + whole[i + 1 :] for i in sorted(places)]
    for damaged in (*flipped, whole[:-1], whole[: size // 2], b"", whole + b"x"):
        path.write_bytes(damaged)
        for read in (files.verify, files.read_sealed):
            with pytest.raises(Damaged, match=r"a\.bin is damaged"):
                read(path)


def test_json_with_a_changed_digit_is_refused_and_without_a_checksum_read(tmp_path: Path):
    path = tmp_path / "r.json"
    content = {"accuracy": 0.8125, "text": "é ∞", "many": [1, 2.5, None], "nested": {"b": 1}}
    files.write_json(path, content)
    assert files.read_json(path) == content
    path.write_bytes(path.read_bytes().replace(b"0.8125", b"0.8135"))
    with pytest.raises(Damaged, match=r"r\.json is damaged"):
        files.read_json(path)
    path.write_text('{"accuracy": 0.5}', encoding="utf-8")
    assert files.read_json(path) == {"accuracy": 0.5}


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe", b"", b"[" * 100_000, b"nul"])
def test_what_is_no_json_object_is_one_line_with_its_name(tmp_path: Path, content: bytes):
    path = tmp_path / "r.json"
    path.write_bytes(content)
    with pytest.raises(Damaged, match=r"r\.json is .*") as caught:
        files.read_json(path, "a result")
    assert "\n" not in str(caught.value)


def test_aliases_in_yaml_are_read_and_bombs_of_them_refused(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_text("x: &x {a: 1}\ny: {<<: *x, b: 2}\n", encoding="utf-8")
    assert files.read_yaml(path) == {"x": {"a": 1}, "y": {"a": 1, "b": 2}}
    lines = ["l0: &l0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"l{i}: &l{i} [{', '.join(10 * [f'*l{i - 1}'])}]" for i in range(1, 9)]
    for bomb in ("\n".join(lines), "a: &a [*a]", "a: [", "[" * 5_000, "- 1: :2\n  x"):
        path.write_text(bomb, encoding="utf-8")
        with pytest.raises(Damaged, match=r"a\.yaml (has over|is not YAML)") as caught:
            files.read_yaml(path)
        assert "\n" not in str(caught.value)


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(OSError, match="full"), files.replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half", encoding="utf-8")
        raise OSError("disk full")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert files.read_text(path) == "old"


def test_whatever_is_wrong_with_a_zip_is_said_by_its_name(tmp_path: Path):
    path = tmp_path / "a.zip"
    for content in (b"", b"PK\x05\x06" + bytes(16) + b"\x01\x00", b"PK" * 40):
        path.write_bytes(content)
        with (
            pytest.raises(Damaged, match=r"a\.zip is not a parcel: "),
            files.opened_zip(path, "a parcel") as archive,
        ):
            archive.read("nothing")
    with pytest.raises(FileNotFoundError), files.opened_zip(tmp_path / "none", "a parcel"):
        pass


def test_a_damaged_zip_is_not_quoted_at_length(tmp_path: Path):
    """Zipfile tells both names of a file that has two; a flipped bit made one 1,000 bytes long."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("name", b"\x07" * 2_000)
    content = bytearray(path.read_bytes())
    content[27] = 4  # the length of the name in front of its content: 4 and 1,024 more
    path.write_bytes(content)
    with pytest.raises(Damaged, match="header") as told, files.opened_zip(path, "it") as archive:
        archive.read("name")
    assert str(told.value).startswith(f"{path} is not it: File name in directory")
    assert len(str(told.value)) < 700


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"a": ' + "1" * 5_000 + "}"])
def test_what_is_no_json_is_named_in_one_line(tmp_path, text):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(files.Damaged, match=r"a\.json is not JSON \(.*; expected") as error:
        files.read_json(tmp_path / "a.json")
    assert len(str(error.value)) < 500
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_who_may_read_a_file_is_what_the_umask_says(tmp_path: Path, umask: int, mode: int):
    before = os.umask(umask)
    try:
        files.write_json(tmp_path / "a.json", {})
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == mode


def test_what_is_replaced_keeps_its_links_and_who_may_read_it(tmp_path: Path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    files.write_text(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    files.write_text(tmp_path / f"{'n' * 245}.txt", "a long name")


def test_json_has_room_for_its_checksum(tmp_path: Path):
    with pytest.raises(ValueError, match="cannot have an entry 'checksum'"):
        files.write_json(tmp_path / "a.json", {"checksum": "abc"})


def test_waiting_for_a_disk_can_be_given_up():
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    tries = iter([False, False, True])
    with pytest.warns(match="waiting for the disk"), pytest.raises(OSError, match="No space"):
        files.patiently(full, pause=0.0, until=lambda: next(tries))
    assert not list(tries)


def test_an_error_of_the_disk_names_the_file_that_was_meant(tmp_path: Path):
    def write():
        with files.replacing(tmp_path / "a.txt") as temporary:
            raise OSError(errno.ENOSPC, "No space left on device", str(temporary))

    with pytest.raises(OSError, match=r"/a\.txt'$"):
        write()
