"""Notices: what was done to somebody's data, or could not be kept, in one line each."""

from __future__ import annotations

import warnings

from prune_env.text import sentence

_said: dict[str | tuple[str, type[Warning], int], int] = {}


class Notice(UserWarning):
    """Nothing is wrong, but whoever reads the numbers has to know it."""


def say(text: str) -> None:
    """Warn once in a process, by one line without a place in the code: the cause is in the data."""
    warnings.warn_explicit(sentence(text), Notice, "data", 0, module="notices", registry=_said)
