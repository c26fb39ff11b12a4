"""The Learner protocol: what the environment needs from the thing that is trained.

A learner holds M runs side by side (a real network holds one) over the same N arms. It never
knows an agent; it is given a Selection and answers with what the training pass itself measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from prune_env.core.selection import Selection
from prune_env.core.signals import EXTRAS, column

SplitName = Literal["validation", "test"]
Layers = Literal["last", "all"]


@dataclass(frozen=True)
class Signals:
    """What one pass measured of some arms."""

    indices: NDArray[np.int64]
    """(K,) int64: flat positions in the (M, N) arm table, each at most once, in any order."""
    table: NDArray[np.float32]
    """(K, len(MEASURED)) float32: row j belongs to indices[j]."""
    extras: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """(K,) or (K, D) float32 each: those of `EXTRAS` that the learner was asked for."""

    def of(self, name: str) -> NDArray[np.float32]:
        """One of `MEASURED`, (K,), or of the extras."""
        return self.extras[name] if name in EXTRAS else column(self.table, name)

    def mean_loss(self, counts: NDArray[np.int64], num_arms: int) -> NDArray[np.float64]:
        """(M,) the mean loss over the arms of each run; counts, (M,), says how many it has."""
        return np.bincount(self.indices // num_arms, self.of("loss"), len(counts)) / counts


@dataclass(frozen=True)
class Metrics:
    """How well each run does on a split that it does not train on."""

    loss: NDArray[np.float64]
    """(M,) float64: mean cross-entropy in nats; may be NaN or infinite for a diverged run."""
    accuracy: NDArray[np.float64]
    """(M,) float64 in [0, 1]."""


class Learner(Protocol):
    """M runs over N arms. Written for the environment; see `learners/network/learner.py`."""

    num_runs: int
    num_arms: int
    num_classes: int
    labels: NDArray[np.int64]
    """(N,) int64: the class of each arm."""
    num_validation: int
    """How many samples the validation split has: what an evaluation costs, in passes. With 0 there
    is none: it is never evaluated, and nothing may read it."""

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin M new runs; seeds[m] decides everything random in run m."""

    def train(
        self, selection: Selection, start: NDArray[np.float64], end: NDArray[np.float64]
    ) -> Signals:
        """Train one pass over the selected arms and return what that same pass measured.

        start, end: (M,) float64 in [0, 1], the fraction of the run at which the round begins and
        ends; learning-rate schedules follow it. The loss of a batch is the sum of weight * loss
        divided by the batch size.
        """

    def score(self, indices: NDArray[np.int64]) -> Signals:
        """Measure the arms at these flat positions by a forward pass, without training."""

    def evaluate(self, split: SplitName) -> Metrics:
        """Evaluate each run on "validation" or "test"."""

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue bit for bit: tensors and plain Python values, copied."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""


@runtime_checkable
class ParallelLearner(Learner, Protocol):
    """A learner whose runs can begin anew one by one; `PruneVectorEnv` needs that."""

    def reset_runs(self, runs: NDArray[np.int64], seeds: Sequence[int]) -> None:
        """Begin new runs in the slots `runs`, slot runs[j] from seeds[j]; the others go on.

        Run m must be the same, bit for bit, whatever happens in the other slots.
        """


@runtime_checkable
class Observant(Learner, Protocol):
    """A learner that can measure more of its arms than `MEASURED`."""

    extras: Mapping[str, tuple[int, ...]]
    """Which of `EXTRAS` it can measure: the name, and the shape of one arm's."""

    def measure_also(self, extras: Sequence[str]) -> None:
        """Measure these too, in `train` and `score`. Asked before a run begins or is restored."""


@runtime_checkable
class Informative(Protocol):
    """A learner that has something to say in `info`, such as a regret."""

    def infos(self) -> dict[str, NDArray[Any]]:
        """One (M,) array an entry, finite, about the last round; zeros before the first."""


@runtime_checkable
class Finisher(Protocol):
    """A learner of one run that has something to do once its last round is trained."""

    def finish(self) -> None:
        """The run is over: evaluations follow, and no more training."""


@runtime_checkable
class Sourced(Protocol):
    """A learner that knows which data it has."""

    digest: str
    """12 hex digits: the same exactly where the data are; see `prune_env.data.Dataset`"""


@runtime_checkable
class Closer(Learner, Protocol):
    """A learner of one run that can look closer at its arms, for prior runs. Nothing is trained."""

    def log_probabilities(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """(K, C): log-softmax of the logits, by a forward pass."""

    def features(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """(K, D): what goes into the last linear layer, by a forward pass."""

    def gradient_norms(self, indices: NDArray[np.int64], layers: Layers) -> NDArray[np.float32]:
        """(K,): 2-norm of the gradient of each arm's loss, without label smoothing.

        layers: "last" is by the last linear layer alone and costs a forward pass; "all" is by all
        parameters that are trained.
        """
