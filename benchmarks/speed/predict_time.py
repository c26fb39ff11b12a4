"""How long each agent takes to choose: `python -m speed.predict_time`.

Every agent goes through a few rounds in which the arms that it keeps are observed with made-up
losses, and its calls of `predict` are timed. They are compared with a round of the small CPU
network, which trains about 700 images/s: at keep ratio 0.3 and N = 50,000 that is 21 s. Static
policies choose in `begin`, from the traces of a prior run; that is timed once. Times are CPU
seconds, which other work on the machine does not change; set OMP_NUM_THREADS=1 for one thread.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import prune_agents
import tyro
from numpy.typing import NDArray
from prune_agents.prior import Traces
from rich.console import Console
from rich.table import Table

from prune_env.core.signals import MEASURED

IMAGES_PER_SECOND = 700
NUM_CLASSES, NUM_FEATURES = 10, 128


@dataclass(frozen=True)
class Options:
    """Time `predict` of every registered agent."""

    num_arms: int = 50_000
    """N"""
    keep_ratio: float = 0.3
    """share of the arms that are kept"""
    repeats: int = 9
    """rounds that are timed, after three that are not"""
    agents: tuple[str, ...] = ()
    """names; all where none is given"""


def made_up(num_arms: int, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """The observation of a run that has not begun: every entry, (N,), (N, D) or (1,)."""
    per_arm: dict[str, Any] = {
        "loss": np.full(num_arms, np.log(NUM_CLASSES)),
        "reference_loss": np.full(num_arms, np.log(NUM_CLASSES)),
        "confidence": np.full(num_arms, 1 / NUM_CLASSES),
        "error_norm": np.full(num_arms, np.sqrt(1 - 1 / NUM_CLASSES)),
        "label": rng.integers(NUM_CLASSES, size=num_arms),
        "features": rng.standard_normal((num_arms, NUM_FEATURES), np.float32),
    }
    zeros = ("margin", "correct", "seen", "age", "pulls")
    per_arm |= {name: np.zeros(num_arms) for name in zeros}
    per_run = {"progress": [0], "budget_left": [1], "val_loss": [2.3], "val_accuracy": [0.1]}
    return {name: np.array(value, np.float32) for name, value in (per_arm | per_run).items()}


def advance(
    observation: dict[str, NDArray[np.float32]],
    action: NDArray[Any],
    progress: float,
    rng: np.random.Generator,
) -> None:
    """Observe the kept arms: losses about 0.8 nats with a long tail, the rest follows from them."""
    kept = action > 0
    loss = rng.gamma(0.7, 1.2, np.count_nonzero(kept)).astype(np.float32)
    confidence = np.exp(-loss)
    observation["loss"][kept] = loss
    observation["reference_loss"][kept] = 1.1 * loss
    observation["confidence"][kept] = confidence
    observation["margin"][kept] = 2 * confidence - 1
    observation["correct"][kept] = confidence > 0.5
    observation["error_norm"][kept] = 1 - confidence
    observation["seen"][...] = kept
    observation["pulls"] += kept
    observation["age"] += 1
    observation["age"][kept] = 0
    observation["progress"][...] = progress
    observation["val_loss"] *= 0.9


def made_up_traces(agent: Any, num_arms: int, rng: np.random.Generator) -> Traces | None:
    """What a prior run of 8 rounds might have shown; None for an agent that wants none."""
    prior = agent.prior(8)
    if prior is None:
        return None
    shape = (prior.runs, prior.rounds, num_arms)
    signals = {name: rng.random(shape, np.float32) for name in (*MEASURED, *prior.extra)}
    labels = rng.integers(NUM_CLASSES, size=num_arms)
    shape = (1, num_arms, NUM_FEATURES)
    features = rng.standard_normal(shape, np.float32) if prior.features else None
    trained = np.arange(num_arms) % 2 == np.arange(2)[:, None] if prior.halves else None
    return Traces(signals, 0, 0.0, 0.0, labels, features, trained)


class Measured(NamedTuple):
    """What an agent takes: CPU seconds, and bytes."""

    usual: float
    """a call of `predict`, the median"""
    longest: float
    """the longest call, as where an agent learns in some rounds"""
    begin: float
    """the call of `begin`"""
    state: float
    """bytes an arm"""


def measure(name: str, options: Options) -> Measured:
    """Time one agent."""
    rng = np.random.default_rng(0)
    agent = prune_agents.make(name, keep_ratio=options.keep_ratio)
    everything = made_up(options.num_arms, rng)
    traces = made_up_traces(agent, options.num_arms, rng)
    begin = time.process_time()
    state = agent.begin(traces) if traces else None
    begin_seconds = time.process_time() - begin
    seconds = []
    rounds = options.repeats + 3
    for step in range(rounds):
        observation = {entry: everything[entry] for entry in ("seen", *agent.signals)}
        begin = time.process_time()
        action, state = agent.predict(observation, state)
        seconds.append(time.process_time() - begin)
        advance(everything, action, 0.8 * step / rounds, rng)
    assert state is not None
    size = sum(array.nbytes for array in state.values())
    usual = statistics.median(seconds[3:])
    return Measured(usual, max(seconds), begin_seconds, size / options.num_arms)


def main(options: Options) -> None:
    """Print one table, slowest first."""
    round_seconds = options.keep_ratio * options.num_arms / IMAGES_PER_SECOND
    rounds = f"median of {options.repeats} rounds, the longest of {options.repeats + 3}"
    table = Table(
        title=f"CPU time of predict, N = {options.num_arms:,}, keep {options.keep_ratio}",
        caption=f"{rounds}; a round trains {round_seconds:.1f} s",
    )
    table.add_column("agent", no_wrap=True)
    for column in ("ms", "% of a round", "longest, ms", "begin, ms", "state, bytes an arm"):
        table.add_column(column, justify="right")
    measured = {name: measure(name, options) for name in options.agents or prune_agents.names()}
    for name, of in sorted(measured.items(), key=lambda item: -item[1].usual):
        share = 100 * of.usual / round_seconds
        first = f"{1000 * of.begin:.0f}" if of.begin > 1e-3 else ""
        cells = (f"{1000 * of.usual:.2f}", f"{share:.3f}", f"{1000 * of.longest:.1f}", first)
        table.add_row(name, *cells, f"{of.state:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main(tyro.cli(Options))
