"""Frozen features: what the heads of the probe rung are trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.data import npz
from prune_env.data.dataset import digest_of
from prune_env.data.labels import matched, read_labels

ASSETS = files("prune_env.learners.probe") / "assets"


@dataclass(frozen=True)
class Features:
    """Feature vectors with labels. Arms and the validation split are carved from `train`."""

    train: NDArray[np.floating]
    """(N, F), any float type."""
    train_labels: NDArray[np.integer]
    """(N,) in [0, C). Numbers that no training sample has are left out: 2 and 5 become 0 and 1."""
    test: NDArray[np.floating]
    """(T, F)."""
    test_labels: NDArray[np.integer]
    """(T,)."""
    num_classes: int = field(init=False)
    """C."""

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            vectors, labels = getattr(self, part), getattr(self, f"{part}_labels")
            if vectors.ndim != 2 or labels.shape != (len(vectors),):
                raise ValueError(
                    f"{part} has shape {vectors.shape} and its labels {labels.shape}; "
                    "expected (N, F) and (N,)"
                )
            if not np.isfinite(vectors).all():
                raise ValueError(f"{part} has values that are NaN or infinite; expected none")
        parts = {
            part: read_labels(getattr(self, f"{part}_labels"), None, f"{part}_labels")
            for part in ("train", "test")
        }
        classes, train, test = matched(parts["train"], parts["test"], "features")
        object.__setattr__(self, "num_classes", len(classes))
        object.__setattr__(self, "train_labels", train)
        object.__setattr__(self, "test_labels", test)
        if self.train.shape[1] != self.test.shape[1]:
            raise ValueError(
                f"train has {self.train.shape[1]} features and test {self.test.shape[1]}"
            )

    @property
    def digest(self) -> str:
        """12 hex digits of vectors and labels."""
        return digest_of(self.train, self.train_labels, self.test, self.test_labels)


def find_features(source: str | Path | Features | Mapping[str, Any]) -> Features:
    """Features by name, file or array.

    Args:
        source: "cifar10", 64 features of 14,000 images that ship with the package, labelled by a
            head so that a head can learn them, 72 % as CIFAR-10 is (made, and why, by
            benchmarks/speed/make_probe_features.py); "digits", the pixels of scikit-learn's
            digits; an .npz file, or a dict, with the fields of `Features`; or those themselves.

    Raises:
        ValueError: the arrays do not fit together.
        FileNotFoundError: neither a known name nor a file.
    """
    if isinstance(source, Features):
        return source
    if isinstance(source, Mapping):
        return Features(**{name: np.asarray(array) for name, array in source.items()})
    if source == "digits":
        return _digits()
    if source == "cifar10":
        with as_file(ASSETS / "cifar10_features.npz") as path:
            return _read(path)
    if not Path(source).is_file():
        raise FileNotFoundError(
            f'features is {str(source)!r}; allowed are "cifar10", "digits" and an .npz file'
        )
    return _read(Path(source))


def _read(path: Path) -> Features:
    names = ("train", "train_labels", "test", "test_labels")
    try:
        return Features(**npz.read(path, names))
    except ValueError as error:
        raise error if str(path) in str(error) else ValueError(f"{path}: {error}") from error


def _digits() -> Features:
    """Pixels, centred and scaled by one number, so that they stay comparable."""
    from prune_env.data import load

    images = load("digits")
    flat = [part.images.reshape(len(part.labels), -1) for part in (images.train, images.test)]
    mean, scale = flat[0].mean(axis=0), flat[0].std()
    train, test = (((pixels - mean) / scale).astype(np.float32) for pixels in flat)
    return Features(train, images.train.labels, test, images.test.labels)
