"""Pruned: an agent chooses, epoch by epoch, which samples somebody's own loop trains on."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn.functional import nll_loss

from prune_env.checks import in_a_line
from prune_env.core.export import check_name, write
from prune_env.core.rounds import Feedback
from prune_env.core.signals import EXTRAS, MEASURED
from prune_env.core.tensors import to_arrays, to_tensors
from prune_env.core.traces import Traces
from prune_env.files import replacing
from prune_env.training import notes
from prune_env.training.course import Course
from prune_env.training.ending import Ending
from prune_env.training.hooks import Hooks
from prune_env.training.indexed import Indexed
from prune_env.training.labels import find_classes
from prune_env.training.measuring import UNTOLD, of_logits, of_losses, on_host, uncompiled
from prune_env.training.needs import as_agent, check, lacking, options_for, wishes_of
from prune_env.training.options import LoopOptions
from prune_env.training.recorder import Recorder, begun, read_prior
from prune_env.training.rows import LoopLearner
from prune_env.training.summary import Summary
from prune_env.training.visit import ArmSampler, EqualBatches


class Pruned:
    """The samples that an agent keeps, for a training loop of one's own.

    ```python
    pruned = Pruned(dataset, prune_agents.make("ucb", keep_ratio=0.3), epochs=30)
    loader = DataLoader(pruned.dataset, batch_size=128, sampler=pruned.sampler, num_workers=4)
    for epoch in range(30):
        for images, labels, arms in loader:
            loss = pruned.loss(model(images), labels, arms)  # recorded; a scalar
            ...
    ```

    Nothing of PyTorch is patched: the number of a sample travels with it (see `Indexed`), and
    `loss` counts. When the last batch of an epoch has been recorded the agent is asked for the next
    selection, so that lengths are right before an epoch begins. What an epoch costs, what is shown
    to the agent and how its answer is read is what it is in the environment, by the same code.

    Where `torch.distributed` has a process group every rank makes one alike and draws its share of
    every batch; all choose the same. docs/own_training.md says what to mind.

    Args:
        dataset: a map-style data set; its indices are the arms, N of them.
        agent: what has `predict`, as from `prune_agents.make`, a model of Stable-Baselines3 that
            was trained on so many arms too; None keeps every arm.
        epochs: how many the loop goes through. An agent may wish for fewer, see `over`.
        budget: instead, what the run may cost, in epochs of the whole data.
        seed: decides the order of the samples in every epoch, and by `agent.seeded(seed)` what an
            agent of prune_agents draws. Nothing here reads PyTorch's own seed.
        labels: (N,) the class of each sample; None: `targets`, `labels`, the last tensor of a
            TensorDataset or the column "label", where the data set has such.
        num_classes: C; None: as many as the labels need. Where neither is known samples have no
            classes: `record(arms, losses)` is called instead of `loss`.
        num_validation: samples of the split that `validated` tells about, which is charged where
            the agent reads it.
        feedback: "full" where the arms that were not kept are looked at, see `rest`.
        model: the network, before it is compiled, for agents that read `features` or
            `reference_loss`.
        reference: an average of its weights, which the loop keeps up, for `reference_loss`.
        prior: for agents that choose by a prior run: what `traces` gave there, a file of that, or a
            list of such.
        signals: further entries of `prune_env.SIGNALS` to keep of every arm.
        keep_traces: keep what every epoch shows of every arm, for `traces`; 20 bytes an arm and
            epoch.
        quiet: whether the logger `prune_env.training` is told nothing when the run is over, or its
            loop has ended before; else it shows `summary`.

    Raises:
        ValueError: an argument is not allowed, or the agent needs what the loop does not give.
    """

    def __init__(
        self,
        dataset: Any,
        agent: Any = None,
        *,
        epochs: int | None = None,
        budget: float | None = None,
        seed: int = 0,
        labels: ArrayLike | None = None,
        num_classes: int | None = None,
        num_validation: int = 0,
        feedback: Feedback = "semi",
        model: nn.Module | None = None,
        reference: nn.Module | None = None,
        prior: Any = None,
        signals: Sequence[str] = (),
        keep_traces: bool = False,
        quiet: bool = False,
    ) -> None:
        self.dataset = Indexed(dataset)
        """The samples with their numbers: what a `DataLoader` reads."""
        agent = as_agent(agent)
        told = epochs, budget, seed, num_classes, num_validation, feedback, model, reference
        of_loop = LoopOptions(*told, prior, signals, keep_traces, quiet)  # type: ignore[arg-type]
        self._told_classes = num_classes
        known, num_classes = find_classes(dataset, labels, num_classes)
        given = of_loop.given(classes=num_classes is not None, labels=known is not None)
        traced = [n for n in MEASURED if keep_traces and not lacking(n, given)]
        self._named, signals = of_loop.signals, (*of_loop.signals, *traced)
        self.wishes = wishes_of(agent, epochs or budget or 0, given)
        """What the agent reads and asks for."""
        check(self.wishes, given, signals)
        agent = agent.seeded(seed) if hasattr(agent, "seeded") else agent
        options, weight_max = options_for(self.wishes, of_loop.length, feedback, signals)
        extras = [name for name in EXTRAS if name in options.signals]
        self._hooks = Hooks(extras, num_classes, model, reference)
        self._has_classes, self.num_arms = num_classes is not None, len(dataset)
        self._has_labels = self._to_compare = known is not None
        guessed = known is not None and labels is None and self._told_classes is None
        self._taken_for_classes = guessed and "loss" in self.wishes.signals
        learner = LoopLearner(
            np.zeros(self.num_arms, np.int64) if known is None else known,
            num_classes or 1,
            num_validation,
            self._hooks.shapes,
        )
        traces = read_prior(prior, self.wishes.prior, self.wishes.who, self.num_arms, known)
        state = begun(agent, traces, self.wishes.who)
        recorder = Recorder(self._hooks.has_bias) if keep_traces else None
        self._ending = ending = Ending(epochs, self._has_labels, traces, quiet)
        self.course = Course(
            agent, self.wishes, learner, options, weight_max, seed, state, recorder, ending.over
        )
        """The epochs, and what is known of every arm."""
        self.sampler = ArmSampler(self.course.kept)
        """The arms of an epoch, in its order."""
        self.rest = ArmSampler(self.course.rest)
        """With full feedback: the arms that were not kept, to be given to `look` after an epoch."""
        if not keep_traces:  # a prior run is cut where it has shown enough
            weakref.finalize(self, ending.early, self.course.rounds, learner, self.course.kept)

    # -- what a loop reads ------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """How many epochs are over."""
        return self.course.epoch

    @property
    def over(self) -> bool:
        """Whether the run is over: its epochs are done, or its budget is spent."""
        return self.course.phase == "over"

    @property
    def looks(self) -> bool:
        """Whether the arms that were not kept are looked at, see `rest`."""
        return self.course.rounds.options.feedback == "full"

    @property
    def span(self) -> tuple[float, float]:
        """The fractions of the run, in [0, 1], at which this epoch begins and ends."""
        return self.course.span

    @property
    def progress(self) -> float:
        """The share of the run that is over, in [0, 1], inside an epoch too."""
        (start, end), kept = self.span, self.course.kept
        return start + (end - start) * (kept.done / max(1, len(kept.order)))

    def scheduler(
        self, optimizer: torch.optim.Optimizer, factor: Callable[[float], float]
    ) -> torch.optim.lr_scheduler.LambdaLR:
        """A learning-rate schedule by the share of the run that is over, not by counting steps.

        ```python
        scheduler = pruned.scheduler(optimizer, lambda progress: 1 - progress)
        scheduler.step()  # after every optimizer.step()
        ```

        Args:
            optimizer: its learning rates are what the factors multiply.
            factor: from `progress` to a factor.

        Raises:
            ValueError: it is another optimizer or factor than that.
        """
        if not isinstance(optimizer, torch.optim.Optimizer) or not callable(factor):
            raise ValueError(
                f"scheduler got {in_a_line(optimizer)} and {in_a_line(factor)}; expected an "
                "optimizer and a function of progress, such as lambda progress: 1 - progress"
            )
        return torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda steps: float(factor(self.progress))
        )

    def batch_sampler(self, batch_size: int) -> EqualBatches:
        """The arms of an epoch in batches as equal as can be: `DataLoader(batch_sampler=...)`."""
        return EqualBatches(self.course.kept, batch_size)

    # -- what a loop tells ------------------------------------------------------------------------

    @uncompiled
    def loss(
        self, logits: Tensor, labels: Tensor, arms: Tensor, losses: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch to call `backward` on: sum of weight * loss / B. It is recorded.

        Args:
            logits: (B, C), of any precision.
            labels: (B,) int64.
            arms: (B,) int64, as they came with the batch; leave them on the CPU.
            losses: (B,) what is trained on, where that is not the cross-entropy: with label
                smoothing or mixing, say. What is recorded, and shown to the agent, stays the plain
                cross-entropy.

        Returns:
            () a scalar. With several ranks it is their mean that is the loss of the batch, as
            DistributedDataParallel takes it.

        Raises:
            ValueError: shapes do not fit, or the arms are not of this epoch.
        """
        log_p, values = self._of_logits(logits, labels)
        if not self._has_classes:
            raise ValueError(
                "loss takes classes, and the data set tells of none; pass "
                f"num_classes={logits.shape[1]} to Pruned, or labels=, the class of every sample; "
                "for what is no classification call record"
            )
        if losses is None:
            losses = nll_loss(log_p, values["labels"], reduction="none")
        if not losses.requires_grad:
            notes.without_gradient()
        return self._weighted(arms, losses, values)

    @uncompiled
    def record(self, arms: Tensor, losses: Tensor) -> Tensor:
        """The same for what is no classification: (B,) and (B,) to a scalar.

        Of losses of pixels or tokens a sample has the mean. They are shown to the agent within 0
        and 100, whatever their unit.
        """
        of = {"signals has": self._named, f"{self.wishes.who} reads": self.wishes.signals}
        for who, names in of.items():
            if blind := [name for name in names if name in UNTOLD]:
                raise ValueError(f"{who} {', '.join(blind)}, which losses do not tell; call loss")
        self.course.only_losses = True
        if self._taken_for_classes:
            self._taken_for_classes = False
            notes.taken_for_classes(self.course.learner.num_classes, self.num_arms)
        values = of_losses(losses) | self._hooks.values(len(losses))
        return self._weighted(arms, losses, values)

    def _of_logits(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """(B, C) log-probabilities with their gradient, and all that is measured of the batch."""
        log_p, values = of_logits(logits, labels)
        if self._told_classes not in (None, log_p.shape[1]):
            raise ValueError(
                f"logits have {log_p.shape[1]} columns; num_classes is {self._told_classes}"
            )
        return log_p, values | self._hooks.values(len(labels), labels, logits)

    def _weighted(self, arms: Tensor, losses: Tensor, values: dict[str, Tensor]) -> Tensor:
        """The weighted mean of (B,) losses, once what was measured of the batch is recorded."""
        host = on_host(arms, len(next(iter(values.values()))), self.num_arms)
        if losses.shape != host.shape:
            raise ValueError(
                f"losses are {tuple(losses.shape)}; expected {host.shape}, one a sample, as "
                'reduction="none" gives them'
            )
        if self.course.kept.done == 0 and (size := len(self.dataset)) != self.num_arms:
            notes.other_size(size, self.num_arms)
        weights = self.course.train(host, values)
        if self._to_compare and "labels" in values:  # once: a GPU has to be waited for
            self._to_compare = False
            known = self.course.rounds.arms.labels[host]
            notes.labels_of_loop(values["labels"].cpu().numpy(), known)
        if weights is None:
            return losses.mean()
        return (losses * torch.from_numpy(weights).to(losses.device, non_blocking=True)).mean()

    @uncompiled
    @torch.no_grad()
    def look(self, logits: Tensor, labels: Tensor, arms: Tensor) -> None:
        """With full feedback: what a forward pass shows of arms of `rest`, after an epoch."""
        _, values = self._of_logits(logits, labels)
        self.course.look(on_host(arms, len(labels), self.num_arms), values)

    @uncompiled
    def validated(self, loss: float, accuracy: float | None = None) -> None:
        """Tell how well the network does on other data: mean loss in nats, accuracy in [0, 1].

        An agent that reads them chooses when it has been told after an epoch's last batch, on every
        rank: what counts is their mean. What was told before (a check before training, say) does
        not count.
        """
        self.course.validated(float(loss), None if accuracy is None else float(accuracy))

    # -- what has become of it --------------------------------------------------------------------

    def summary(self) -> Summary:
        """What was saved so far, what choosing took and what was kept; `print` shows it."""
        return self._ending.summary(self.course.rounds)

    def traces(self) -> Traces:
        """What every epoch so far has shown of every arm, for `prior`; `save` writes a file.

        Raises:
            ValueError: it was made without `keep_traces`, or no epoch is over.
        """
        if self.course.recorder is None:
            raise ValueError("there are no traces; pass keep_traces=True")
        return self.course.recorder.traces(self.course.rounds)

    def columns(self) -> dict[str, NDArray[Any]]:
        """What is known of every sample, (N,) each, in the order of the data set.

        `position` in the data set, `label` (where labels are known), `pulls`: how many epochs
        trained on it, `last_seen`: the last that measured it, from 1, or 0, and what it measured:
        `loss` and whatever else is kept, NaN where it never was. `weight` is how much its loss
        counts in this epoch, `score` what the agent ranked it by (after the end: would rank it by),
        and what the agent itself keeps of every arm has the prefix `agent_`. All are copies.
        """
        arms, course = self.course.rounds.arms, self.course
        found: dict[str, NDArray[Any]] = {"position": np.arange(self.num_arms)}
        if self._has_labels:
            found["label"] = arms.labels.copy()
        found |= {"pulls": arms.pulls[0].copy(), "last_seen": arms.last_seen[0].copy()}
        for name, values in arms.measured.items():
            if values.ndim == 2 and not (course.only_losses and name in UNTOLD):
                found[name] = np.where(arms.last_seen[0] == 0, np.float32(np.nan), values[0])
        if course.weights is not None:
            found["weight"] = course.weights.copy()
        if (scores := course.scores()) is not None:
            found["score"] = scores.copy()
        others = getattr(course.agent, "not_of_arms", ())
        for name, array in (course.agent_state or {}).items():
            of_arms = array.size == self.num_arms > 1 and array.shape[-1] == self.num_arms
            if of_arms and name not in others:
                found[f"agent_{name}"] = array.flatten()
        return found

    def to_csv(self, path: str | Path) -> None:
        """Write `columns`, a row a sample."""
        check_name("path", path, (".csv",))
        with replacing(Path(path)) as temporary:
            write(temporary, ".csv", self.columns())

    def to_npz(self, path: str | Path) -> None:
        """Write `columns`, and `kept`: (E, N) bool, what each epoch was to train on."""
        check_name("path", path, (".npz",))
        kept = [self.course.kept_in(epoch) for epoch in range(len(self.course.history))]
        with replacing(Path(path)) as temporary:
            write(temporary, ".npz", self.columns() | {"kept": np.stack(kept)})

    # -- to save and restore ----------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on, in the middle of an epoch too: tensors and plain values.

        With several ranks all call this, after the same step, and get the same; one writes it.
        """
        return to_tensors(self.course.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict` of one that was made alike: the same samples follow.

        Raises:
            ValueError: it was made otherwise, or this is no such state.
        """
        if not (isinstance(state, dict) and "of" in state):
            came = f"has {list(state)[:3]}" if isinstance(state, dict) else f"is {in_a_line(state)}"
            raise ValueError(f"the state {came}; expected what state_dict() gives")
        self.course.load_state_dict(to_arrays(state))
