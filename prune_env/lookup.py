"""Names that are not there: one answer for agents, rewards, networks, environments and options."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

LIKE, SLACK = 0.6, 0.15
"""From this ratio of `difflib` on, 1 being the same, two names are near; by how much less than the
likeliest another may be."""

FEW = 24
"""So many names are listed where there are no more."""


def near(name: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Of these names those that may be meant, the likeliest first, each once."""
    likeness = {other: _likeness(name, other) for other in names}
    least = max(LIKE, max(likeness.values(), default=0.0) - SLACK)
    like = [other for other in likeness if likeness[other] >= least]
    best = sorted(like, key=lambda other: -likeness[other])[:most]
    return best[:1] if best and likeness[best[0]] == 1 else best


def unknown(what: str, name: object, names: Iterable[str], more: str = "") -> str:
    """The message for a name that is not there.

    Args:
        what: is not there: "agent", "option of agent 'ucb'".
        name: what was given.
        names: those that there are, in the order in which they are worth reading.
        more: what else may be named, or where to read on.

    Returns:
        "unknown agent 'ucbb' (did you mean ucb?)", and all names where they are few.
    """
    names = list(dict.fromkeys(names))
    close = near(str(name), names)
    parts = [f"unknown {what} {name!r}" + (f" (did you mean {' or '.join(close)}?)" * bool(close))]
    if len(names) <= FEW:
        parts.append(f"allowed are {', '.join(names)}")
    return "; ".join([*parts, more] if more else parts)


def _likeness(one: str, other: str) -> float:
    """How alike two names are, in [0, 1]: the whole ones, or what follows their last slash."""
    one, other = (text.lower().replace("-", "_") for text in (one, other))
    if min(len(one), len(other)) / max(len(one), len(other), 1) < LIKE / 3:
        return 0.0  # cheap; networks have a thousand names
    ends = one.rpartition("/")[2], other.rpartition("/")[2]
    return max(SequenceMatcher(None, *pair).ratio() for pair in ((one, other), ends))
