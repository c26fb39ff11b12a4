"""Features: what is known of each arm, and of a whole run, as small standardised numbers.

Pure functions that the wrappers share with agents which were trained through those wrappers. All
take the observation of M runs side by side, entries (M, N) or (M, 1), with `READS` in it.

What an observation does not hold, such as the moving average of a loss, is in a memory: a dict of
(M, N) arrays that `begin` makes and `remember` brings up to date, once after each round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.checks import names as names_of
from prune_env.core.generators import Rng, gumbel, of_runs
from prune_env.core.moving_averages import UNSEEN, ema, ema_variance
from prune_env.lookup import known

Floats = NDArray[np.float32]
Observation = Mapping[str, Floats]
Memory = dict[str, NDArray[Any]]

READS = (
    *("loss", "confidence", "margin", "correct", "seen", "age", "pulls", "label"),
    *("progress", "budget_left", "val_loss", "val_accuracy"),
)
"""Entries of the observation that these functions read."""

FEATURES = (
    *("loss", "loss_ema", "loss_variance", "margin", "confidence"),
    *("age", "pulls", "forgetting", "rarity", "noise"),
)
"""What `feature` knows of an arm. Four of them are no entry of an observation:

loss_ema       moving average of the loss, the last one weighing `ALPHA`, nats
loss_variance  moving variance about it, nats squared
forgetting     how often the arm was right when observed and wrong at the next observation
rarity         -log of the share of arms that are of its class
noise          fresh standard Gumbel noise: the K highest of w * x + noise are K draws without
               replacement with probabilities softmax(w * x)
"""

RUN_FEATURES = ("progress", "val_accuracy")
"""Entries of the observation that `stack` repeats for each arm."""

STACKED = (*(name for name in FEATURES if name != "noise"), *RUN_FEATURES)
"""What a policy for single arms is shown by default."""

ALPHA = 0.3
"""Weight of the newest loss in `loss_ema` and `loss_variance`."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SUMMARY = (
    *("progress", "budget_left", "val_loss", "val_accuracy", "seen", "seen_loss"),
    *(f"{name}_q{round(100 * q)}" for name in FEATURES[:8] for q in QUANTILES),
    *(f"class_{name}_{q}" for name in ("loss", "correct", "seen") for q in ("min", "mid", "max")),
)
"""Entries of `summary`, in order. Losses are in units of log C, counts as log(1 + count) / 3."""

BOUND = 10.0
"""Entries of `summary` and `stack` are clipped to plus and minus this."""

SUMMARY_ARMS = 4096
"""Quantiles are of about so many arms, evenly spaced: a sample is enough, and cheaper."""


def fresh_memory(num_runs: int, num_arms: int) -> Memory:
    """The memory of M runs before their first observation."""
    shape = (num_runs, num_arms)
    names = ("loss_ema", "loss_variance", "forgetting")
    memory: Memory = {name: np.zeros(shape, np.float32) for name in names}
    return memory | {"observed": np.zeros(shape, np.int32), "was_correct": np.zeros(shape, bool)}


def remember(memory: Memory, observation: Observation) -> None:
    """Bring the memory up to date, in place, with the observation after a round or a reset.

    Up to its first measurement an arm's average is the guess that the observation holds.
    """
    seen, loss = observation["seen"] > 0, observation["loss"]
    correct = observation["correct"] > 0
    memory["observed"] += seen
    first = memory["observed"] <= 1
    mean = np.where(first, UNSEEN, memory["loss_ema"])
    memory["loss_variance"][...] = ema_variance(memory["loss_variance"], mean, loss, ALPHA, seen)
    memory["loss_ema"][...] = ema(mean, loss, ALPHA, seen | first)
    memory["forgetting"] += seen & memory["was_correct"] & ~correct
    np.copyto(memory["was_correct"], correct, where=seen)


def feature(name: str, memory: Memory, observation: Observation, rng: Rng) -> Floats:
    """(M, N) float32: one of `FEATURES` as it is, not standardised."""
    if name == "noise":
        return np.asarray(gumbel(rng, observation["seen"].shape), np.float32)
    if name == "rarity":
        labels = observation["label"][0].astype(np.int64)
        share = np.bincount(labels) / len(labels)
        rarity = -np.log(share[labels]).astype(np.float32)
        return np.broadcast_to(rarity, observation["seen"].shape)
    return memory[name] if name in memory else observation[name]


