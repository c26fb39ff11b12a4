"""Signals: the one table of what an observation can show, and what each entry is worth and costs.

A new signal is a row here and a measurement by who measures it; spaces, clipping, start values,
costs and `prune_env.SIGNALS` follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

LOSS_MAX = 100.0
"""Losses in observations, rewards and infos are clipped to this many nats, so all are finite."""

FEATURE_MAX = 1e6
"""Features are clipped to this, so that the sum of their squares is finite in float32."""

COUNT_MAX = 2.0**24
"""Up to here float32 holds every whole number; the bound of ages and counts."""

FORWARD, TRAIN = 1, 3
"""What a sample costs in passes: a forward pass 1, a backward pass 2, so training on it 3."""

Floating = TypeVar("Floating", bound=np.floating)
Source = Literal["pass", "extra", "table", "run"]
"""Who knows a signal:

pass    the training pass itself, at no cost: a column of a learner's table
extra   a learner that is asked for it and can measure it
table   the table of arms, which counts
run     the run as a whole: one value, not one an arm
"""


@dataclass(frozen=True)
class Signal:
    """One entry of the observation. With p = softmax(logits) and y the label of a sample."""

    name: str
    source: Source
    low: float
    high: float
    start: Callable[[int], float] | None = None
    """Given C classes, its value before anything is measured; None: 0, or what the run decides."""
    worst: Literal["low", "high"] = "low"
    """Which bound a value counts as that is no number, as of a diverged network."""
    price: int = 0
    """Forward passes that it adds for each sample it is measured of; of validation, at each
    evaluation."""
    on_request: bool = False
    """Whether it is shown only where `signals=` names it."""

    def at_start(self, num_classes: int) -> float:
        """Its value before anything is measured, given C classes: that of a uniform guess."""
        return 0.0 if self.start is None else self.start(num_classes)

    def finite(self, values: NDArray[Floating]) -> NDArray[Floating]:
        """The values within the bounds; what is no number counts as the worst that can be seen.

        Those themselves where all are: to look takes half of what it takes to clip.
        """
        if values.size and values.min() >= self.low and values.max() <= self.high:
            return values
        finite = np.clip(values, self.low, self.high)
        if (no_number := np.isnan(finite)).any():
            finite[no_number] = self.high if self.worst == "high" else self.low
        return finite


def _guess(num_classes: int) -> float:
    return 1 / num_classes


def _guess_loss(num_classes: int) -> float:
    return float(np.log(num_classes))


def _guess_error_norm(num_classes: int) -> float:
    return float(np.sqrt(1 - 1 / num_classes))


_ROOT_2 = float(np.float32(np.sqrt(2)))

TABLE = (
    # -log p[y] in nats, before the update, without label smoothing and without weight
    Signal("loss", "pass", 0.0, LOSS_MAX, _guess_loss, "high"),
    # p[y]
    Signal("confidence", "pass", 0.0, 1.0, _guess),
    # p[y] - max over j != y of p[j]
    Signal("margin", "pass", -1.0, 1.0),
    # 1 where argmax of the logits is y, else 0
    Signal("correct", "pass", 0.0, 1.0),
    # the 2-norm of p - onehot(y): EL2N of this pass (arXiv 2107.07075)
    Signal("error_norm", "pass", 0.0, _ROOT_2, _guess_error_norm, "high"),
    # 1 where the arm was observed in the last round
    Signal("seen", "table", 0.0, 1.0),
    # rounds since it was last observed
    Signal("age", "table", 0.0, COUNT_MAX),
    # rounds in which it was kept
    Signal("pulls", "table", 0.0, COUNT_MAX),
    # its class
    Signal("label", "table", 0.0, COUNT_MAX, on_request=True),
    # the loss under a moving average of the network's weights, on the very same images
    Signal("reference_loss", "extra", 0.0, LOSS_MAX, _guess_loss, "high", FORWARD, on_request=True),
    # (D,) what goes into the last linear layer
    Signal("features", "extra", -FEATURE_MAX, FEATURE_MAX, on_request=True),
    # share of the run that is over
    Signal("progress", "run", 0.0, 1.0),
    # epochs of the whole data still paid for
    Signal("budget_left", "run", 0.0, COUNT_MAX),
    # nats, on the validation split, last measured
    Signal("val_loss", "run", 0.0, LOSS_MAX, _guess_loss, "high", FORWARD),
    # in [0, 1], likewise
    Signal("val_accuracy", "run", 0.0, 1.0, _guess, "low", FORWARD),
)
"""Every signal, in the order in which an observation shows them."""

SIGNALS: dict[str, Signal] = {signal.name: signal for signal in TABLE}
"""The same by their names."""


def names(*sources: Source) -> tuple[str, ...]:
    """The names of the signals that these sources know, in the order of the table."""
    return tuple(signal.name for signal in TABLE if signal.source in sources)


MEASURED = names("pass")
"""The columns of a learner's table, in order."""

EXTRAS = names("extra")
"""What some learners can measure beside those, where they are asked to."""

VALIDATION = tuple(s.name for s in TABLE if s.source == "run" and s.price)
"""Those that only an evaluation of the validation split tells."""

USUAL = tuple(signal.name for signal in TABLE if not signal.on_request)
"""What an observation shows where nothing else is asked for."""

FREE = tuple(s.name for s in TABLE if not s.price and s.source != "extra" and s.name != "seen")
"""Entries beside `seen` that cost no pass and that every environment has."""


def write_columns(table: Any, **values: Any) -> None:
    """Write a learner's table by the names of its columns.

    Args:
        table: (..., len(MEASURED)) float32, an array or a tensor, written.
        values: (...) each, one for every name of `MEASURED`.
    """
    for position, name in enumerate(MEASURED):
        table[..., position] = values[name]


def column(table: Any, name: str) -> Any:
    """One column of a learner's table, by its name: a view."""
    return table[..., MEASURED.index(name)]
