"""Presets: boards by name. A preset is a YAML file of options of `prune-env board`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prune_env.files import read_yaml
from prune_env.lookup import known

FOLDER = Path(__file__).parent / "presets"


def names() -> list[str]:
    """The presets that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read(name: str) -> dict[str, Any]:
    """The options that a preset sets.

    Raises:
        ValueError: there is no such preset.
    """
    return read_yaml(FOLDER / f"{known('preset', name, names())}.yaml")
