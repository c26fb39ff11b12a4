"""Rounds: the selection rounds of M runs side by side, written once.

`PruneEnv` is the face of M = 1, `PruneVectorEnv` that of M. Every array here has a leading axis of
M runs. One round: train on the selection, record what that pass measured, perhaps look at the other
arms too, evaluate, reward.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from prune_env.checks import In, check
from prune_env.core.arm_table import ArmTable
from prune_env.core.clock import Clock
from prune_env.core.ledger import Ledger
from prune_env.core.rewards import RoundOutcome, earned, find_reward
from prune_env.core.selection import Selection
from prune_env.core.signals import EXTRAS, MEASURED, SIGNALS, USUAL, VALIDATION
from prune_env.learners.protocol import (
    Finisher,
    Informative,
    Learner,
    Observant,
    ParallelLearner,
    Signals,
)
from prune_env.lookup import known, meant

Feedback = Literal["semi", "full"]


@dataclass(frozen=True)
class RoundOptions:
    """How an episode is run. Checked when made."""

    epochs: Annotated[int, In("[1, 1e7]")] = 8
    """rounds of an episode; ignored where there is a budget"""
    budget: Annotated[float, In("(0, 1e7]")] | None = None
    """what an episode may cost, in epochs of the whole data; it ends when that is spent"""
    feedback: Feedback = "semi"
    """"semi": only kept arms are observed; "full": a forward pass over the rest as well"""
    refresh: Annotated[int, In("[1, inf)")] = 1
    """with full feedback: rounds between two passes over the rest; none follows the last round"""
    reward: str = "val_loss_drop"
    """a name in `prune_env.core.rewards.REWARDS`, or an import path"""
    signals: tuple[str, ...] = USUAL
    """entries of the observation"""
    evaluate_every: Annotated[int, In("[1, inf)")] = 1
    """rounds between two evaluations on the validation split; the last round always has one"""
    test: bool = True
    """evaluate on the test split when the episode ends, for `info` only"""

    def __post_init__(self) -> None:
        check(self)
        for name in self.signals:
            known("signal", name, SIGNALS)
        if not self.signals:
            raise ValueError(f"signals is empty; name at least one of {', '.join(SIGNALS)}")

    @classmethod
    def of(cls, given: Mapping[str, Any], others: Iterable[str] = ()) -> RoundOptions:
        """Make the options from keyword arguments.

        Args:
            given: they.
            others: what the environment takes beside them.

        Raises:
            TypeError: an argument that there is not.
            ValueError: a value that is not allowed.
        """
        names = [field.name for field in fields(cls)]
        if strange := sorted(set(given) - set(names)):
            # In Python's own words, by which TorchRL knows what it may leave out.
            allowed = list(dict.fromkeys((*others, *names)))
            raise TypeError(
                f"got an unexpected keyword argument {strange[0]!r}{meant(strange[0], allowed)}; "
                f"allowed are {', '.join(allowed)}"
            )
        return cls(**given)


class Rounds:
    """M runs of a learner, round by round.

    Args:
        learner: what is trained.
        options: how.

    Raises:
        ValueError: the signals name something that this learner cannot measure, there is no
            validation split and the signals or the reward read one, or the budget does
            not pay for one arm.
    """

    def __init__(self, learner: Learner, options: RoundOptions) -> None:
        self.learner, self.options = learner, options
        self.extras = _find_extras(learner, options.signals)
        """What the learner is asked for beside `MEASURED`: the name, and the shape of one arm's."""
        self.reward = find_reward(options.reward)
        self.has_validation = learner.num_validation > 0
        if not self.has_validation:
            refuse_validation(options)
        # asked once: to look for the methods of a protocol takes as long as a short round
        self._learner_infos = learner.infos if isinstance(learner, Informative) else dict
        self._finish = learner.finish if isinstance(learner, Finisher) else None
        shown = set(VALIDATION) & set(options.signals)
        self.clock = Clock()
        self.num_runs, self.num_arms = learner.num_runs, learner.num_arms
        measured = [name for name in MEASURED if name in options.signals]
        self.arms = ArmTable(
            self.num_runs, learner.labels, learner.num_classes, measured, self.extras
        )
        self.ledger = Ledger(
            self.arms,
            epochs=options.epochs,
            budget=options.budget,
            evaluate_every=options.evaluate_every,
            num_validation=learner.num_validation,
            reads_validation=self.reward.reads_validation or bool(shown),
            extra_price=sum(SIGNALS[name].price for name in self.extras),
        )
        self.val_loss = np.empty(self.num_runs)
        self.val_accuracy = np.empty(self.num_runs)
        self._forget(np.ones(self.num_runs, bool))

    def _forget(self, runs: NDArray[np.bool_]) -> None:
        self.arms.reset(runs)
        self.ledger.reset(runs)
        self.val_loss[runs] = SIGNALS["val_loss"].at_start(self.learner.num_classes)
        self.val_accuracy[runs] = SIGNALS["val_accuracy"].at_start(self.learner.num_classes)

    def _ask(self) -> None:
        """Tell the learner what to measure: another environment may have asked for other things."""
        if isinstance(self.learner, Observant):
            self.learner.measure_also(tuple(self.extras))

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin M new runs; seeds[m] decides everything random in run m."""
        self._ask()
        self.clock.reset()
        self._forget(np.ones(self.num_runs, bool))
        self.learner.reset(seeds)

    def reset_runs(self, runs: NDArray[np.bool_], seeds: Sequence[int]) -> None:
        """Begin new runs where `runs`, (M,) bool, is True, from one seed each; the others go on."""
        assert isinstance(self.learner, ParallelLearner)
        self._forget(runs)
        self.learner.reset_runs(np.flatnonzero(runs), seeds)

    # -- one round --------------------------------------------------------------------------------

    def step(
        self, selection: Selection
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], dict[str, NDArray[Any]]]:
        """Run one round.

        Returns:
            rewards (M,) float64, terminated (M,) bool, and infos: one (M,) array an entry.

        Raises:
            ValueError: a run keeps more arms than it can afford. Nothing has changed then.
        """
        ledger = self.ledger
        ledger.check(selection.counts)
        start, end = ledger.span(selection.counts)
        with self.clock("observe"):
            rest = self.rest(selection)
        looked_at = np.bincount(rest // self.num_arms, minlength=self.num_runs)
        last = ~ledger.goes_on_after(selection.counts, looked_at)
        with self.clock("train"):
            signals = self.learner.train(selection, start, end)
            if self._finish and last.all():
                self._finish()
        ledger.train(selection.counts)
        measured = [signals]
        with self.clock("observe"):
            measured += [self._score(rest)] if len(rest) else []
            self.arms.record(selection, measured)
        kept_loss = signals.mean_loss(selection.counts, self.num_arms)
        diverged = ~np.isfinite(kept_loss)

        before = self.val_loss.copy(), self.val_accuracy.copy()
        evaluated = (ledger.is_due(self.arms.round) | last | diverged) & self.has_validation
        if evaluated.any():
            with self.clock("evaluate"):
                metrics = self.learner.evaluate("validation")
            ledger.evaluate()
            diverged |= evaluated & ~np.isfinite(metrics.loss)
            self.val_loss = np.where(evaluated, _finite(metrics.loss), self.val_loss)
            accuracy = _finite(metrics.accuracy, "val_accuracy")
            self.val_accuracy = np.where(evaluated, accuracy, self.val_accuracy)
        terminated = last | diverged

        outcome = RoundOutcome(
            selection=selection,
            signals=signals,
            kept_loss=_finite(kept_loss),
            val_loss=self.val_loss.copy(),
            val_loss_before=before[0],
            val_accuracy=self.val_accuracy.copy(),
            val_accuracy_before=before[1],
        )
        rewards = earned(self.options.reward, self.reward, outcome)
        infos: dict[str, NDArray[Any]] = self.infos() | {
            "kept": selection.counts.copy(),
            "kept_loss": outcome.kept_loss.copy(),
            "evaluated": evaluated,
            "diverged": diverged,
        }
        if terminated.any() and self.options.test:
            with self.clock("test"):
                test = self.learner.evaluate("test")
            if not self.has_validation:  # nothing else sees what the last round led to
                infos["diverged"] |= terminated & ~np.isfinite(test.loss)
            accuracy = _finite(test.accuracy, "val_accuracy")
            infos |= {"test_loss": _finite(test.loss), "test_accuracy": accuracy.copy()}
        return rewards, terminated, infos

    def rest(self, selection: Selection) -> NDArray[np.int64]:
        """(K,) flat positions: with full feedback, the arms to look at after this round.

        Those that were not kept, where that is due and paid for beside the round, which is not yet
        entered. After its last round a run chooses no more, so nobody looks.
        """
        options = self.options
        if options.feedback == "semi":
            return np.empty(0, np.int64)
        rest = np.ones(self.num_runs * self.num_arms, bool)
        rest[selection.indices] = False
        due = (self.arms.round + 1) % options.refresh == 0
        due &= self.ledger.goes_on_after(selection.counts, self.num_arms - selection.counts)
        rest.reshape(self.num_runs, self.num_arms)[~due] = False
        return np.flatnonzero(rest)

    def look(self, indices: NDArray[np.int64]) -> None:
        """Measure these arms, (K,) flat positions, by a forward pass after a round; charged."""
        with self.clock("observe"):
            self.arms.store([self._score(indices)])

    def _score(self, indices: NDArray[np.int64]) -> Signals:
        counts = np.bincount(indices // self.num_arms, minlength=self.num_runs)
        self.ledger.refresh(counts)
        return self.learner.score(indices)

    # -- what is shown ----------------------------------------------------------------------------

    def infos(self) -> dict[str, NDArray[Any]]:
        """Where each run stands: one (M,) array an entry, all finite, no times."""
        return self._learner_infos() | {
            "round": self.arms.round.copy(),
            "passes": self.ledger.charged,
            **{f"passes_{name}": count.copy() for name, count in self.ledger.passes.items()},
            **{name: getattr(self, name).copy() for name in VALIDATION if self.has_validation},
        }

    def observation(self, run: int | None = None) -> dict[str, NDArray[np.float32]]:
        """What the agent sees, by name: float32 arrays that share memory with nothing.

        (M, N) of arms, (M, N, D) of their features, (M, 1) of runs; where `run` is given M is 1.
        """
        with self.clock("observe"):
            return {name: self._observe(name, run) for name in self.options.signals}

    def _observe(self, name: str, run: int | None) -> NDArray[np.float32]:
        if SIGNALS[name].source != "run":
            return self.arms.observe(name, run)
        owner = self if name in VALIDATION else self.ledger
        value: NDArray[np.float64] = getattr(owner, name)
        return (value if run is None else value[[run]]).astype(np.float32)[:, None]

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue bit for bit: arrays, tensors and plain values, copied."""
        return {
            "learner": self.learner.state_dict(),
            "arms": self.arms.state_dict(),
            "ledger": self.ledger.state_dict(),
            "val_loss": self.val_loss.copy(),
            "val_accuracy": self.val_accuracy.copy(),
            "clock": self.clock.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`.

        Raises:
            ValueError: it is of other arms or other signals; nothing has changed.
        """
        self.arms.check_state(state["arms"])
        self._ask()
        self.learner.load_state_dict(state["learner"])
        self.arms.load_state_dict(state["arms"])
        self.ledger.load_state_dict(state["ledger"])
        self.val_loss = np.array(state["val_loss"])
        self.val_accuracy = np.array(state["val_accuracy"])
        self.clock.load_state_dict(state["clock"])


def refuse_validation(options: RoundOptions) -> None:
    """Refuse signals and a reward that read a validation split, where there is none.

    Raises:
        ValueError: which do, and what is allowed.
    """
    if shown := [name for name in options.signals if name in VALIDATION]:
        allowed = ", ".join(name for name in SIGNALS if name not in VALIDATION)
        raise ValueError(
            f"signals has {', '.join(shown)}, and num_validation is 0: there is no validation "
            f"split; allowed are {allowed}"
        )
    if find_reward(options.reward).reads_validation:
        raise ValueError(
            f"the reward {options.reward!r} reads the validation split, and num_validation is 0: "
            "there is none; allowed is 'kept_loss', or one of your own that does not read it"
        )


def _find_extras(learner: Learner, signals: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Those of `EXTRAS` that the signals name, with the shape of one arm's.

    Raises:
        ValueError: the learner cannot measure one of them.
    """
    possible = dict(learner.extras) if isinstance(learner, Observant) else {}
    wanted = [name for name in EXTRAS if name in signals]
    if refused := [name for name in wanted if name not in possible]:
        allowed = [name for name in SIGNALS if name not in EXTRAS or name in possible]
        raise ValueError(
            f"signals has {', '.join(refused)}, which {type(learner).__name__} cannot measure; "
            f"allowed are {', '.join(allowed)}"
        )
    return {name: possible[name] for name in wanted}


def _finite(values: NDArray[np.float64], of: str = "loss") -> NDArray[np.float64]:
    """Losses or accuracies as rewards and infos show them: a diverged one is the worst there is."""
    return SIGNALS[of].finite(values)
