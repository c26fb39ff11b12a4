"""What the tests of faults did, counted: `make test-faults` prints it at its end."""

from __future__ import annotations

from collections import Counter

DONE: Counter[str] = Counter()
"""How often something was done to the project, by what it was, and what was lost by it."""


def count(what: str, times: int = 1) -> None:
    """Note that something was done so often; 0 shows that it was looked for."""
    DONE[what] += times
