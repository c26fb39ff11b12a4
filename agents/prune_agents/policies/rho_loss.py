"""rho_loss: keep what is not yet learned but can be, as a network trained on other arms shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prune_agents.agent import State
from prune_agents.policies.orderdp import OrderDP
from prune_agents.prior import Prior, Traces
from prune_env.core.moving_averages import Floats


@dataclass(frozen=True, kw_only=True)
class RhoLoss(OrderDP):
    """RHO-LOSS: of a random pool, keep the arms of the highest loss above the irreducible loss.

    The pool has K / top_share arms, at most all; its top K by latest loss - IL are kept. IL is the
    loss of an arm under a network that was trained on other data. With no holdout to spare, two
    prior runs, each over one random half of the arms, give the IL of the other half; their cost is
    that of a whole run and a forward pass. Source: arXiv 2206.07137, where the pool is a batch, of
    which a tenth is kept (verified in the authors' code); that two halves may stand in for a
    holdout is from memory. By rounds, on the latest losses, and top_share are this project's.
    """

    def prior(self, epochs: int) -> Prior:
        return Prior(rounds=epochs, runs=2, halves=True)

    def begin(self, traces: Traces) -> State:
        """The state of one run before its first round."""
        assert traces.trained is not None
        last = traces.signals["loss"][:, -1]
        irreducible = np.where(traces.trained[0], last[1], last[0])
        return self.fresh_state(1, len(irreducible)) | {"irreducible": irreducible[None]}

    def score(self, state: State) -> Floats:
        return state["loss"] - self.from_prior(state, "irreducible")