def standardise(values: Floats) -> Floats:
    """Each row of (M, N) to mean 0 and standard deviation 1; a constant row to 0."""
    mean, std = values.mean(axis=1, keepdims=True), values.std(axis=1, keepdims=True)
    constant = values.max(axis=1, keepdims=True) == values.min(axis=1, keepdims=True)
    return np.where(constant, 0, (values - mean) / np.where(std > 0, std, 1)).astype(np.float32)


def linear_scores(weights: Floats, memory: Memory, observation: Observation, rng: Rng) -> Floats:
    """(M, N) float32: the weighted sum of the `FEATURES`, standardised except noise.

    weights: (M, F). Ties are broken at random: uniform noise below 1e-6 is added.
    """
    scores = 1e-6 * rng.random(observation["seen"].shape, np.float32)
    for name, weight in zip(FEATURES, weights.T, strict=True):
        runs = np.flatnonzero(weight)
        if name == "noise" and len(runs):  # only those draw that would draw alone
            size = (len(runs), scores.shape[1])
            noise = gumbel(of_runs(rng, runs), size).astype(np.float32)
            scores[runs] += weight[runs, None] * noise
        elif len(runs):
            scores += weight[:, None] * standardise(feature(name, memory, observation, rng))
    return scores


def stacked(names: Sequence[str]) -> tuple[str, ...]:
    """The names of features to `stack`, checked.

    Raises:
        ValueError: one that there is not, or none at all.
    """
    if not (listed := names_of("names", names)):
        raise ValueError("names is empty; at least one is needed")
    for name in listed:
        known("feature", name, (*FEATURES, *RUN_FEATURES))
    return listed


def stack(names: Sequence[str], memory: Memory, observation: Observation, rng: Rng) -> Floats:
    """(M, N, F) float32 within plus and minus `BOUND`: these features, standardised except noise.

    `RUN_FEATURES` are repeated for each arm, as they are.
    """
    shape = observation["seen"].shape
    columns = [
        np.broadcast_to(observation[name], shape)
        if name in RUN_FEATURES
        else feature(name, memory, observation, rng)
        for name in names
    ]
    as_is = {"noise", *RUN_FEATURES}
    standard = [
        column if name in as_is else standardise(column)
        for name, column in zip(names, columns, strict=True)
    ]
    return np.stack(standard, axis=2).clip(-BOUND, BOUND)


def summary(memory: Memory, observation: Observation) -> Floats:
    """(M, len(SUMMARY)) float32 within plus and minus `BOUND`; the same size for any N, C."""
    labels = observation["label"].astype(np.int64)
    num_classes = max(2, int(labels.max()) + 1)
    nats = np.log(num_classes)
    loss, seen = observation["loss"] / nats, observation["seen"]
    num_seen = seen.sum(axis=1)
    run = [
        observation["progress"][:, 0],
        np.log1p(observation["budget_left"][:, 0]) / 3,
        observation["val_loss"][:, 0] / nats,
        observation["val_accuracy"][:, 0],
        num_seen / seen.shape[1],
        np.where(num_seen > 0, (loss * seen).sum(axis=1) / np.maximum(num_seen, 1), 1),
    ]
    arms = slice(None, None, max(1, seen.shape[1] // SUMMARY_ARMS))
    units = {"loss": nats, "loss_ema": nats, "loss_variance": nats**2}
    columns = []
    for name in FEATURES[:8]:
        column = (memory[name] if name in memory else observation[name])[:, arms]
        counted = name in ("age", "pulls", "forgetting")
        columns.append(np.log1p(column) / 3 if counted else column / units.get(name, 1))
    ordered = np.sort(np.stack(columns, axis=1), axis=2)
    places = np.round(np.array(QUANTILES) * (ordered.shape[2] - 1)).astype(np.int64)
    quantiles = ordered[:, :, places].reshape(len(seen), -1)
    classes = [
        np.quantile(_class_means(values, labels, num_classes), (0, 0.5, 1), axis=1).T
        for values in (loss, observation["correct"], seen)
    ]
    everything = np.concatenate([np.stack(run, axis=1), quantiles, *classes], axis=1)
    return everything.clip(-BOUND, BOUND).astype(np.float32)


def _class_means(values: Floats, labels: NDArray[np.int64], num_classes: int) -> NDArray[Any]:
    """(M, C): the mean over the arms of each class, 0 for a class without arms."""
    num_runs = len(labels)
    cells = (labels + num_classes * np.arange(num_runs)[:, None]).reshape(-1)
    size = num_runs * num_classes
    counts = np.bincount(cells, minlength=size)
    sums = np.bincount(cells, values.reshape(-1), minlength=size)
    return (sums / np.maximum(counts, 1)).reshape(num_runs, num_classes)
