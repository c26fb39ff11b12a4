"""learned: ranks arms by a weighted sum of signals whose weights evolution has found.

A score is the sum over `TERMS` of weight times term. The weight of a term is itself a sum over
`CONTEXTS`, so it may change as the run goes on and as the network learns. The weights lie as JSON
in a folder of agents/prune_agents/zoo/learned, with what they were trained on and how they did.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.tools.guess import remember_guess
from prune_env.core.generators import gumbel
from prune_env.core.selection import best_k
from prune_env.files import read_json
from prune_env.lookup import unknown

TERMS = ("unseen", "loss", "middle", "standing", "age", "fall", "noise")
"""What is known of an arm, (M, N) each, in [-1, 1] but for the noise; 0 of an arm never observed.

unseen    1 where the arm was never observed, and all others are 0
loss      rank of the last loss among all arms observed: -1 the lowest, 1 the highest
middle    1 for a loss in the middle of those ranks, -1 for the lowest and the highest
standing  rank of the last loss among the arms that were observed in the same round
age       passes over the data since it was last observed (rounds times keep_ratio), minus 1
fall      (before - now) / (before + now) of its last two losses; 0 with only one
noise     standard Gumbel noise; the size of its weight is a temperature
"""

COUNT = "count"
"""A row of weights more, for how many arms a round keeps: in proportion to exp(weight * late), and
all rounds of a run together as many as with K in each. Its other weights are not read."""

ROWS = (*TERMS, COUNT)

CONTEXTS = ("always", "late", "learned", "easier")
"""What the weights depend on, (M,) each, in [-1, 1].

always   1
late     progress: -1 at the start of the run, 1 at its end
learned  -ln(mean of the last losses / log C) - 1: low as long as little was learned
easier   whether training makes hard arms easier: 1 - 2 (sum now / sum before) of the losses of the
         arms that were observed again in the last round and stood in the upper third of their round
         before; 1 where nothing is left of them, -1 where nothing has changed, 0 before any
