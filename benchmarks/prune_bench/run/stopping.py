"""Stopping: Ctrl-C, SIGTERM and a terminal that closes end a command with what it has.

Its exit status is what shells expect of the signal.

`Stopped` is raised wherever the main thread is. Where something must not be left half done, the
signal waits; a second one does not.

```python
with stopping.listening(), stopping.delayed():
    for part in work:
        do(part)
        if stopping.asked():
            break  # what is done is kept; `Stopped` is raised at the end of the block
```
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


def _known(*names: str) -> list[signal.Signals]:
    """Those of these signals that the system has."""
    return [signal.Signals[name] for name in names if name in signal.Signals.__members__]


FROM_TERMINAL = _known("SIGINT", "SIGHUP")
"""What a terminal sends to every process in it: at Ctrl-C, and when it closes."""


class Stopped(SystemExit):
    """A signal asks this process to end; the exit status is 128 and the signal's number."""


_delays = 0
_waiting: int | None = None


def listen(*signals: signal.Signals) -> None:
    """Let these signals of this process raise `Stopped`; one that is ignored stays ignored."""
    for number in signals:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)


def listen_once(number: signal.Signals) -> None:
    """Let the first signal of this kind raise `Stopped`, and no other one disturb what follows.

    For a process whose parent asks it to end: a terminal may have asked all of its group before.
    """

    def on_first(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        _on_signal(number, frame)

    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, on_first)


@contextmanager
def listening() -> Iterator[None]:
    """Listen to the terminal and to SIGTERM while a command runs in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (*FROM_TERMINAL, signal.SIGTERM)}
    listen(*before)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def delayed() -> Iterator[None]:
    """Let the first signal wait until the end of the block."""
    global _delays
    _delays += 1
    try:
        yield
    finally:
        _delays -= 1
        if asked() and not _delays:
            stop()


def asked() -> bool:
    """Whether a signal waits."""
    return _waiting is not None


def stop() -> None:
    """End now, by the signal that waits."""
    global _waiting
    number, _waiting = _waiting, None
    raise Stopped(128 + (number or 0))


def _on_signal(number: int, frame: FrameType | None) -> None:
    global _waiting
    first, _waiting = not asked(), number
    if not (first and _delays):
        stop()
