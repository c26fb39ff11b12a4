"""Notices: what was done to somebody's data, or could not be kept or used, in one line each."""

from __future__ import annotations

import warnings

from prune_env.text import sentence

_usual = warnings.formatwarning
_said: dict[str | tuple[str, type[Warning], int], int] = {}


class Notice(UserWarning):
    """Nothing is wrong, but whoever reads the numbers has to know it."""


class DataNotice(Notice):
    """What was done to the data. Whoever begins many runs on the same data says it for them all."""


def say(text: str, kind: type[Notice] = Notice) -> None:
    """Warn once in a process, by one line without a place in the code: the cause is elsewhere."""
    warnings.warn_explicit(sentence(text), kind, "data", 0, module="notices", registry=_said)


def as_lines() -> None:
    """Let this process print notices as a command does, without a place in the code."""
    warnings.formatwarning = _line


def _line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    if issubclass(category, Notice):
        return f"prune-env: {message}\n"
    return _usual(message, category, filename, lineno, line)
