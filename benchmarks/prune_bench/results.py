"""A folder of results: one JSON file a run, named by what determines the run.

A file is written under a temporary name and renamed, so it is whole or not there. A folder can be
copied, merged with another and put in git.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prune_bench.runner import SCHEMA, RunOptions


def run_id(options: RunOptions) -> str:
    """A name for a run: the same exactly where its options are the same.

    They determine the run on one kind of machine and one data set. An agent in a folder is named by
    that folder: what is trained anew needs a new one.
    """
    text = json.dumps({"schema": SCHEMA, **asdict(options)}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    agent = "".join(c if c.isalnum() or c in "_-" else "-" for c in options.agent)
    return f"{agent}-k{options.keep_ratio:g}-s{options.seed}-{digest}"


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file so that it is whole or not there."""
    write_text(path, json.dumps(content, indent=1, sort_keys=True) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file so that it is whole or not there."""
    with replacing(path) as temporary:
        temporary.write_text(text)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name to write to; it becomes `path` at the end of the `with` block.

    What was written is on the disk by then, so a power cut leaves a whole file too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_results(folder: Path) -> Iterator[dict[str, Any]]:
    """All results in a folder, in the order of their names.

    Raises:
        ValueError: a file is not a result of this schema; the message names it.
    """
    for path in sorted((folder / "runs").glob("*.json")):
        try:
            result = json.loads(path.read_text())
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} is not JSON ({error}); expected a result") from error
        if not isinstance(result, dict) or result.get("schema") != SCHEMA:
            raise ValueError(f"{path} is not a result of schema {SCHEMA}")
        yield result | {"id": path.stem}


def without_times(result: Any) -> Any:
    """What a result says whatever the machine: the same for every run of one id."""
    if isinstance(result, dict):
        return {
            name: without_times(value)
            for name, value in result.items()
            if name != "place" and "seconds" not in name
        }
    return [without_times(value) for value in result] if isinstance(result, list) else result
