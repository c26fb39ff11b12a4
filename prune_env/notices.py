"""Notices: what was done to somebody's data, or could not be kept or used, in one line each.

They are warnings. What else a library tells goes through `logging`: the logger `prune_env.training`
says what a run of one's own has saved, on the standard output unless it is told otherwise, and
`prune_env.files`, at DEBUG, which files are written and read.
"""

from __future__ import annotations

import logging
import os
import sys
import sysconfig
import warnings
from functools import cache
from types import FrameType
from typing import TextIO

from prune_env.lookup import unknown
from prune_env.text import sentence

LEVELS = ("debug", "info", "warning", "error")
"""What the variable PRUNE_ENV_LOG may say."""

OURS = ("prune_env", "prune_agents", "prune_bench")
_usual = warnings.formatwarning
_said: dict[str | tuple[str, type[Warning], int], int] = {}


class Notice(UserWarning):
    """Nothing is wrong, but whoever reads the numbers has to know it."""


class DataNotice(Notice):
    """What was done to the data. Whoever begins many runs on the same data says it for them all."""


def say(text: str, kind: type[Notice] = Notice) -> None:
    """Warn, at the line of somebody's program that led here; there usually once."""
    file, line = _line_of_program()
    warnings.warn_explicit(sentence(text), kind, file, line, module="notices", registry=_said)


def _line_of_program() -> tuple[str, int]:
    """The innermost line that is neither of this project nor of an installed package."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in OURS and not frame.f_code.co_filename.startswith(_installed()):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return "prune-env", 0


@cache
def _installed() -> tuple[str, ...]:
    """How the files of Python itself and of packages begin."""
    return ("<frozen ", *map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib")))


class _OnScreen(logging.StreamHandler[TextIO]):
    """Writes to what is the standard output by then, as `print` does."""

    @property
    def stream(self) -> TextIO:
        return sys.stdout

    @stream.setter
    def stream(self, stream: TextIO) -> None: ...


def told_on_screen(name: str) -> logging.Logger:
    """A logger whose records from INFO on are shown as they are.

    They go no further, so that none is shown twice; `propagate` and `handlers` are the user's to
    set.
    """
    logger = logging.getLogger(name)
    if not logger.handlers:
        logger.addHandler(_OnScreen())
        logger.setLevel(logging.INFO)
        logger.propagate = False
    return logger


def log_to_stderr() -> None:
    """Let this process write its log to the standard error, if PRUNE_ENV_LOG says from which level.

    Raises:
        ValueError: it says something else.
    """
    level = os.environ.get("PRUNE_ENV_LOG", "").lower()
    if level and level not in LEVELS:
        raise ValueError(unknown("level in PRUNE_ENV_LOG", level, LEVELS))
    if level:
        line = "%(asctime)s %(process)d %(name)s: %(message)s"
        logging.basicConfig(level=level.upper(), format=line)


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
