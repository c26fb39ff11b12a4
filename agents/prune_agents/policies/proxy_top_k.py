"""proxy_top_k: in each round the arms that another network found hardest in that round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.prior import Prior, Traces
from prune_agents.tools.groups import rank_within
from prune_env.checks import In
from prune_env.core.selection import quotas


@dataclass(frozen=True, kw_only=True)
class ProxyTopK(Agent):
    """Proxy masks: a proxy is trained first; in round t the arms that it found hard in round t.

    The arms are dealt into batches, and of each the keep_ratio share of the highest losses in the
    same round of the proxy's training is kept. Source: the code of airbench96_faster (Keller
    Jordan), verified: there a batch has 1,024 images, half of which are kept, and the proxy is a
    network of about a sixth of the width that learns from every fourth batch and sees the same.
    Here it is a whole prior run of the same network, because that is what a prior run is, at the
    price of one: what this can show is whether the choice is good, never that it saves time. An
    environment does not tell its batches, so they are drawn again.
    """

    batch_size: Annotated[int, In("[1, inf)")] = 1024
    """arms that compete with each other"""

    def prior(self, epochs: int) -> Prior:
        return Prior(rounds=epochs)

    def begin(self, traces: Traces) -> State:
        """The state of one run before its first round."""
        loss = traces.signals["loss"]
        return self.fresh_state(1, loss.shape[2]) | {"proxy_loss": loss}

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        traces = self.from_prior(state, "proxy_loss")
        kept = np.zeros(observation["seen"].shape, bool)
        for row, round_, losses in zip(kept, state["round"], traces, strict=True):
            batch = np.empty(len(row), np.int64)
            batch[rng.permutation(len(row))] = np.arange(len(row)) // self.batch_size
            size = np.bincount(batch)
            loss = losses[min(round_, len(losses) - 1)]
            row[...] = rank_within(loss, batch, rng) < quotas(size, size, k, None)[batch]
        return kept
