"""InfoBatch: prune easy arms at random and let the survivors count for them.

It reads the last loss of each arm, and log C of one never observed; the authors start at 3. Then
all scores are equal, none is below the mean, and the first round is whole in either case. So it is
with BLS, see `prune_agents.policies.bls`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Observation, State
from prune_agents.policies.loss_or_guess import LossOrGuess
from prune_agents.tools.schedule import ends_by
from prune_env.checks import In
from prune_env.core.moving_averages import Floats, Mask
from prune_env.core.selection import ActionKind, random_k


def below_mean(score: Floats) -> Mask:
    """Arms whose score is below the mean of their run, strictly. score: (M, N)."""
    # Taking the first away makes the mean of equal scores exact: none is below it.
    centred = score - score[:, :1]
    return centred < centred.mean(axis=1, keepdims=True)


@dataclass(frozen=True, kw_only=True)
class InfoBatch(LossOrGuess):
    """InfoBatch: prune a share rho of the arms below the mean loss and reweight the rest of them.

    Of L = {i: s_i < mean s}, with s the latest loss, floor((1 - rho) |L|) arms are drawn uniformly
    and weigh 1 / (1 - rho); all others are kept with weight 1. After the share delta of the run
    everything is kept: round e of T, counted from 0, prunes if e + 1 <= delta T. Source: arXiv
    2303.04947, verified against the authors' code. keep_ratio plays no part; the realised share is
    1 - rho |L| / N.
    """

    rho: Annotated[float, In("[0, 0.9]")] = 0.5
    """share of the easy arms that is pruned"""
    delta: Annotated[float, In("[0, 1]")] = 0.875
    """share of the run that is pruned"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "progress")
    action: ClassVar[ActionKind] = "weights"
    keeps_k: ClassVar[bool] = False
    reads_keep_ratio: ClassVar[bool] = False
    revision: ClassVar[int] = 2

    def stored_scores(self, state: State, observation: Observation) -> Floats:
        """(M, N): the higher the harder."""
        return self.losses(state, observation)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        easy = below_mean(self.stored_scores(state, observation))
        easy &= ends_by(self.delta, state["round"], observation["progress"])
        counts = np.floor((1 - self.rho) * easy.sum(axis=1) + 1e-9).astype(int)
        survivors = random_k(easy, counts, rng)
        return np.where(survivors, np.float32(1 / (1 - self.rho)), ~easy)
