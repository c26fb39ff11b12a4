"""Source: where a dataset comes from, and what tells whether a cached copy of it still holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prune_env.data.dataset import Dataset


@dataclass(frozen=True)
class Source:
    """A dataset that has been found and not yet been read."""

    name: str
    """What reports call it."""
    key: dict[str, Any] | None
    """JSON: everything that determines the arrays. None: reading is as fast as a cache."""
    read: Callable[[], Dataset]
    """Read and decode it; its name is then what errors call it, such as a path."""


def fingerprint(files: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Identify files without reading them: resolved path, size in bytes, time of change in ns."""
    resolved = sorted(file.resolve() for file in files)
    stats = [file.stat() for file in resolved]
    return [(str(f), s.st_size, s.st_mtime_ns) for f, s in zip(resolved, stats, strict=True)]


def need_hub_extra(what: str, missing: ImportError) -> ImportError:
    """Say which extra brings the library that is missing."""
    return ImportError(f'{what} needs {missing.name}: pip install "prune_env[hub]"')
