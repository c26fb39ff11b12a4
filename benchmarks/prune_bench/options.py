"""Option types that several commands share."""

from __future__ import annotations

import json
from typing import Annotated, Any

import tyro


def parse_pairs(words: list[str]) -> dict[str, Any]:
    """["c=1.0", "name=x"] -> {"c": 1.0, "name": "x"}; values are read as JSON where they are JSON.

    Raises:
        ValueError: a word without "=".
    """
    pairs: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise ValueError(f"{word!r} is not of the form key=value")
        try:
            pairs[key] = json.loads(value)
        except json.JSONDecodeError:
            pairs[key] = value
    return pairs


Pairs = Annotated[
    dict[str, Any],
    tyro.constructors.PrimitiveConstructorSpec(
        nargs="*",
        metavar="[KEY=VALUE ...]",
        instance_from_str=parse_pairs,
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=lambda pairs: [f"{k}={json.dumps(v)}" for k, v in pairs.items()],
    ),
]
"""A dict on the command line: `--agent-options c=1.0 alpha=0.5`."""
