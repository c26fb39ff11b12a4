"""Synthetic arms of known kinds: nothing is trained, everything is known, regret is exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.core.selection import Selection
from prune_env.core.signals import MEASURED, write_columns
from prune_env.learners.protocol import Metrics, Signals, SplitName
from prune_env.learners.synthetic.options import SyntheticOptions

_STATE = ("loss", "awake", "val_loss", "_seeds", "_round")
"""The arrays that a run consists of."""


class SyntheticLearner:
    """M runs over N arms whose losses follow formulas: a restless bandit whose optimum is known.

    ## The model
    Arm i has a kind k(i) and a difficulty d_i, log d_i ~ Normal(0, spread). In run m it has a true
    loss u_i, which begins at log C as that of a network that knows nothing, and is awake or asleep
    (a_i = 1 or 0; kinds that switch begin with half of their arms asleep). V is the true validation
    loss, at first log C too. In each round, with S the arms that are kept,

        measured     loss_i = u_i exp(noise e_i),  e_i ~ Normal(0, 1),  for the kept arms
        worth        g_i = worth_k learn_k u_i,  what keeping the arm would be worth now
        learning     u_i <- (1 - learn_k) u_i,  for the kept arms only
        validation   V <- floor + (V - floor) exp(-rate / N sum over S of g_i),  at most 2 log C
        switching    a_i <- 1 - a_i  with probability switch_k
        drift        u_i <- u_i + drift_k (level_i - u_i),
                     level_i = level_k d_i a_i (V / log C)^transfer_k

    A loss weight w makes learning (1 - learn_k)^w, and g_i the same multiple. With q = exp(-loss)
    as confidence, the rest of the probability is on one rival: margin = 2 q - 1. Accuracy on
    validation and test is exp(-V).

    ## What the kinds are for
    | kind | what it stands for | what tells it |
    |---|---|---|
    | always | hard, learned slowly, forgotten again | its loss is high and falls when trained |
    | sometimes | of use in some phases only | its loss comes and goes; a policy has to look again |
    | never | easy and redundant | its loss falls without training on it |
    | mislabelled | hurts | the highest loss of all, which rises as the network gets better |

    So who keeps the highest losses keeps the wrong labels first, who keeps the lowest wastes the
    round, and the loss alone does not tell an arm to learn from an arm to leave: how it answers to
    training does. With `kinds={"mislabelled": {"share": 0.0}}` a high loss is worth keeping, and
    what is left is a restless bandit.

    ## Regret
    `info["worth"]` is rate / N times the sum of g_i over the arms kept in this round,
    `info["best_worth"]` the same over the best arms of that number, and `info["regret"]` the sum of
    the differences since the run began: never negative, without noise, every weight taken as 1. It
    compares with the best choice of each round in the state that the run is in. That choice is
    also best for the whole run where nothing drifts (what is left to learn from an arm can only
    fall); where arms drift, giving up worth now could be repaid later, and regret does not count
    it.

    Everything random in a run follows from its seed and the round; none depends on what is kept.

    Args:
        options: the parameters.
        num_runs: M.
    """

    def __init__(self, options: SyntheticOptions, num_runs: int = 1) -> None:
        self.options, self.num_runs = options, num_runs
        self.num_arms, self.num_classes = options.num_arms, options.num_classes
        self.num_validation = options.num_validation
        self.labels = np.arange(self.num_arms, dtype=np.int64) % self.num_classes
        self.kind_names = list(options.all_kinds)

        def per_kind(name: str) -> NDArray[np.float32]:
            return np.array([getattr(k, name) for k in options.all_kinds.values()], np.float32)

        rng = np.random.default_rng(options.population)
        bounds = np.cumsum(per_kind("share")) / per_kind("share").sum() * self.num_arms
        kind = np.searchsorted(np.round(bounds), np.arange(self.num_arms), side="right")
        self.kind = rng.permutation(kind.astype(np.int8))
        """(N,) int8: the kind of each arm, a position in `kind_names`."""
        difficulty = np.exp(options.spread * rng.standard_normal(self.num_arms, np.float32))
        self._level = per_kind("level")[self.kind] * difficulty
        self._learn, self._worth, self._drift = map(per_kind, ("learn", "worth", "drift"))
        self._transfer = per_kind("transfer")
        self._switching = np.flatnonzero(per_kind("switch")[self.kind])
        self._switch = per_kind("switch")[self.kind[self._switching]]
        self._worth_of_a_nat = (self._worth * self._learn)[self.kind]

        self.loss = np.empty((num_runs, self.num_arms), np.float32)
        """(M, N) float32: the true loss of each arm, nats."""
        self.awake = np.empty((num_runs, self.num_arms), bool)
        """(M, N) bool: whether the arm is awake."""
        self.val_loss = np.empty(num_runs)
        """(M,) float64: the true validation loss, nats."""
        self._seeds, self._round = np.empty(num_runs, np.int64), np.empty(num_runs, np.int64)
        self._infos = {name: np.empty(num_runs) for name in ("worth", "best_worth", "regret")}
        self.reset(range(num_runs))

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin M new runs; seeds[m] decides everything random in run m."""
        self.reset_runs(np.arange(self.num_runs), seeds)

    def reset_runs(self, runs: NDArray[np.int64], seeds: Sequence[int]) -> None:
        """Begin new runs in some slots; the others go on."""
        self._seeds[runs], self._round[runs] = seeds, 0
        self.loss[runs] = self.val_loss[runs] = np.log(self.num_classes)
        self.awake[runs] = True
        for run in runs:
            asleep = self._rng(run, 0).random(len(self._switching), np.float32) < 0.5
            self.awake[run, self._switching[asleep]] = False
        for values in self._infos.values():
            values[runs] = 0

    def worth(self) -> NDArray[np.float32]:
        """(M, N) float32: what keeping each arm would be worth now, g in the formulas."""
        return self._worth_of_a_nat * self.loss

    def train(
        self, selection: Selection, start: NDArray[np.float64], end: NDArray[np.float64]
    ) -> Signals:
        """One round of the formulas above; `start` and `end` play no part."""
        self._round += 1
        signals = self._measure(selection.indices, stream=1)
        worth = self.worth()
        self._count_regret(selection, worth)
        self._learn_from(selection, worth)
        for run in range(self.num_runs):
            switched = self._rng(run, 2).random(len(self._switching), np.float32) < self._switch
            self.awake[run, self._switching[switched]] ^= True
        # the level where each arm is going: (M, 1) ** kinds, then one value an arm
        power = (self.val_loss[:, None] / np.log(self.num_classes)) ** self._transfer
        level = power.astype(np.float32)[:, self.kind]
        level *= self._level
        level *= self.awake
        level -= self.loss
        level *= self._drift[self.kind]
        self.loss += level
        return signals

    def score(self, indices: NDArray[np.int64]) -> Signals:
        """Measure arms without training."""
        return self._measure(indices, stream=3)

    def evaluate(self, split: SplitName) -> Metrics:
        """The validation loss with its noise; the test loss is another draw."""
        stream = 4 if split == "validation" else 5
        noise = [self._rng(run, stream).standard_normal() for run in range(self.num_runs)]
        loss = self.val_loss * np.exp(self.options.val_noise * np.array(noise))
        return Metrics(loss, np.exp(-loss))

    def infos(self) -> dict[str, NDArray[np.float64]]:
        """`worth`, `best_worth` and `regret`, each (M,)."""
        return {name: values.copy() for name, values in self._infos.items()}

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue bit for bit, copied."""
        arrays = {name: getattr(self, name).copy() for name in _STATE}
        return arrays | {"_infos": self.infos()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        for name in _STATE:
            setattr(self, name, state[name].copy())
        self._infos = {name: values.copy() for name, values in state["_infos"].items()}

    def _rng(self, run: int, stream: int) -> np.random.Generator:
        return np.random.default_rng((self._seeds[run], self._round[run], stream))

    def _measure(self, indices: NDArray[np.int64], stream: int) -> Signals:
        noise = np.empty((self.num_runs, self.num_arms), np.float32)
        for run, row in enumerate(noise):
            self._rng(run, stream).standard_normal(out=row, dtype=np.float32)
        loss = self.loss.reshape(-1)[indices]
        loss *= np.exp(self.options.noise * noise.reshape(-1)[indices])
        confidence = np.exp(-loss)
        table = np.empty((len(indices), len(MEASURED)), np.float32)
        write_columns(
            table,
            loss=loss,
            confidence=confidence,
            margin=2 * confidence - 1,
            correct=confidence > 0.5,
            error_norm=np.sqrt(2) * (1 - confidence),
        )
        return Signals(indices, table)

    def _count_regret(self, selection: Selection, worth: NDArray[np.float32]) -> None:
        scale = self.options.rate / self.num_arms
        kept = np.split(worth.reshape(-1)[selection.indices], np.cumsum(selection.counts)[:-1])
        for run, (row, k) in enumerate(zip(worth, selection.counts, strict=True)):
            # summed in order of size, so that the best choice has a regret of exactly 0
            got = np.sort(kept[run]).sum(dtype=np.float64)
            best = np.sort(np.partition(row, self.num_arms - k)[self.num_arms - k :])
            best_sum = best.sum(dtype=np.float64)
            self._infos["worth"][run] = scale * got
            self._infos["best_worth"][run] = scale * best_sum
            self._infos["regret"][run] += scale * max(best_sum - got, 0.0)

    def _learn_from(self, selection: Selection, worth: NDArray[np.float32]) -> None:
        """Lower the losses of the kept arms, and the validation loss by what that was worth."""
        index, runs = selection.indices, np.repeat(np.arange(self.num_runs), selection.counts)
        learn = self._learn[self.kind[index - runs * self.num_arms]]
        left = 1 - learn
        gain = worth.reshape(-1)[index]
        if selection.weights is not None:
            left = left**selection.weights
            gain *= np.divide(1 - left, learn, out=np.zeros_like(learn), where=learn > 0)
        self.loss.reshape(-1)[index] *= left
        gains = np.bincount(runs, gain, self.num_runs) * (self.options.rate / self.num_arms)
        floor = self.options.val_floor
        self.val_loss = np.minimum(
            floor + (self.val_loss - floor) * np.exp(-gains), 2 * np.log(self.num_classes)
        )
