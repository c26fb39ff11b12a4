"""Memory: what this machine cannot hold is refused before it is read."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

BOMB = (1 << 28, 100)
"""Bytes, and times its packed size, above both of which data unpack to more than they can mean."""
UNKNOWN = 1 << 40
"""Bytes that are taken for granted where the system does not say."""


@cache
def total() -> int:
    """Bytes of memory that this process may have at most: the machine's, or its container's."""
    found = UNKNOWN
    with suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(ValueError, OSError):  # "max" where there is no limit
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")
        found = min(found, int(limit))
    return found


def check_fits(size: int, what: str, advice: str = "") -> None:
    """Refuse what is larger than all the memory.

    Args:
        size: bytes.
        what: whose they are, for the message.
        advice: what to do, for the message.

    Raises:
        ValueError: it does not fit.
    """
    if size > total():
        raise ValueError(
            f"{what} needs {size / 1e9:,.1f} GB, this machine has {total() / 1e9:,.1f}{advice}"
        )


def check_unpacked(size: int, packed: int, what: str) -> None:
    """Refuse what some bytes unpack to, if it does not fit or is a bomb.

    Args:
        size: bytes, unpacked.
        packed: bytes, as they are in the file.
        what: whose they are, for the message.

    Raises:
        ValueError: it does not fit, or images and arrays of that size are never packed so small.
    """
    check_fits(size, what)
    if size > BOMB[0] and size > BOMB[1] * packed:
        raise ValueError(f"{what} unpacks {packed:,} bytes to {size:,} or more")
