"""Prior runs: what a policy wants to know about every arm before its own run begins.

A prior run is the first P rounds of an ordinary run that keeps every arm: same learner, same
length and so the same learning-rate schedule, another seed. It is recorded round by round. For
losses under networks that were trained on other arms, two runs keep one half of the arms each.

```python
agent = prune_agents.make("el2n", keep_ratio=0.3)
env = gym.make("prune_env:prune_env/Digits-v0", signals=("seen", *agent.signals)).unwrapped
traces = record(env.learner, agent.prior(env.options.epochs), env.options.epochs, seed=0)
observation, _ = env.reset(seed=0)  # the prior run has used the learner
action, state = agent.predict(observation, agent.begin(traces))
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from prune_env.checks import In, check
from prune_env.core.signals import FORWARD, MEASURED, TRAIN
from prune_env.core.traces import Traces
from prune_env.env import PruneEnv
from prune_env.learners.protocol import Closer, Learner

Extra = Literal["divergence", "gradient_norm", "gradient_norm_all"]
"""What a prior run can record beside `MEASURED`, each by a pass of its own after every round:

divergence         sum over c of q[c] |log q[c] - log p[c]|, p and q the probabilities after the
                   round before and after this one; 0 in the first round. A forward pass.
gradient_norm      2-norm of the gradient of the loss by the last layer. A forward pass.
gradient_norm_all  the same by all parameters. A forward and a backward pass.
"""

PASSES: dict[str, int] = {"divergence": 1, "gradient_norm": 1, "gradient_norm_all": 3}
"""What recording each extra costs, in passes a sample and round."""


@dataclass(frozen=True, kw_only=True)
class Prior:
    """The prior run that a policy wants. Checked when made."""

    rounds: Annotated[int, In("[1, inf)")]
    """P, how many to record"""
    runs: Annotated[int, In("[1, inf)")] = 1
    """R, how many independent recordings"""
    extra: tuple[Extra, ...] = ()
    """what to record beside `MEASURED`"""
    features: bool = False
    """whether to look at the features in the end; the prior run must then be a whole one"""
    halves: bool = False
    """whether even runs keep one random half of the arms and odd ones the other. In the end each
    measures the arms that it has left out, by a forward pass; it must then be a whole one"""

    def __post_init__(self) -> None:
        check(self)

    def passes(self, num_arms: int) -> int:
        """What it costs with so many arms, in sample passes."""
        looked = self.runs * (
            sum(PASSES[name] for name in self.extra) * self.rounds + self.features
        )
        if not self.halves:
            return (self.runs * TRAIN * self.rounds + looked) * num_arms
        first = num_arms // 2
        trained = (self.runs + 1) // 2 * first + self.runs // 2 * (num_arms - first)
        left_out = self.runs * num_arms - trained
        return TRAIN * self.rounds * trained + FORWARD * left_out + looked * num_arms


class Recording:
    """One prior run, round by round; it can be stopped, and continued elsewhere.

    Args:
        learner: what is trained; it must hold one run. Whatever it was doing is over.
        epochs: T, the length of the run that this is the beginning of.
        seed: decides everything random.
        extra: what to record beside `MEASURED`.
        arms: (N,) bool, which arms it keeps; None keeps all.

    Raises:
        ValueError: the learner cannot measure an extra.
    """

    def __init__(
        self,
        learner: Learner,
        epochs: int,
        seed: int,
        extra: Sequence[Extra] = (),
        arms: NDArray[np.bool_] | None = None,
    ) -> None:
        if extra and not isinstance(learner, Closer):
            name = type(learner).__name__
            raise ValueError(f"a prior run was to record {', '.join(extra)}; {name} cannot")
        self.env = PruneEnv(
            learner,
            epochs=epochs,
            signals=("seen", *MEASURED),
            reward="kept_loss",
            evaluate_every=epochs,
            test=False,
        )
        self.extra, self.arms = tuple(extra), arms
        self.env.reset(seed=seed)
        self._rows: list[dict[str, NDArray[np.float32]]] = []
        self._costs: list[tuple[int, float, float]] = []
        """After each round: passes, seconds, seconds of the processor so far."""
        self._log_p: NDArray[np.float32] | None = None
        """(N, C) log-probabilities after the last round, where a divergence is recorded."""

    @property
    def rounds(self) -> int:
        """How many rounds are recorded."""
        return len(self._rows)

    def advance(self) -> None:
        """Train one more round and record it.

        Raises:
            RuntimeError: the run is at its end.
            ValueError: the run has diverged; what it would show is not recorded.
        """
        env = self.env
        if self.rounds == env.options.epochs:
            raise RuntimeError(f"the prior run has ended with round {self.rounds}")
        everything = np.ones(env.learner.num_arms, np.int8)
        *_, info = env.step(everything if self.arms is None else self.arms)
        if info["diverged"]:
            raise ValueError(
                f"the prior run has diverged in round {self.rounds + 1}: its loss is not finite, "
                "so there is nothing to choose by; a lower peak_lr may help"
            )
        rounds = env.rounds
        if self.arms is not None and self.rounds + 1 == env.options.epochs:
            rounds.look(np.flatnonzero(~self.arms))
        row = {name: rounds.arms.observe(name)[0] for name in MEASURED}
        with env.clock("observe"):
            row |= {name: self._measure(name) for name in self.extra}
        self._rows.append(row)
        looked = sum(PASSES[name] for name in self.extra) * env.learner.num_arms * self.rounds
        self._costs.append((int(rounds.ledger.charged[0]) + looked, *self._seconds()))

    def _measure(self, name: Extra) -> NDArray[np.float32]:
        """(N,) float32: an extra, now."""
        learner = self.env.learner
        assert isinstance(learner, Closer)
        arms = np.arange(learner.num_arms)
        if name != "divergence":
            return learner.gradient_norms(arms, "last" if name == "gradient_norm" else "all")
        before, self._log_p = self._log_p, learner.log_probabilities(arms)
        if before is None:
            return np.zeros(len(arms), np.float32)
        return (np.exp(self._log_p) * np.abs(self._log_p - before)).sum(axis=1)

    def traces(self, rounds: int, features: bool = False) -> Traces:
        """What the first `rounds` rounds have shown and cost.

        Args:
            rounds: at most as many as there are.
            features: whether to look at the features too, for a forward pass.

        Raises:
            ValueError: features, or arms left out, of a run that is not over; or features that the
                learner cannot show.
        """
        rows, learner = self._rows[:rounds], self.env.learner
        signals = {name: np.stack([row[name] for row in rows])[None] for name in rows[0]}
        passes, seconds, cpu_seconds = self._costs[rounds - 1]
        trained = None if self.arms is None else self.arms[None]
        if rounds < self.env.options.epochs and (features or trained is not None):
            raise ValueError(
                f"features and arms left out are seen after a whole run; this one has {rounds} "
                f"of {self.env.options.epochs} rounds"
            )
        if not features:
            return Traces(signals, passes, seconds, cpu_seconds, learner.labels, trained=trained)
        if not isinstance(learner, Closer):
            raise ValueError(f"{type(learner).__name__} has no features to show")
        before = self._seconds()
        with self.env.clock("observe"):
            found = learner.features(np.arange(learner.num_arms))[None]
        wall, cpu = np.subtract(self._seconds(), before).tolist()
        passes += learner.num_arms
        seconds, cpu_seconds = seconds + wall, cpu_seconds + cpu
        return Traces(signals, passes, seconds, cpu_seconds, learner.labels, found, trained)

    def _seconds(self) -> tuple[float, float]:
        """Wall-clock and processor seconds so far, without evaluations."""
        clock = self.env.clock
        wall, cpu = (sum(c.values()) - c["evaluate"] - c["test"] for c in (clock.wall, clock.cpu))
        return wall, cpu

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue bit for bit."""
        return {
            "env": self.env.state_dict(),
            "rows": list(self._rows),
            "costs": list(self._costs),
            "log_p": self._log_p,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the `state_dict` of a recording of the same run."""
        self._rows, self._costs = list(state["rows"]), list(state["costs"])
        self._log_p = state["log_p"]
        self.env.load_state_dict(state["env"])


def record(learner: Learner, prior: Prior, epochs: int, seed: int) -> Traces:
    """Do the prior runs that a policy wants.

    Args:
        learner: what is trained.
        prior: what is wanted.
        epochs: T, the length of the run that follows.
        seed: of the run that follows; every prior run has a seed of its own that follows from it.
    """
    runs = []
    for number in range(prior.runs):
        recording = start_recording(learner, prior, epochs, seed, number)
        while recording.rounds < prior.rounds:
            recording.advance()
        runs.append(recording.traces(prior.rounds, prior.features))
    return Traces.join(runs)


def start_recording(
    learner: Learner, prior: Prior, epochs: int, seed: int, number: int
) -> Recording:
    """The prior run of this number, before its first round; arguments as `record`.

    Raises:
        ValueError: the learner cannot show what is wanted.
    """
    if prior.features and not isinstance(learner, Closer):
        raise ValueError(f"{type(learner).__name__} has no features to show")
    if prior.halves and learner.num_arms < 2:
        raise ValueError(
            "two prior runs are to keep one half of the arms each; there is only 1 arm"
        )
    arms = half(learner.num_arms, seed, number) if prior.halves else None
    return Recording(learner, epochs, prior_seed(seed, number), prior.extra, arms)


def half(num_arms: int, seed: int, number: int) -> NDArray[np.bool_]:
    """(N,) bool: one random half of the arms for even numbers, the other for odd ones."""
    order = np.random.default_rng((seed, 0x4A1F)).permutation(num_arms)
    first = order < num_arms // 2
    return ~first if number % 2 else first


def prior_seed(seed: int, number: int) -> int:
    """The seed of a prior run, independent of that of the run that follows."""
    return int(np.random.SeedSequence((seed, 0x9121, number)).generate_state(1)[0])
