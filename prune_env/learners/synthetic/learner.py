"""Synthetic arms of known kinds: nothing is trained, everything is known, regret is exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.core.selection import Selection
from prune_env.core.signals import MEASURED, write_columns
from prune_env.learners.protocol import Metrics, Signals, SplitName
from prune_env.learners.synthetic.noise import normal, stream_keys, substreams, uniform
from prune_env.learners.synthetic.options import SyntheticOptions

BLOCK = 65_536
"""Arms of how many runs together are worked on at a time: what is in between fits the cache."""

FINITE = 1e15
"""The highest power of the validation loss: times the highest level and worth that options allow,
it is a number in float32."""

STEEPEST = 700.0
"""The highest exponent by which what hurts raises the validation loss: exp of more is infinite."""

_STREAMS = ("asleep", "train", "switch", "score", "validation", "test")

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
        self._levels = per_kind("level")[self.kind] * difficulty
        self._levels = self._levels * (self.kind == np.arange(len(self.kind_names))[:, None])
        """(kinds, N) float32: the level of each arm in the row of its kind, else 0."""
        self._transfer = per_kind("transfer")
        self._learn, self._drift = per_kind("learn")[self.kind], per_kind("drift")[self.kind]
        self._worth_of_a_nat = (per_kind("worth") * per_kind("learn"))[self.kind]
        self._switching = np.flatnonzero(per_kind("switch")[self.kind])
        self._switch = per_kind("switch")[self.kind[self._switching]]

        self.loss = np.empty((num_runs, self.num_arms), np.float32)
        """(M, N) float32: the true loss of each arm, nats."""
        self.awake = np.empty((num_runs, self.num_arms), bool)
        """(M, N) bool: whether the arm is awake."""
        self.val_loss = np.empty(num_runs)
        """(M,) float64: the true validation loss, nats."""
        self._seeds, self._round = np.empty(num_runs, np.int64), np.empty(num_runs, np.int64)
        self._stream_keys = np.empty((num_runs, len(_STREAMS)), np.uint64)
        """(M, streams) uint64: those of this round; see `noise`."""
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
        self._stream_keys[runs] = self._keys_of(runs)
        keys = self._keys(runs, "asleep")
        asleep = uniform(keys[:, None], np.arange(len(self._switching))) < 0.5
        run, which = np.nonzero(asleep)
        self.awake[runs[run], self._switching[which]] = False
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
        self._stream_keys = self._keys_of(slice(None))
        size = max(1, BLOCK // self.num_arms)
        ends = np.concatenate([[0], np.cumsum(selection.counts)])
        table = np.empty((len(MEASURED), len(selection.indices)), np.float32).T
        for first in range(0, self.num_runs, size):
            runs = slice(first, min(first + size, self.num_runs))
            part = slice(ends[runs.start], ends[runs.stop])
            weights = None if selection.weights is None else selection.weights[part]
            here = Selection(
                selection.indices[part] - first * self.num_arms, selection.counts[runs], weights
            )
            self._train_block(runs, here, table[part])
        return Signals(selection.indices, table)

    def _train_block(self, runs: slice, selection: Selection, table: NDArray[np.float32]) -> None:
        """One round of some runs. selection: its positions count from the first of these runs."""
        index, counts = selection.indices, selection.counts
        run = np.repeat(np.arange(len(counts)), counts)
        arms = index - run * self.num_arms
        flat = self.loss[runs].reshape(-1)
        loss = flat[index]
        _write_signals(table, self._noisy(loss, self._keys(runs, "train")[run], arms))
        gain = self._worth_of_a_nat[arms] * loss
        self._count_regret(runs, selection, gain)
        flat[index], gain = self._learned(arms, loss, gain, selection.weights)
        self._improve(runs, _sums(gain, counts))
        self._switch_some(runs)
        # the level where each arm is going: (M, 1) ** kinds, then one value an arm
        power = (self.val_loss[runs, None] / np.log(self.num_classes)) ** self._transfer
        level = np.minimum(power, FINITE).astype(np.float32) @ self._levels
        level *= self.awake[runs]
        level -= self.loss[runs]
        level *= self._drift
        self.loss[runs] += level

    def score(self, indices: NDArray[np.int64]) -> Signals:
        """Measure arms without training."""
        table = np.empty((len(MEASURED), len(indices)), np.float32).T
        run, arms = np.divmod(indices, self.num_arms)
        keys = self._keys(slice(None), "score")[run]
        _write_signals(table, self._noisy(self.loss.reshape(-1)[indices], keys, arms))
        return Signals(indices, table)

    def evaluate(self, split: SplitName) -> Metrics:
        """The validation loss with its noise; the test loss is another draw."""
        noise = normal(self._keys(slice(None), split), np.zeros(self.num_runs, np.int64))
        loss = self.val_loss * np.exp(self.options.val_noise * noise.astype(np.float64))
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
        self._stream_keys = self._keys_of(slice(None))
        self._infos = {name: values.copy() for name, values in state["_infos"].items()}

    def _keys_of(self, runs: slice | NDArray[np.int64]) -> NDArray[np.uint64]:
        """(m, streams): the streams of some runs, each round another; see `noise`."""
        keys = stream_keys(self._seeds[runs], self._round[runs])
        return substreams(keys[:, None], np.arange(len(_STREAMS)))

    def _keys(self, runs: slice | NDArray[np.int64], stream: str) -> NDArray[np.uint64]:
        """(m,): the streams of this name of some runs in this round."""
        return self._stream_keys[runs, _STREAMS.index(stream)]

    def _noisy(
        self, loss: NDArray[np.float32], keys: NDArray[np.uint64], arms: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """(K,) losses as they are measured, from true ones and the key and number of each arm."""
        noise = normal(keys, arms)
        noise *= self.options.noise
        return loss * np.exp(noise, out=noise)

    def _count_regret(self, runs: slice, selection: Selection, gain: NDArray[np.float32]) -> None:
        """Add what the best choice would have been worth above the choice, term by term.

        With b the worth of the k-th best arm, that is the sum of what kept arms are worth below b,
        and others above it: of no negative terms, and of zeros only where the choice is best.

        Args:
            runs: which.
            selection: what they keep.
            gain: (K,) what keeping each kept arm is worth.
        """
        worth, counts = self._worth_of_a_nat * self.loss[runs], selection.counts
        bar = _kth_best(worth, counts)
        worth -= bar[:, None]
        worth.reshape(-1)[selection.indices] = np.repeat(bar, counts) - gain
        np.maximum(worth, 0, out=worth)
        scale = self.options.rate / self.num_arms
        regret = scale * worth.sum(axis=1, dtype=np.float64)
        got = scale * _sums(gain, counts)
        self._infos["worth"][runs] = got
        self._infos["best_worth"][runs] = got + regret
        self._infos["regret"][runs] += regret

    def _learned(
        self,
        arms: NDArray[np.int64],
        loss: NDArray[np.float32],
        gain: NDArray[np.float32],
        weights: NDArray[np.float32] | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(K,) losses after training, and (K,) what training was worth, given what it is once."""
        learn = self._learn[arms]
        left = 1 - learn
        if weights is not None:
            left = left**weights
            gain = gain * np.divide(1 - left, learn, out=np.zeros_like(learn), where=learn > 0)
        return loss * left, gain

    def _improve(self, runs: slice, gains: NDArray[np.float64]) -> None:
        """Lower the validation losses by what the round was worth."""
        floor, scale = self.options.val_floor, self.options.rate / self.num_arms
        factor = np.exp(np.minimum(-gains * scale, STEEPEST))
        lower = floor + (self.val_loss[runs] - floor) * factor
        self.val_loss[runs] = np.minimum(lower, 2 * np.log(self.num_classes))

    def _switch_some(self, runs: slice) -> None:
        """Wake arms up, or let them fall asleep."""
        keys = self._keys(runs, "switch")
        switched = uniform(keys[:, None], np.arange(len(self._switching))) < self._switch
        run, which = np.divmod(np.flatnonzero(switched), len(self._switching))
        self.awake[runs.start + run, self._switching[which]] ^= True


def _write_signals(table: NDArray[np.float32], loss: NDArray[np.float32]) -> None:
    """Write the (K, 5) table of arms with these measured losses."""
    confidence = np.exp(-loss)
    write_columns(
        table,
        loss=loss,
        confidence=confidence,
        margin=2 * confidence - 1,
        correct=confidence > 0.5,
        error_norm=np.sqrt(2) * (1 - confidence),
    )


def _sums(values: NDArray[np.float32], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(M,): sums of consecutive stretches of (K,) values, none of them empty."""
    return np.add.reduceat(values, np.cumsum(counts) - counts, dtype=np.float64)


def _kth_best(worth: NDArray[np.float32], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """(M,): the k-th highest value of each row of (M, N), k = counts[m]."""
    places = worth.shape[1] - counts
    if (places == places[0]).all():
        return np.partition(worth, places[0], axis=1)[:, places[0]]
    rows = zip(worth, places, strict=True)
    return np.array([np.partition(row, place)[place] for row, place in rows])
