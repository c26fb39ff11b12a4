"""A submission: a board in one file, a zip of its JSON files and its board.yaml.

    submission.json     {"submission": 1, "digest": ..., "files": {name: SHA-256}}
    board.yaml
    runs/NAME.json      failed/NAME.json

The digest is that of the names and checksums, so equal boards have equal ones. Nothing in it is
unpickled or imported, and what is read has bounds.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from prune_env.files import Damaged, opened_zip, replacing

FORMAT = 1
"""Version of a submission."""

MANIFEST = "submission.json"
NAME = re.compile(r"(board\.yaml|(runs|failed)/[\w.+-]{1,200}\.json)", re.ASCII)
"""The files of a board; none leads out of its folder."""

MOST_FILES, MOST_BYTES = 50_000, 1 << 30
"""Of a submission when it is unpacked."""


def pack(folder: Path, names: Iterable[str]) -> tuple[bytes, str]:
    """A submission and its digest, 64 hex digits; the same bytes whenever it is made again.

    Args:
        folder: of a board.
        names: of files in it.
    """
    contents = {name: (folder / name).read_bytes() for name in sorted(names)}
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    digest = _digest(files)
    manifest = {"submission": FORMAT, "digest": digest, "files": files}
    contents = {MANIFEST: (json.dumps(manifest, indent=1) + "\n").encode()} | contents
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, content)
    return packed.getvalue(), digest


def write(path: Path, packed: bytes) -> None:
    """Write a submission so that it is whole or not there."""
    with replacing(path) as temporary:
        temporary.write_bytes(packed)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The folder of a board: of a submission, unpacked until the end of the block, or as it is.

    Raises:
        Damaged: the file is no submission, or not as it was written.
        OSError: it cannot be read.
    """
    if path.is_dir():
        yield path
        return
    contents = read(path)
    with tempfile.TemporaryDirectory(prefix="prune-env-") as folder:
        for name, content in contents.items():
            place = Path(folder, name)
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(content)
        yield Path(folder)


def read(path: Path) -> dict[str, bytes]:
    """The files of a submission by their names, as its digest says that they are.

    Raises:
        Damaged: it is no submission, or not as it was written; the message says what is wrong.
        OSError: it cannot be read.
    """
    with opened_zip(path, "a submission") as archive:
        contents = dict(_entries(archive))
    if wrong := _misfit(contents):
        raise Damaged(f"{path} is not a submission: {wrong}")
    del contents[MANIFEST]
    return contents


def _entries(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """The entries of a zip, no more of them and no larger than allowed."""
    entries, left = archive.infolist(), MOST_BYTES
    if len(entries) > MOST_FILES or len({entry.filename for entry in entries}) < len(entries):
        raise ValueError(f"it has {len(entries)} files; allowed are {MOST_FILES}, each once")
    for entry in entries:
        if entry.filename != MANIFEST and not NAME.fullmatch(entry.filename):
            raise ValueError(f"it has a file {entry.filename!r}, which no board has")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{entry.filename} is compressed in a way that is not read")
        with archive.open(entry) as file:
            content = file.read(left + 1)
        left -= len(content)
        if left < 0:
            raise ValueError(f"it is larger than {MOST_BYTES:,} bytes when it is unpacked")
        yield entry.filename, content


def _misfit(contents: dict[str, bytes]) -> str:
    """What is wrong with the files of a submission, in words, or ""."""
    if not {MANIFEST, "board.yaml"} <= contents.keys():
        return f"it has no {MANIFEST} or no board.yaml"
    try:
        manifest: Any = json.loads(contents[MANIFEST])
    except (ValueError, RecursionError) as error:
        return f"its {MANIFEST} is not JSON ({error})"
    if not isinstance(manifest, dict) or manifest.get("submission") != FORMAT:
        return f"its {MANIFEST} is not of format {FORMAT}"
    files = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in contents.items()
        if name != MANIFEST
    }
    if manifest.get("files") != files or manifest.get("digest") != _digest(files):
        return "its files are not those that its digest is of"
    return ""


def _digest(files: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
