"""What `make test-gpu` writes: one file with the machine, every number, and what failed."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from prune_bench.run.provenance import commit, processor_name

from prune_env.files import write_json

FILE = Path("gpu-report.json")
PACKAGES = ("torch", "torchvision", "timm", "numpy", "prune_env")


def write(stats: Mapping[str, Iterable[Any]], path: Path = FILE) -> None:
    """Write what the reports of a session say, as pytest's terminal reporter has them."""
    reports = [
        report
        for kind in ("passed", "failed", "error", "skipped")
        for report in stats.get(kind, ())
        if isinstance(report, pytest.TestReport)
    ]
    write_json(path, {"machine": machine(), "tests": dict(map(_entry, reports))})


def _entry(report: pytest.TestReport) -> tuple[str, dict[str, Any]]:
    """The name of a test, how it ended and what it has recorded; why, unless it passed."""
    entry: dict[str, Any] = {"outcome": report.outcome, "seconds": round(report.duration, 3)}
    if report.outcome != "passed":
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longreprtext
        entry["why"] = reason[-2000:]
    numbers = {name: _plain(value) for name, value in report.user_properties}
    return report.nodeid.rpartition("/")[2], entry | numbers


def _plain(value: Any) -> Any:
    """A number that JSON has: what is not finite becomes a text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def machine() -> dict[str, Any]:
    """Hardware and versions."""
    found: dict[str, Any] = {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES if find_spec(name)},
        "commit": commit(),
        "cuda": torch.version.cuda,
        "hip": torch.version.hip,
        "cudnn": torch.backends.cudnn.version(),
        "tf32": {"matmul": torch.get_float32_matmul_precision(), "cudnn": _cudnn_tf32()},
        "gpus": [],
    }
    for device in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(device)
        found["gpus"].append(
            {
                "name": properties.name,
                "capability": [properties.major, properties.minor],
                "gib": round(properties.total_memory / 2**30, 1),
                "processors": properties.multi_processor_count,
            }
        )
    return found


def _cudnn_tf32() -> bool:
    return torch.backends.cudnn.allow_tf32
