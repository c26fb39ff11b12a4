"""What a run says of every arm, and how well that tells wrong labels from right ones.

For the reader of a result and for people who clean data: outside the clock, charged to nobody, and
shown to no agent.
"""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.core.export import write
from prune_env.env import PruneEnv


class ArmScores:
    """Keeps what each round measured of the arms.

    Args:
        env: of one run that has not begun.
    """

    def __init__(self, env: PruneEnv) -> None:
        self.learner, self.arms = env.learner, env.rounds.arms
        self.arms.also_store("loss")
        num_arms = env.learner.num_arms
        self.pulls = np.zeros(num_arms, np.int32)
        """(N,) rounds in which an arm was kept."""
        self.observed = np.zeros(num_arms, np.int32)
        """(N,) rounds in which it was measured."""
        self.loss_sum = np.zeros(num_arms)
        """(N,) nats, of all of them."""
        self.kept: list[NDArray[np.uint8]] = []
        """Of each round `numpy.packbits` of (N,) bool."""
        self.scores: NDArray[np.float64] | None = None
        """(N,) by which the agent would choose now; None where it does not rank its arms."""
        true = getattr(env.learner, "true_labels", None)
        self.true_labels: NDArray[np.int64] | None = true
        self.wrong = None if true is None else env.learner.labels != true
        """(N,) bool: whose label is wrong; None where nobody knows."""

    def note(self, scores: NDArray[Any] | None) -> dict[str, Any]:
        """After a round: what a result says of it about wrong labels, nothing where none is known.

        Args:
            scores: (N,) by which the agent would choose now, or None.
        """
        kept = self.arms.pulls[0] > self.pulls
        seen = self.arms.last_seen[0] == self.arms.round[0]
        self.kept = [*self.kept, np.packbits(kept)]
        self.pulls = self.arms.pulls[0].copy()
        self.observed += seen
        self.loss_sum += np.where(seen, self.last_loss, 0.0)
        self.scores = None if scores is None else np.asarray(scores, np.float64)
        if self.wrong is None:
            return {}
        told: dict[str, Any] = {
            "mean_loss": self.mean_loss,
            "pulls": self.pulls,
            "scores": self.scores,
        }
        areas = {
            name: round(area, 4)
            for name, values in told.items()
            if values is not None and (area := area_under_curve(values, self.wrong)) is not None
        }
        return {"wrong_kept": round(float(self.wrong[kept].mean()), 4), "wrong_auc": areas}

    @property
    def last_loss(self) -> NDArray[np.float32]:
        """(N,) nats, as last measured; log C before that."""
        return self.arms.measured["loss"][0]

    @property
    def mean_loss(self) -> NDArray[np.float64]:
        """(N,) nats, mean over the rounds in which an arm was measured; log C before that."""
        mean = self.loss_sum / np.maximum(self.observed, 1)
        return np.where(self.observed > 0, mean, self.last_loss)

    def write(self, temporary: Path, ending: str) -> None:
        """Write `table` to a file; an .npz has `kept` too, (T, N) bool, what each round trained on.

        Args:
            temporary: where; see `prune_env.files.replacing`.
            ending: one of `prune_env.core.export.ENDINGS`.
        """
        columns = self.table()
        if ending == ".npz":
            rounds = [np.unpackbits(row, count=len(self.pulls)) for row in self.kept]
            columns["kept"] = np.array(rounds, bool).reshape(-1, len(self.pulls))
        write(temporary, ending, columns)

    def table(self) -> dict[str, NDArray[Any]]:
        """What is known of the arms, (N,) each, in the order of the data.

        `position` in what was named, see `Split.rows`, `file` in an image folder, `label`,
        `true_label` where one is known, `pulls`, `observed`, `last_loss` and `mean_loss` (nats, NaN
        of an arm that was never measured), and `score` where the agent ranks.
        """
        never = self.observed == 0
        columns = {
            "position": getattr(self.learner, "train_positions", np.arange(len(never))),
            "file": getattr(self.learner, "arm_files", None),
            "label": self.learner.labels,
            "true_label": self.true_labels,
            "pulls": self.pulls,
            "observed": self.observed,
            "last_loss": np.where(never, np.nan, self.last_loss),
            "mean_loss": np.where(never, np.nan, self.mean_loss),
            "score": self.scores,
        }
        return {name: column for name, column in columns.items() if column is not None}

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on, copied."""
        names = ("pulls", "observed", "loss_sum", "scores", "kept")
        return {name: copy(getattr(self, name)) for name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        for name, value in state.items():
            setattr(self, name, value)


def area_under_curve(values: NDArray[Any], wrong: NDArray[np.bool_]) -> float | None:
    """How likely a wrong arm has a higher value than a right one, a tie counting half.

    That is the area under the ROC curve of finding the wrong ones by the highest values. None where
    all arms are right, or all wrong.

    >>> area_under_curve(np.array([3.0, 1.0, 2.0, 2.0]), np.array([True, False, True, False]))
    0.875
    """
    from scipy.stats import rankdata  # a second of the processor

    count = int(wrong.sum())
    pairs = count * (len(wrong) - count)
    if not pairs:
        return None
    return float((rankdata(values)[wrong].sum() - count * (count + 1) / 2) / pairs)
