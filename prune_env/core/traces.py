"""Traces: what prior runs have shown of every arm, round by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.data import npz
from prune_env.files import Damaged, replacing
from prune_env.text import number


@dataclass(frozen=True)
class Traces:
    """What R prior runs of P rounds have shown of N arms, and what that cost in all."""

    signals: Mapping[str, NDArray[np.float32]]
    """name -> (R, P, N) float32: the signals of `MEASURED` as the training pass of each round saw
    them, and the extras as they were after it"""
    passes: int
    """sample passes"""
    seconds: float
    """wall-clock, without evaluations"""
    cpu_seconds: float
    """the same in seconds of the processor"""
    labels: NDArray[np.int64]
    """(N,)"""
    features: NDArray[np.float32] | None = None
    """(R, N, D) what went into the last layer of the trained networks, where that was wanted"""
    trained: NDArray[np.bool_] | None = None
    """(R, N) the arms that each run has kept, where that was a half. The others look as before any
    measurement until the last round, which shows them under the trained network"""

    @staticmethod
    def join(runs: Sequence[Traces]) -> Traces:
        """Several recordings as one.

        Raises:
            ValueError: they have not recorded the same, or not of the same samples.
        """
        if len(kinds := dict.fromkeys(map(_recorded, runs))) > 1:
            raise ValueError(f"prior runs have recorded {', and '.join(kinds)}; expected the same")
        labels = runs[0].labels
        for run in runs:
            if different := int(np.count_nonzero(run.labels != labels)):
                raise ValueError(
                    f"prior runs have other labels of {number(different, 'sample')}; expected the "
                    "same samples in the same order"
                )

        def stack(arrays: list[Any]) -> Any:
            return None if arrays[0] is None else np.concatenate(arrays)

        return Traces(
            {name: np.concatenate([run.signals[name] for run in runs]) for name in runs[0].signals},
            sum(run.passes for run in runs),
            sum(run.seconds for run in runs),
            sum(run.cpu_seconds for run in runs),
            labels,
            stack([run.features for run in runs]),
            stack([run.trained for run in runs]),
        )

    def first(self, rounds: int) -> Traces:
        """The first so many rounds of each run, at the same cost: it has been paid."""
        return replace(self, signals={n: array[:, :rounds] for n, array in self.signals.items()})

    def of(self, arms: NDArray[np.integer]) -> Traces:
        """These arms, in this order, at the same cost."""

        def taken(array: NDArray[Any] | None) -> Any:
            return None if array is None else array[:, arms]

        return replace(
            self,
            signals={name: array[..., arms] for name, array in self.signals.items()},
            labels=self.labels[arms],
            features=taken(self.features),
            trained=taken(self.trained),
        )

    def save(self, path: str | Path) -> None:
        """Write an .npz file that `load` reads."""
        arrays = {f"{_SIGNALS}{name}": array for name, array in self.signals.items()}
        arrays |= {n: np.asarray(getattr(self, n)) for n in ("labels", *_COSTS)}
        arrays |= {n: found for n in _OPTIONAL if (found := getattr(self, n)) is not None}
        with replacing(Path(path)) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    @staticmethod
    def load(path: str | Path) -> Traces:
        """What `save` has written.

        Raises:
            Damaged: it is no such file.
            OSError: it cannot be read.
        """
        there = npz.names(Path(path))
        names = [name for name in there if name.startswith(_SIGNALS)]
        optional = [name for name in _OPTIONAL if name in there]
        arrays = npz.read(Path(path), [*names, "labels", *_COSTS, *optional])
        if wrong := _misfit(arrays, names):
            raise Damaged(f"{path} holds no traces: {wrong}")
        return Traces(
            signals={name.removeprefix(_SIGNALS): arrays[name] for name in names},
            passes=int(arrays["passes"]),
            seconds=float(arrays["seconds"]),
            cpu_seconds=float(arrays["cpu_seconds"]),
            labels=arrays["labels"],
            **{name: arrays[name] for name in optional},
        )


def _recorded(run: Traces) -> str:
    """What a recording has, in words."""
    _, rounds, num_arms = run.signals["loss"].shape
    more = [name for name in _OPTIONAL if getattr(run, name) is not None]
    return f"{', '.join(sorted([*run.signals, *more]))} of {num_arms} samples in {rounds} epochs"


_SIGNALS = "signals/"
_COSTS, _OPTIONAL = ("passes", "seconds", "cpu_seconds"), ("features", "trained")


def _misfit(arrays: Mapping[str, NDArray[Any]], signals: Sequence[str]) -> str:
    """What of the arrays of a file is no trace, in words, or ""."""
    if f"{_SIGNALS}loss" not in signals:
        return f"it has no {_SIGNALS}loss"
    runs = arrays[f"{_SIGNALS}loss"].shape
    if len(runs) != 3 or 0 in runs:
        return f"{_SIGNALS}loss has shape {runs}; expected runs x rounds x arms"
    (of_features,) = [found.shape[2:3] for n, found in arrays.items() if n == "features"] or [()]
    shapes: dict[str, tuple[tuple[int, ...], str]] = {
        **{name: (runs, "f") for name in signals},
        **{name: ((), "iuf") for name in _COSTS},
        "labels": (runs[2:], "iu"),
        "trained": (runs[::2], "b"),
        "features": ((*runs[::2], *of_features), "f"),
    }
    for name, array in arrays.items():
        shape, kinds = shapes[name]
        if array.shape != shape or array.dtype.kind not in kinds:
            return f"{name} is {array.dtype} of shape {array.shape}; expected shape {shape}"
        if name in _COSTS and not 0 <= float(array) < np.inf:
            return f"{name} is {array}; allowed is 0 or more"
    return ""
