"""`prune-env`, and `python -m prune_bench` as torchrun starts it."""

from __future__ import annotations

import os
import signal
import sys

NARROWEST = 20
"""Columns below which COLUMNS is no width to print in."""


def main() -> None:
    """Import the command and run it; Ctrl-C before it listens ends it as it ends any program."""
    settle()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from prune_bench.commands import main as command

    command.main()


def settle() -> None:
    """Put right what a shell may have left: closed streams, and a width in which nothing fits."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:  # what is opened next would take its number
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
    width = os.environ.get("COLUMNS", "")
    if width.isdecimal() and int(width) < NARROWEST:
        del os.environ["COLUMNS"]


if __name__ == "__main__":
    main()
