"""`prune-env`, and `python -m prune_bench` as torchrun starts it."""

from __future__ import annotations

import signal


def main() -> None:
    """Import the command and run it; Ctrl-C before it listens ends it as it ends any program."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from prune_bench.commands import main as command

    command.main()


if __name__ == "__main__":
    main()
