"""Files .npz: the one reader of arrays that others have written.

No more is read than was asked for, nothing is unpickled, and what a file declares is compared with
what is in it before memory is taken: a header of some bytes can declare terabytes.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.data.memory import check_fits, check_unpacked
from prune_env.files import Damaged, opened_zip


def read(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The arrays of these names in an .npz file. Nothing is unpickled, nothing else is read.

    Raises:
        Damaged: one is missing, is not what the file declares, or is a bomb.
    """
    kind = f"a whole .npz file with the arrays {', '.join(names)}"
    with opened_zip(path, kind) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        missing = [name for name in names if name not in members]
        if not missing:
            check_fits(sum(members[name].file_size for name in names), "it")
            for name in names:
                _check_member(archive, members[name])
            return {name: _array(archive, members[name]) for name in names}
    has = ", ".join(members) or "nothing"
    raise Damaged(f"{path} has no {', '.join(missing)}; it has {has}")


def names(path: Path) -> list[str]:
    """The names of the arrays in an .npz file.

    Raises:
        Damaged: it is no such file, or its directory is not that of the arrays in it.
        OSError: it cannot be read.
    """
    with opened_zip(path, "a whole .npz file") as archive:
        for member in archive.infolist():
            archive.open(member).close()  # compares the names; nobody may ask for this array
            if member.comment:  # a damaged length of one hides the entries behind it
                raise ValueError(f"{member.filename} has a comment, which numpy does not write")
        return [name.removesuffix(".npy") for name in archive.namelist()]


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuse an array that is not of the size that the archive says, before room is made for it."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename} is compressed in a way that numpy does not write")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read_header(file)
        size = member.file_size - file.tell()
    if dtype.hasobject:
        raise ValueError(
            f"{member.filename} holds Python objects, which are not read; write texts as "
            "array.astype(str), numbers as array.astype(float)"
        )
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"{member.filename} declares {dtype} of shape {shape} in {size} bytes")
    check_unpacked(member.file_size, member.compress_size, member.filename)


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
