"""Dirty data, made on purpose: wrong labels and a long tail, of the arms and of nothing else.

Validation and test stay clean, so that accuracies say what was learned. Dirt is part of the data,
drawn by streams of its own and not by the seed of a run: all agents and all seeds meet the same
wrong labels, so that runs are paired, and what several runs say of an arm is about one label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from prune_env.checks import In, check
from prune_env.data.balance import shuffled_by_class
from prune_env.data.dataset import split_validation

WHICH_ARMS, WHICH_LABELS = (2111, 0), (2111, 1)
"""Seeds of the two streams: who stays in the tail, who is mislabelled and as what."""


@dataclass(frozen=True)
class Dirt:
    """What is made worse of the arms. Checked when made."""

    label_noise: Annotated[float, In("[0, 1)")] = 0.0
    """share of the arms that get a wrong label, every other class as likely; nobody tells the
    agent which"""
    imbalance: Annotated[float, In("[1, inf)")] = 1.0
    """a long tail: of so many of its arms the last class keeps one, the first keeps all, and those
    in between fall geometrically"""

    def __post_init__(self) -> None:
        check(self)


CLEAN = Dirt()


@dataclass(frozen=True)
class Arms:
    """N arms and a validation split, as positions in a training split."""

    positions: NDArray[np.int64]
    """(N,) ascending."""
    labels: NDArray[np.int64]
    """(N,) what training is told."""
    true_labels: NDArray[np.int64] | None
    """(N,) what they were before the noise; None without noise, since then nobody knows better."""
    validation: NDArray[np.int64]
    """(V,) ascending."""


def draw_arms(labels: NDArray[np.int64], num_validation: int | None, dirt: Dirt) -> Arms:
    """Divide a training split into arms and validation, see `split_validation`; then the dirt.

    Args:
        labels: (S,) of the training split.
        num_validation: samples of the validation split; a tenth if None.
        dirt: first the tail, then the noise on what it leaves.
    """
    classes = int(labels.max()) + 1
    arms, validation = split_validation(labels, num_validation)
    positions = arms[long_tail(labels[arms], classes, dirt.imbalance)]
    told, noise = labels[positions], dirt.label_noise
    return Arms(
        positions,
        mislabelled(told, classes, noise) if noise else told,
        told if noise else None,
        validation,
    )


def long_tail(labels: NDArray[np.int64], classes: int, imbalance: float) -> NDArray[np.int64]:
    """Which samples a long tail leaves, ascending: (K,) int64.

    Of its n samples class c, of C, keeps round(n / imbalance^(c / (C - 1))), but at least one. A
    stronger imbalance leaves a part of what a weaker one does.

    >>> long_tail(np.repeat([0, 1, 2], 9), 3, 9.0)[9:]  # of 9, 9 and 9 stay 9, 3 and 1
    array([ 9, 11, 17, 22])
    """
    if imbalance == 1:
        return np.arange(len(labels))
    share = imbalance ** (-np.arange(classes) / (classes - 1))
    keeps = np.maximum(1, np.rint(share * np.bincount(labels, minlength=classes)))
    by_class, turn = shuffled_by_class(labels, np.random.default_rng(WHICH_ARMS))
    return np.sort(by_class[turn < keeps[labels[by_class]]])


def mislabelled(labels: NDArray[np.int64], classes: int, share: float) -> NDArray[np.int64]:
    """(N,) the labels, of which round(share N) are another class, each other one as likely.

    A greater share has the wrong labels of a smaller one and more.

    >>> mislabelled(np.zeros(10, np.int64), 3, 0.2)
    array([0, 1, 0, 0, 0, 0, 0, 0, 1, 0])
    """
    rng = np.random.default_rng(WHICH_LABELS)
    shift = rng.integers(1, classes, len(labels))
    wrong = rng.permutation(len(labels))[: round(share * len(labels))]
    told = labels.copy()
    told[wrong] = (told[wrong] + shift[wrong]) % classes
    return told