"""

SIZE = len(ROWS) * len(CONTEXTS)
MOST = 100
"""Of the size of a weight: beside such a one all others are nothing."""
ZOO = Path(__file__).parents[1] / "zoo/learned"
FILE = "weights.json"


@dataclass(frozen=True, kw_only=True)
class Learned(Agent):
    """The arms of the highest weighted sum of signals; the weights were found by evolution.

    K in each round on average; fewer or more as the run goes on, if the weight of `COUNT` is not 0.
    """

    weights: str | tuple[float, ...] = "mixed-1"
    """a folder with weights.json, of the zoo or by its path; or the numbers, term by term"""

    signals: ClassVar[tuple[str, ...]] = ("loss", "age", "pulls", "progress")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "keeps_k", self.growth == 0)  # weights are read, or refused, here

    @property
    def growth(self) -> float:
        """The weight of `COUNT`: the last round keeps exp(2 growth) times what the first does."""
        return float(self.matrix[ROWS.index(COUNT), CONTEXTS.index("late")])

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """(rows, contexts) the weights."""
        if isinstance(self.weights, str):
            return read_weights(self.weights)
        if len(self.weights) != SIZE or not _allowed(self.weights):
            raise ValueError(
                f"weights are {len(self.weights)} numbers; allowed are {SIZE} of a size up to "
                f"{MOST}: for each of {', '.join(ROWS)} those of {', '.join(CONTEXTS)}"
            )
        return np.array(self.weights, np.float64).reshape(len(ROWS), len(CONTEXTS))

    def start(self, num_runs: int, num_arms: int) -> State:
        shape = (num_runs, num_arms)
        arms = {name: np.zeros(shape, np.float32) for name in ("loss", "standing", "fall")}
        runs = {name: np.zeros((num_runs, 1)) for name in ("guess", "easier")}
        return arms | runs | {"known": np.zeros(shape, bool)}

    def update(self, state: State, observation: Observation) -> None:
        seen, loss = observation["seen"] == 1, observation["loss"]
        remember_guess(state["guess"], loss)
        hard = seen & state["known"] & (state["standing"] > 1 / 3)
        was, is_now = (each.sum(1, keepdims=True, where=hard) for each in (state["loss"], loss))
        left = is_now / np.where(was > 0, was, 1)
        state["easier"] = np.where(was > 0, np.clip(1 - 2 * left, -1, 1), state["easier"])
        before = np.where(state["known"], state["loss"], loss)
        fall = (before - loss) / np.maximum(before + loss, 1e-12)
        state["fall"] = np.where(seen, fall, state["fall"])
        state["standing"] = np.where(seen, ranks(loss, seen), state["standing"])
        state["loss"] = np.where(seen, loss, state["loss"])
        state["known"] |= seen

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        scores = self.scores(state, observation, rng)
        return best_k(scores, self.counts(state, observation, k), rng)

    def counts(self, state: State, observation: Observation, k: int) -> NDArray[np.int64]:
        """(M,) how many arms the coming rounds of each run keep, until it chooses again; all rounds
        but the full ones together K a round.

        A run that does not know yet how many rounds it has keeps what a very long one would begin
        with, and K where it chooses for several; later rounds make up for it.
        """
        progress = observation["progress"][:, 0]
        if self.growth == 0:
            return np.full(len(progress), k)
        num_arms = observation["pulls"].shape[1]
        full = self.full_rounds
        kept = observation["pulls"].sum(axis=1, dtype=np.float64) - full * num_arms
        rounds = np.rint(state["round"] / np.maximum(progress, 1e-12))
        coming = np.clip(rounds - state["round"], 1, self.period)
        rounds = np.maximum(rounds - full, 1)
        after = (state["round"] - full + coming) / rounds
        total = np.expm1(2 * self.growth * after) / np.expm1(2 * self.growth)
        begins = 2 * self.growth / np.expm1(2 * self.growth)
        first = k * (begins if self.period == 1 else 1)
        left = (k * rounds * total - kept) / coming
        return np.clip(np.rint(np.where(progress > 0, left, first)), 1, num_arms).astype(np.int64)

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        weights = self.contexts(state, observation) @ self.matrix[: len(TERMS)].T
        terms = self.terms(state, observation)
        scores = sum(
            weights[:, [place]] * terms[name] for place, name in enumerate(TERMS) if name in terms
        )
        return scores + np.abs(weights[:, [-1]]) * gumbel(rng, observation["seen"].shape)

    def terms(self, state: State, observation: Observation) -> dict[str, NDArray[Any]]:
        """`TERMS` but for the noise."""
        known = state["known"]
        loss = ranks(state["loss"], known)
        return {
            "unseen": ~known,
            "loss": loss,
            "middle": np.where(known, 1 - 2 * np.abs(loss), 0),
            "standing": state["standing"],
            "age": np.where(known, np.minimum(observation["age"] * self.keep_ratio - 1, 1), 0),
            "fall": state["fall"],
        }

    def contexts(self, state: State, observation: Observation) -> NDArray[np.float64]:
        """(M, contexts)."""
        known, guess = state["known"], state["guess"][:, 0]
        total = np.where(known, state["loss"], 0).sum(axis=1, dtype=np.float64)
        mean = np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), guess)
        ratio = np.maximum(mean, 1e-12) / np.maximum(guess, 1e-12)
        learned = np.clip(-np.log(ratio) - 1, -1, 1)
        late = 2 * observation["progress"][:, 0] - 1
        return np.stack([np.ones_like(mean), late, learned, state["easier"][:, 0]], axis=1)


def ranks(values: NDArray[np.floating[Any]], counted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(M, N) in (-1, 1): the rank of each value among those counted in its row, of equal values the
    mean of theirs; others get 0.
    """
    found = np.zeros(values.shape, np.float32)
    for row, of_run, here in zip(found, values, counted, strict=True):
        _, place, count = np.unique(of_run[here], return_inverse=True, return_counts=True)
        middle = np.cumsum(count) - (count + 1) / 2
        row[here] = (2 * middle[place] + 1) / max(len(place), 1) - 1
    return found


def read_weights(folder: str) -> NDArray[np.float64]:
    """The weights in a folder of the zoo, or in any other by its path: (rows, contexts).

    Raises:
        ValueError, FileNotFoundError: there are none.
    """
    path = Path(folder) if "/" in folder else ZOO / folder
    if "/" not in folder and not path.is_dir():
        known = sorted(inside.name for inside in ZOO.iterdir())
        raise ValueError(unknown("folder of the zoo", folder, known))
    table: Any = read_json(path / FILE, "weights of `learned`").get("weights")
    try:
        found = np.array([[table[term][name] for name in CONTEXTS] for term in ROWS], np.float64)
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise ValueError(f"{path / FILE} holds no weights of `learned`: {error}") from error
    if not _allowed(found):
        raise ValueError(f"{path / FILE} has weights that are no numbers of a size up to {MOST}")
    return found


def _allowed(weights: ArrayLike) -> bool:
    """Whether all are numbers that a sum and an exponent of them bear."""
    return bool((np.abs(weights) <= MOST).all())


def named(weights: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """The weights by row and context, as a file of the zoo has them."""
    table = weights.reshape(len(ROWS), len(CONTEXTS)).tolist()
    return {
        name: dict(zip(CONTEXTS, row, strict=True)) for name, row in zip(ROWS, table, strict=True)
    }
