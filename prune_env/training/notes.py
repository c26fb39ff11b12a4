"""Notes: what a loop is told, in one line each, while nothing is wrong with its code."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from prune_env.core.signals import SIGNALS
from prune_env.learners.protocol import Signals
from prune_env.learners.ranks import Ranks
from prune_env.notices import say
from prune_env.text import number

FEW = 5
"""So many arms are named."""


def cut_off(left: int, kept: int, epoch: int) -> None:
    """Some of what was kept was not trained on, for the first time."""
    _say(
        f"{left} of the {kept} samples of epoch {epoch} were never recorded (a break, "
        "drop_last=True, or next(iter(loader)) inside it?) and count as pruned; a last epoch of "
        "which some are left never ends, and is missing in the summary; "
        "batch_sampler=pruned.batch_sampler(size) makes batches of which none has to be dropped "
        "(said once)"
    )


def unrecorded(kept: int) -> None:
    """An epoch was gone through, and nothing of it was recorded."""
    _say(of_unrecorded(kept))


def of_unrecorded(kept: int) -> str:
    """The same as a text."""
    return (
        f"all {kept} samples of an epoch were drawn and none was recorded, so no other epoch "
        "follows: call pruned.loss(logits, labels, arms), or pruned.record, on every batch; where "
        "drop_last=True drops so few, take batch_sampler=pruned.batch_sampler(size)"
    )


def over(epochs: int) -> None:
    """A loop goes on beyond the end."""
    _say(of_over(epochs))


def of_over(epochs: int) -> str:
    """The same as a text."""
    return (
        f"the run is over after {number(epochs, 'epoch')}: there are no more samples; see "
        "pruned.over, and pruned.scheduler where a schedule of your own would go on"
    )


def of_stateless(checkpoint: str, maker: str, without: str) -> str:
    """A checkpoint was made without what puts the state of `Pruned` there, as a text."""
    return (
        f"{checkpoint} holds no state of pruned, which would begin anew in the middle of the run; "
        f"{without}, or with one that was made with {maker}"
    )


def unusual(signals: Signals, epoch: int) -> None:
    """Losses that are no numbers, or lie outside the range of what is shown."""
    loss, high = signals.of("loss"), SIGNALS["loss"].high
    if len(bad := signals.indices[~np.isfinite(loss)]):
        named = ", ".join(map(str, np.sort(bad)[:FEW])) + (" ..." * (len(bad) > FEW))
        _say(
            f"in epoch {epoch} the loss of {len(bad)} of {len(loss)} samples was not finite; it is "
            f"recorded as the worst, {high:g}: samples {named}"
        )
    elif ((loss < 0) | (loss > high)).any():
        worst = float(loss.max())
        by = 10 ** math.ceil(math.log10(max(worst, high) / high))
        hint = f": record them smaller, pruned.record(arms, losses / {by}) * {by}"
        _say(
            f"losses below 0 or above {high:g} look like 0 or {high:g} to the agent, all alike"
            f"{hint * (worst > high)}"
        )


def other_labels(different: int, num_arms: int) -> None:
    """Samples have another class in a prior run than in the data set."""
    _say(
        f"in the prior run {different:,} of {num_arms:,} samples have another label than here: is "
        "it of the same data, in the same order?"
    )


def pruned_prior(share: float, who: str) -> None:
    """A prior run has not trained on everything."""
    _say(
        f"the prior run has trained on {share:.1%} of its samples: {who} chooses by a run that "
        "keeps everything, Pruned without an agent, and those that this one left out look as they "
        "did when they were last seen, or as a guess"
    )


def without_gradient() -> None:
    """A batch is recorded of which nothing can be trained on."""
    _say(
        "pruned.loss was called where nothing has a gradient, as under torch.no_grad, and its "
        "samples count as trained on: an evaluation computes a loss of its own"
    )


def other_size(size: int, num_arms: int) -> None:
    """The data set has grown, or shrunk."""
    _say(
        f"the data set has {size:,} samples, and had {num_arms:,} when Pruned was made, which are "
        "all that it chooses from; make another Pruned of what has changed"
    )


def labels_of_loop(labels: NDArray[np.integer], known: NDArray[np.int64]) -> None:
    """The first batch, (B,), has other classes than the data set tells of."""
    if different := int(np.count_nonzero(labels != known)):
        _say(
            f"{different} of {len(labels)} samples of the first batch have another class in the "
            "loop than the data set tells (its targets, labels, column label or the last tensor of "
            "a TensorDataset, or labels=), which is what an agent and the summary go by; pass "
            "labels=, the class of every sample as the loop trains on it, and let no collate_fn "
            "in Collate sort its samples"
        )


def other_logits(layer: str) -> None:
    """The features are of a layer whose output the logits are not."""
    _say(
        f"features are what goes into the linear layer {layer!r}, and the logits are not its "
        "output: where another layer makes them pass that one as model=, as model=network.head; "
        "where they are scaled after it gradient_norm of a prior run is without that scale"
    )


def taken_for_classes(num_classes: int, num_arms: int) -> None:
    """Losses are recorded of samples whose whole numbers were taken for classes."""
    _say(
        f"the whole numbers of the data set are taken for {num_classes} classes, and agents scale "
        f"losses by what a guess among those loses, {math.log(num_classes):.3g}; pass "
        f"labels=[0] * {num_arms} where they are none, as ratings or counts, and "
        f"num_classes={num_classes} where they are"
    )


def _say(text: str) -> None:
    if Ranks.here().rank == 0:  # the others would say the same
        say(text)
