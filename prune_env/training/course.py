"""Course: one epoch after the other, from what a loop has measured to the next selection."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from prune_env.checks import difference
from prune_env.core.generators import of_round
from prune_env.core.rounds import RoundOptions, Rounds
from prune_env.core.selection import Selection, decode, within_budget
from prune_env.driving import ask
from prune_env.learners.protocol import Metrics
from prune_env.training import notes
from prune_env.training.distributed import Hand, gathered, mean_of
from prune_env.training.needs import Wishes, plain_options
from prune_env.training.recorder import Recorder
from prune_env.training.rows import LoopLearner
from prune_env.training.visit import Visit, only

Phase = Literal["train", "look", "validate", "over"]
"""What an epoch waits for: its batches, a look at the arms that were not kept, or what validation
says; or the run is over."""

MOST_REPEATS = 100
"""So often an optimizer may go through an epoch again, as LBFGS does with one step an epoch; a loop
over a list of batches that it keeps would never end."""


class Course:
    """The epochs of a run: an agent chooses, a loop trains, a round of the environment is closed.

    What an epoch costs and what is shown to the agent is what it is in the environment: `Rounds`.

    Args:
        agent: who chooses.
        wishes: its wishes.
        learner: takes what the loop measures.
        options: how the run is made.
        weight_max: the highest weight of an arm.
        seed: decides the order of the arms in every epoch.
        state: what the agent knows before the first epoch.
        recorder: is shown the table of arms after every epoch.
        on_over: called with the rounds when the run is over.
    """

    def __init__(
        self,
        agent: Any,
        wishes: Wishes,
        learner: LoopLearner,
        options: RoundOptions,
        weight_max: float,
        seed: int,
        state: Any,
        recorder: Recorder | None,
        on_over: Callable[[Rounds], None],
    ) -> None:
        self.agent, self.wishes, self.learner, self.seed = agent, wishes, learner, seed
        self.rounds = Rounds(learner, options)
        self.weight_max, self.agent_state = weight_max, state
        self.kept = Visit(learner.num_arms, self._begin)
        """The pass over the arms that are trained on."""
        self.rest = Visit(learner.num_arms, self.end_what_was_cut)
        """The pass over the others, where they are to be looked at."""
        self.weights: NDArray[np.float32] | None = None
        """(N,) how much the loss of each arm counts; None: 1."""
        self.history: list[NDArray[np.uint8]] = []
        """What each epoch was to keep: `numpy.packbits` of (N,) bool."""
        self.phase: Phase = "train"
        self._past: tuple[NDArray[np.float32] | None, Hand | None] | None = None
        """Of the epoch before: its `weights`, and with several ranks what this one drew."""
        self._repeated = 0
        """How many samples of it came again before the next one began."""
        self.recorder, self._on_over = recorder, on_over
        self.only_losses = False
        """Whether a loss a sample is all that the loop tells."""
        self._was_cut = False
        """Whether an epoch has ended before all of it was trained on."""
        self._before = state
        """What the agent knew before its last choice; when the run is over, after it."""
        self._validated, self._began, self._trained_until = False, _now(), _now()
        self._before_restart = (0.0, 0.0)
        """Seconds of training in this epoch before this process took over."""
        self._choose()

    @property
    def epoch(self) -> int:
        """How many epochs are over."""
        return int(self.rounds.arms.round[0])

    @property
    def span(self) -> tuple[float, float]:
        """The fractions of the run, in [0, 1], at which this epoch begins and ends."""
        if self.phase == "over":
            return 1.0, 1.0
        start, end = self.rounds.ledger.span(np.array([len(self.kept.order)]))
        return float(start[0]), float(end[0])

    @property
    def first(self) -> tuple[int, float]:
        """How many arms the first epoch was to keep, and which share of the run that is."""
        count = np.array([self.kept_in(0).sum()])
        return int(count[0]), float(self.rounds.ledger.share(count)[0])

    def kept_in(self, epoch: int) -> NDArray[np.bool_]:
        """(N,) bool: what an epoch, counted from 0, was to keep; none after the last."""
        num_arms = self.learner.num_arms
        if epoch == len(self.history):
            return np.zeros(num_arms, bool)
        return np.unpackbits(self.history[epoch], count=num_arms).astype(bool)

    def scores(self) -> NDArray[np.floating[Any]] | None:
        """(N,) what the agent has ranked the arms of this epoch by; None where it does not rank."""
        scores = getattr(self.agent, "scores_now", None)
        return None if scores is None else scores(self._shown(), self._before)

    # -- what a loop has done ---------------------------------------------------------------------

    def train(
        self, arms: NDArray[np.int64], values: dict[str, Tensor]
    ) -> NDArray[np.float32] | None:
        """Take what a batch has measured of (B,) arms; see `Rows.add`.

        A second pass over batches, as some optimizers need, counts for nothing, and has the weights
        of the first; after the last batch of an epoch too, until the next iteration begins.

        Returns:
            The weights of their losses, (B,), or None where all are 1.

        Raises:
            ValueError: the arms are not of this epoch.
        """
        kept = self.kept
        if not (kept.begun and kept.has(arms)):
            return self._again(arms)
        weights = _weights_of(arms, self.weights, kept.hand)
        self.learner.trained.add(*only(kept.tick(arms), arms, values))
        if self.wishes.reads_validation:  # what was said before is not of the whole epoch
            self._validated = False
        self._trained_until = _now()
        if kept.left == 0 and self.phase == "train":
            self._close()
        return weights

    def _again(self, arms: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """The weights of a second pass over a batch of the epoch before.

        Raises:
            ValueError: the arms are not of that, or the next iteration has begun.
        """
        weights, hand = self._past or (None, None)
        self._repeated += len(arms)
        drawn = np.flatnonzero(hand.dealt) if hand else self.kept.before
        if not (self._past and np.isin(arms, drawn).all()):
            raise ValueError("these arms are not of this epoch; draw them from pruned.sampler")
        if self.kept.begun:
            raise ValueError(
                "these arms are of the epoch before, which ended when another iteration over the "
                "loader began; begin none, as next(iter(loader)) does, before an epoch's last batch"
            )
        if self._repeated > MOST_REPEATS * len(drawn):
            raise ValueError(
                f"batches of an epoch that is over came again {MOST_REPEATS} times; draw those of "
                "the next one from the loader, and keep no list of them"
            )
        return _weights_of(arms, weights, hand)

    def look(self, arms: NDArray[np.int64], values: dict[str, Tensor]) -> None:
        """Take what a forward pass has measured of (B,) arms of `rest`.

        Raises:
            ValueError: they are not to be looked at.
        """
        if self.phase != "look" or not self.rest.has(arms):
            raise ValueError("these arms are not to be looked at now; draw them from pruned.rest")
        self.learner.looked.add(*only(self.rest.tick(arms), arms, values))
        if self.rest.left == 0:
            self._finish()

    def validated(self, loss: float, accuracy: float | None) -> None:
        """Take what validation says. Who reads it chooses by what was said after the last batch.

        Raises:
            ValueError: an accuracy is missing, or is none.
        """
        if accuracy is None and "val_accuracy" in self.wishes.signals:
            raise ValueError(f"{self.wishes.who} reads val_accuracy; pass accuracy too")
        if accuracy is not None and not 0 <= accuracy <= 1:
            raise ValueError(f"accuracy is {accuracy:g}; allowed is 0 to 1")
        known = self.learner.metrics.accuracy[0] if accuracy is None else accuracy
        self.learner.metrics = Metrics(np.array([loss]), np.array([known]))
        self._validated = True
        if self.phase == "validate":
            self._finish()

    # -- from one epoch to the next ---------------------------------------------------------------

    def _begin(self) -> None:
        """An iteration over the kept arms begins.

        After a restart that of an epoch which was trained on, and waits for more, is empty.
        """
        self.end_what_was_cut()
        restored = not self.kept.begun
        if self.phase == "look" and not restored:
            raise ValueError(
                f"{self.wishes.who} reads the {self.rest.left} arms that it pruned; give those of "
                "pruned.rest to pruned.look before the next epoch"
            )
        if self.phase == "validate" and not restored:
            raise ValueError(
                f"{self.wishes.who} reads validation; call pruned.validated before the next epoch"
            )
        if self.phase == "over":
            notes.over(self.epoch)
        self._began = self._trained_until = _now()

    def end_what_was_cut(self) -> None:
        """An epoch that was trained on in part ends; what is left of it counts as pruned."""
        if self.kept.cut:
            if not self._was_cut:  # with drop_last=True it is so in each
                notes.cut_off(self.kept.left, len(self.kept.order), self.epoch)
            self._was_cut = True
            self._close()

    def _close(self) -> None:
        """The epoch has been trained on: look at the others where that is due, or go on."""
        clock = self.rounds.clock
        wall, cpu = self._training()
        self._before_restart, self._began = (0.0, 0.0), self._trained_until
        clock.wall["train"] += wall
        clock.cpu["train"] += cpu
        self._gather()
        notes.unusual(self.learner.trained.signals(), self.epoch)
        rest = self.rounds.rest(self._trained())
        if len(rest):
            self.phase = "look"
            self.rest.plan(rest, self.epoch)
        else:
            self._finish()

    def _training(self) -> tuple[float, float]:
        """Seconds of training in this epoch, up to its last batch: what came since is none."""
        spent = np.subtract(self._trained_until, self._began) + self._before_restart
        return float(spent[0]), float(spent[1])

    def _trained(self) -> Selection:
        """What has been trained on in this epoch."""
        indices = np.sort(self.learner.trained.signals().indices)
        weights = None if self.weights is None else self.weights[indices]
        return Selection(indices, np.array([len(indices)]), weights)

    def _finish(self) -> None:
        """Close the round and choose the next one, once all that the agent reads is there."""
        if self.wishes.reads_validation and not self._validated:
            self.phase = "validate"
            return
        self._gather()
        self.learner.metrics = mean_of(self.learner.metrics, self._validated)
        self.rounds.step(self._trained())
        self.learner.reset([0])
        self._validated = False
        if self.recorder:
            self.recorder.keep(self.rounds, self.only_losses)
        self._past, self._repeated = (self.weights, self.kept.hand), 0
        self._choose()
        if self.phase == "over":
            self._on_over(self.rounds)

    def _gather(self) -> None:
        """Let all ranks know what each has measured, as each of them calls this."""
        learner = self.learner
        learner.trained, learner.looked = (
            gathered(rows, learner.extras, visit.order, learner.num_arms)
            for rows, visit in ((learner.trained, self.kept), (learner.looked, self.rest))
        )

    def _choose(self) -> None:
        """Ask the agent what the next epoch keeps, unless the run is over."""
        if not self.rounds.ledger.affordable[0]:
            self.phase, self._before = "over", self.agent_state
            self._plan(np.zeros(self.learner.num_arms, bool), self.epoch)
            return
        self.phase = "train"
        num_arms, shown = self.learner.num_arms, self._shown()
        with self.rounds.clock("select"):
            self._before = self.agent_state
            action, self.agent_state = ask(self.agent, shown, self.agent_state, num_arms)
            actions = action[None]
            if self.rounds.options.budget is not None:
                rng = np.random.default_rng((self.seed, self.epoch, 0xB0D6E7))
                actions = within_budget(actions, shown["budget_left"][None], rng)
            chosen = decode(actions, self.wishes.action, 1, num_arms, self.weight_max)
            self.weights = None
            if chosen.weights is not None:
                self.weights = np.zeros(num_arms, np.float32)
                self.weights[chosen.indices] = chosen.weights
            kept = np.zeros(num_arms, bool)
            kept[chosen.indices] = True
            self.history.append(np.packbits(kept))
            self._plan(kept, self.epoch)

    def _shown(self) -> dict[str, NDArray[np.float32]]:
        """What the agent is shown: what it reads, and the budget where there is one."""
        observation = self.rounds.observation()
        names = [*self.wishes.signals, *["budget_left"] * ("budget_left" in observation)]
        return {name: observation[name][0] for name in names}

    def _plan(self, kept: NDArray[np.bool_], epoch: int) -> None:
        """Begin an epoch over these arms, (N,) bool, in the order of the round; none to look at."""
        order = of_round(self.seed, epoch).permutation(len(kept))
        self.kept.plan(order[kept[order]], epoch)
        self.rest.plan(order[:0], epoch)

    # -- to save and restore ----------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on, in the middle of an epoch too: arrays and plain values."""
        self._gather()
        self.kept.know(self.learner.trained.signals().indices)
        self.rest.know(self.learner.looked.signals().indices)
        return {
            "of": self._identity(),
            "rounds": self.rounds.state_dict(),
            "agent": deepcopy(self.agent_state),  # somebody's agent may change its own in place
            "before": deepcopy(self._before),
            "kept": self.kept.state_dict(),
            "rest": self.rest.state_dict(),
            "weights": self.weights,
            "metrics": asdict(self.learner.metrics),
            "validated": self._validated,
            "phase": self.phase,
            "only_losses": self.only_losses,
            "training": self._training(),
            "history": list(self.history),
            "traces": list(self.recorder.rows) if self.recorder else [],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from the `state_dict` of a course that was made alike.

        Raises:
            ValueError: it was made otherwise.
        """
        if differing := difference(state["of"], self._identity()):
            raise ValueError(f"the state has {differing}")
        self.rounds.load_state_dict(state["rounds"])
        self.agent_state, self._before = deepcopy(state["agent"]), deepcopy(state["before"])
        self.weights, self._past = state["weights"], None  # its batches are of another process
        self._validated, self.only_losses = state["validated"], state["only_losses"]
        self.learner.metrics = Metrics(**state["metrics"])
        self.phase, self.history = state["phase"], list(state["history"])
        if self.recorder:
            self.recorder.rows = list(state["traces"])
        wall, cpu = state["training"]
        self._before_restart = (wall, cpu)
        self._began = self._trained_until = _now()
        for epoch in range(max(0, self.epoch - 1), self.epoch + 1):
            self._plan(self.kept_in(epoch), epoch)
        self.kept.load_state_dict(state["kept"])
        self.rest.plan(np.flatnonzero(state["rest"]["waiting"]), self.epoch)

    def _identity(self) -> dict[str, Any]:
        """What a course that goes on from another's state has in common with it."""
        options = asdict(self.rounds.options)
        return {
            "num_arms": self.learner.num_arms,
            "num_classes": self.learner.num_classes,
            "num_validation": self.learner.num_validation,
            "checksum of labels": zlib.crc32(self.learner.labels.astype(np.int64).tobytes()),
            "seed": self.seed,
            "agent": self.wishes.who,
            "agent_options": plain_options(self.agent),
            "keep_traces": self.recorder is not None,
            **(options | {"signals": tuple(sorted(options["signals"]))}),
        }


def _weights_of(
    arms: NDArray[np.int64], weights: NDArray[np.float32] | None, hand: Hand | None
) -> NDArray[np.float32] | None:
    """The weights of the losses of (B,) arms on this rank; None where all are 1."""
    of_arms = None if weights is None else weights[arms]
    return hand.weights(arms, of_arms) if hand else of_arms


def _now() -> tuple[float, float]:
    """Seconds of the wall clock and of the processor."""
    return time.perf_counter(), time.process_time()
