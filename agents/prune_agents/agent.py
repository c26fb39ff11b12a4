"""Agent: the base of every built-in selection policy.

An agent has Stable-Baselines3's own method, `predict(observation, state, episode_start,
deterministic) -> (action, state)`, so built-in agents and SB3 models are one kind of thing and
`stable_baselines3.common.evaluation.evaluate_policy` takes both. An agent is a frozen dataclass of
options; what it has learned travels in `state`, a plain dict of arrays.

A policy is written once, for M runs side by side: it implements `start`, `update` and `choose`, or
`scores` where it keeps what ranks highest, over arrays of shape (M, N). One environment is M = 1
with the leading axis taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from prune_agents.declared import Shown, blamed, check_declared
from prune_env.checks import In, check
from prune_env.core.selection import ActionKind, best_k, within_budget
from prune_env.driving import check_state
from prune_env.notices import say
from prune_env.text import number

if TYPE_CHECKING:
    from prune_agents.prior import Prior, Traces

Observation = Mapping[str, NDArray[np.float32]]
State = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Agent:
    """Options that every policy shares."""

    keep_ratio: Annotated[float, In("(0, 1]")] = 0.3
    """share of the arms to keep each round"""
    period: Annotated[int, In("[1, inf)")] = 1
    """rounds between two selections; in between the last one is trained again"""
    full_rounds: Annotated[int, In("[0, inf)")] = 0
    """rounds at the beginning of a run that keep everything; the first selection follows them"""
    seed: Annotated[int, In("[0, inf)")] = 0
    """decides everything random in this agent"""

    signals: ClassVar[tuple[str, ...]] = ()
    """Entries of the observation that the policy reads besides `seen`.

    Where the environment shows `budget_left` too, no policy keeps more than it can pay for."""
    action: ClassVar[ActionKind] = "keep"
    """Which action space the policy answers in."""
    keeps_k: ClassVar[bool] = True
    """Whether each round keeps exactly K = round(keep_ratio N) arms; else the policy decides."""
    not_of_arms: ClassVar[tuple[str, ...]] = ()
    """Entries of the state with N places that are no arms: one a group of arms, or an order."""
    reads_keep_ratio: ClassVar[bool] = True
    """Whether keep_ratio plays a part; where it does not, a board runs the agent once."""

    revision: ClassVar[int] = 1
    """Raised whenever the policy chooses otherwise than before: its old runs then do not count."""

    def __post_init__(self) -> None:
        check_declared(type(self), Agent)
        check(self)

    # -- what a policy implements ---------------------------------------------------------------

    def start(self, num_runs: int, num_arms: int) -> State:
        """What is known before the first round: arrays with a leading axis of M runs.

        Two entries belong to the base: `round`, (M,) int64, how many choices this run has behind
        it, and `calls`, () int64, which numbers the random draws.
        """
        return {}

    def update(self, state: State, observation: Observation) -> None:
        """Learn from the last round, in place. `observation["seen"]` says which arms count."""

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        """How much each arm is worth keeping, (M, N), no NaN: for a policy that ranks its arms."""
        raise ValueError(
            f"{type(self).__name__} says neither how it chooses nor how it ranks arms; write a "
            "method `scores`, or `choose`"
        )

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        """Choose k arms in each run: (M, N) bool, or float32 weights where `action` says so.

        A policy that ranks its arms leaves this to `scores`. May write to `state` what the next
        choice needs, in entries that `start` has made.
        """
        return best_k(self._ranked(state, observation, rng), k, rng)

    @classmethod
    def ranks(cls) -> bool:
        """Whether the policy keeps the k arms of its highest `scores`, and nothing else decides."""
        return cls.choose is Agent.choose and cls.scores is not Agent.scores

    def env_options(self, epochs: float) -> dict[str, Any]:
        """How an environment must be made so that this policy is run as it is meant.

        Args:
            epochs: the length of the run in epochs that a policy without wishes would get.
        """
        return {}

    # -- a prior run -------------------------------------------------------------------------------

    @classmethod
    def wants_prior(cls) -> bool:
        """Whether the policy chooses by a prior run, and so has `prior` and `begin`."""
        return cls.prior is not Agent.prior

    def prior(self, epochs: int) -> Prior | None:
        """The prior run that the policy wants before a run of so many rounds, or None."""
        return None

    def begin(self, traces: Traces) -> State:
        """The state of one run before its first round, after what the prior run has shown."""
        raise ValueError(f"{type(self).__name__} wants no prior run")

    def from_prior(self, state: State, name: str) -> NDArray[Any]:
        """An entry of the state that `begin` has made.

        Raises:
            ValueError: the policy was not begun with a prior run.
        """
        if name not in state:
            raise ValueError(
                f"{type(self).__name__} chooses by a prior run: pass state=agent.begin(traces), "
                "with the traces from prune_agents.prior.record"
            )
        return state[name]

    def fresh_state(self, num_runs: int, num_arms: int) -> State:
        """What is known before the first round, with the entries that belong to the base."""
        counters: State = {"round": np.zeros(num_runs, np.int64), "calls": np.zeros((), np.int64)}
        return self._started(num_runs, num_arms) | counters

    def k_of(self, num_arms: int) -> int:
        """K, how many arms a round is to keep."""
        return max(1, round(self.keep_ratio * num_arms))

    # -- what SB3 calls ---------------------------------------------------------------------------

    def predict(
        self,
        observation: Observation,
        state: State | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], State]:
        """Choose the arms of the next round.

        Args:
            observation: the environment's Dict observation, entries (N,) or, for M environments,
                (M, N).
            state: what the last call returned; None begins anew.
            episode_start: (M,) bool, which runs have just been reset.
            deterministic: there for SB3's sake and ignored: exploration is part of a policy, and
                `seed` already makes it repeatable.

        Returns:
            The action, (N,) or (M, N), int8 mask or float32 weights, and the new state. The state
            that was passed in is left as it was.

        Raises:
            ValueError: the observation lacks an entry that the policy reads.
        """
        observation, batched = self._of_several(observation)
        num_runs, num_arms = observation["seen"].shape
        self._check_state(state, observation["seen"], episode_start)
        k = self.k_of(num_arms)
        with blamed(type(self).__name__):
            state, rng = self._learned(observation, state, episode_start)
            if self.period == 1 and (state["round"] >= self.full_rounds).all():
                chosen = self.choose(state, observation, k, rng)
            else:
                chosen = self._choose_when_due(state, observation, k, rng)
        chosen = self._checked(chosen, num_runs, num_arms)
        if self.keeps_k:
            self._check_k(chosen[state["round"] >= self.full_rounds], k)
        check_state(state, type(self).__name__)
        state["round"] += 1
        if "budget_left" in observation:
            chosen = within_budget(chosen, observation["budget_left"], rng)

        action = chosen.astype(np.int8 if self.action == "keep" else np.float32)
        return (action if batched else action[0]), state

    def scores_now(
        self, observation: Observation, state: State | None
    ) -> NDArray[np.floating[Any]] | None:
        """The scores by which `predict` would choose of the same, if it chose anew.

        None of a policy without any. In rounds in which it keeps all, or repeats a choice (see
        `period`), nothing is chosen by them.

        Returns:
            (N,) or (M, N), the higher the sooner kept. The state is left as it was.
        """
        if type(self).scores is Agent.scores:
            return None
        observation, batched = self._of_several(observation)
        state, rng = self._learned(observation, state)
        scores = self._ranked(state, observation, rng)
        return scores if batched else scores[0]

    def _ranked(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        """What `scores` returned, where it is a number for each arm of each run."""
        scores = np.asarray(self.scores(state, observation, rng))
        if scores.shape != observation["seen"].shape or scores.dtype.kind not in "biuf":
            came = f"{scores.dtype} of shape {scores.shape}" if scores.ndim else str(scores)
            raise ValueError(
                f"{type(self).__name__}.scores returned {came}; expected numbers of shape "
                f"{observation['seen'].shape}, a score for each arm of each run"
            )
        return scores

    def _of_several(self, observation: Observation) -> tuple[Observation, bool]:
        """The observation of M runs, 1 where it was of a single one; and whether it was of M."""
        needed = ("seen", *self.signals)
        if not isinstance(observation, Mapping):
            raise ValueError(
                f"{type(self).__name__} was shown a {type(observation).__name__}; expected a dict "
                f"with {', '.join(needed)}, as ids without wrappers show it: -Scores-v0 and "
                "-Rules-v0 are for agents that learn"
            )
        if missing := [name for name in needed if name not in observation]:
            raise ValueError(
                f"{type(self).__name__} reads {', '.join(missing)}, which the observation does not "
                f"have; make the environment with signals={needed}"
            )
        batched = observation["seen"].ndim == 2
        entries = observation if batched else {n: array[None] for n, array in observation.items()}
        return Shown(entries, type(self)), batched

    def _check_state(
        self, state: State | None, seen: NDArray[np.float32], episode_start: object
    ) -> None:
        """Refuse the state of another agent, and say where it seems to be that of another run."""
        who = type(self).__name__
        if state is None:
            if seen.any():
                say(
                    f"{who} was given no state in the middle of a run, so it begins anew: "
                    "action, state = agent.predict(observation, state) hands on what it knows"
                )
            return
        rounds = state.get("round")
        if rounds is None or rounds.shape != seen.shape[:1] or "calls" not in state:
            raise ValueError(
                f"{who} was given a state that is not of {len(seen)} runs of its own; expected "
                "what its last predict returned, or None"
            )
        if episode_start is None and (~seen.any(axis=1) & (rounds > 0)).any():
            say(
                f"{who} was given the state of a run that has begun, and an observation of one "
                "that has not: after a reset pass state=None, or episode_start"
            )

    def _learned(
        self,
        observation: Observation,
        state: State | None,
        episode_start: NDArray[np.bool_] | None = None,
    ) -> tuple[State, np.random.Generator]:
        """A copy of the state that has learned from the last round, and the source of chance."""
        state = self._copied(state, episode_start, *observation["seen"].shape)
        rng = np.random.default_rng((self.seed, int(state["calls"])))
        state["calls"] += 1
        learned = cast(Callable[..., Any], self.update)(state, observation)
        if learned is not None and learned is not state:
            raise ValueError(
                f"{type(self).__name__}.update returned a {type(learned).__name__}, which nobody "
                "reads; it writes what it learned into state, and returns nothing"
            )
        return state, rng

    def _copied(
        self,
        state: State | None,
        episode_start: NDArray[np.bool_] | None,
        num_runs: int,
        num_arms: int,
    ) -> State:
        """A copy of the state to work on, fresh in the runs that have just been reset."""
        begun = np.zeros(num_runs, bool) if episode_start is None else np.asarray(episode_start)
        if state is None:
            return self.fresh_state(num_runs, num_arms)
        state = {name: array.copy() for name, array in state.items()}
        if begun.any():
            fresh = self.fresh_state(int(begun.sum()), num_arms)
            for name in fresh.keys() - {"calls"}:
                state[name][begun] = fresh[name]
        return state

    def _started(self, num_runs: int, num_arms: int) -> State:
        """What `start` says, refused where it could not be saved or belongs to no run."""
        who = type(self).__name__
        state = check_state(self.start(num_runs, num_arms), who)
        for name, array in (state or {}).items():
            if name in ("round", "calls"):
                raise ValueError(f"{who}.start returned {name!r}, an entry of the base's own")
            if array.shape[:1] != (num_runs,):
                raise ValueError(
                    f"{who}.start returned {name!r} of shape {array.shape}; expected a leading "
                    f"axis of {num_runs} runs"
                )
        return state or {}

    def _checked(self, chosen: Any, num_runs: int, num_arms: int) -> NDArray[Any]:
        """What `choose` returned, where it is a mask or weights of M runs over N arms."""
        chosen, who = np.asarray(chosen), type(self).__name__
        if chosen.shape != (num_runs, num_arms) or chosen.dtype.kind not in "biuf":
            raise ValueError(
                f"{who}.choose returned {chosen.dtype} of shape {chosen.shape}; expected "
                f"{(num_runs, num_arms)}: for each arm of each run whether it is kept"
            )
        if self.action == "keep" and chosen.dtype != bool:
            if bad := int(np.count_nonzero((chosen != 0) & (chosen != 1))):
                raise ValueError(
                    f"{who}.choose returned {number(bad, 'value that is', 'values that are')} "
                    "neither 0 nor 1; of scores, prune_env.best_k(scores, k, rng) keeps the k "
                    "highest"
                )
            chosen = chosen != 0
        return chosen

    def _check_k(self, chosen: NDArray[Any], k: int) -> None:
        """Refuse another number of arms than k where the class says that it keeps k."""
        kept = np.count_nonzero(chosen, axis=1)
        if (kept != k).any():
            raise ValueError(
                f"{type(self).__name__}.choose kept {number(int(kept[kept != k][0]), 'arm')} where "
                f"k is {k:,}; a policy that decides itself how many says keeps_k = False"
            )

    def seeded(self, seed: int) -> Self:
        """The agent for a run of that seed; one that was made with a seed other than 0 keeps it."""
        return self if self.seed or not seed else replace(self, seed=seed)

    def shared(self) -> dict[str, Any]:
        """The options that a policy inside this one is made with."""
        names = ("keep_ratio", "period", "full_rounds", "seed")
        return {name: getattr(self, name) for name in names}

    def choose_in(
        self,
        runs: NDArray[Any],
        state: State,
        observation: Observation,
        k: int,
        rng: np.random.Generator,
    ) -> NDArray[Any]:
        """`choose` in some of the runs, given as mask or indices; what it changes is in the state.

        Returns:
            As `choose`, of these runs.
        """
        part = {name: array[runs] for name, array in state.items() if array.ndim}
        shown = Shown({name: array[runs] for name, array in observation.items()}, type(self))
        chosen = self.choose(part, shown, k, rng)
        _write(state, part, runs)
        return chosen

    def selection_number(self, state: State) -> NDArray[np.int64]:
        """(M,) which selection of its run the coming round has, from 0; below 0 in full rounds."""
        return (state["round"] - self.full_rounds) // self.period

    def _choose_when_due(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        """Choose anew in the runs whose period is over; the others repeat their last choice."""
        since = state["round"] - self.full_rounds
        due = (since >= 0) & (since % self.period == 0)
        if due.any():
            chosen = self.choose_in(due, state, observation, k, rng)
            _write(state, {"chosen": chosen}, due)
        everything = np.ones(observation["seen"].shape, bool)
        return np.where(since[:, None] < 0, everything, state.get("chosen", everything))


def _write(state: State, part: State, runs: NDArray[Any]) -> None:
    """Write the entries of some runs into those of all; what is new is 0 in the others."""
    for name, array in part.items():
        if name not in state:
            state[name] = np.zeros((len(state["round"]), *array.shape[1:]), array.dtype)
        state[name][runs] = array
