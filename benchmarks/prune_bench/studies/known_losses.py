"""What it would be worth to know every arm's loss, and how much of that a choice has.

A policy knows of each arm the loss at its last look. Before each round all arms are measured behind
its back, which changes nothing in its run. What it then keeps is worth 1 where these are the K arms
of the highest loss of that moment, and 0 where they are no harder than all arms.

Beside it runs the same choice without ignorance: arms never kept first, then the highest losses
of that moment, which it is shown after each round for nothing. By how much it ends ahead is what
knowing the losses is worth to this choice. It is no bound: on the digits one that knew a little
less did better. It keeps every arm once, as the others do: without that it is far behind all of
them.

    python -m prune_bench.studies.known_losses --env prune_env/Digits-v0 --seeds 20
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar

import numpy as np
import tyro
from numpy.typing import NDArray
from prune_agents.agent import Agent, Observation, State
from rich.text import Text

from prune_bench.report.terminal import Fitted
from prune_bench.run.episode import Episode
from prune_bench.run.options import Place, RunOptions
from prune_bench.standings.statistics import mean_of, paired_differences
from prune_bench.standings.verdict import plus_minus
from prune_bench.studies.script import show_study
from prune_env.checks import In, check
from prune_env.core.moving_averages import UNSEEN
from prune_env.driving import ask
from prune_env.lookup import path_of

KNOWN = "all losses known"
"""The name of the choice without ignorance."""


@dataclass(frozen=True, kw_only=True)
class HighestNow(Agent):
    """Arms never kept, then those of the highest loss."""

    signals: ClassVar[tuple[str, ...]] = ("loss", "pulls")

    def scores(
        self, state: State, observation: Observation, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        return np.where(observation["pulls"] == 0, UNSEEN, observation["loss"])


@dataclass(frozen=True)
class KnownLossesOptions:
    """Whose choices, in which runs. Checked when made."""

    run: tyro.conf.OmitArgPrefixes[RunOptions] = field(
        default_factory=lambda: RunOptions(agent="uncertainty")
    )
    """its agent is the one that the others are compared with"""
    beside: tuple[str, ...] = ("ucb", "epsilon_greedy", "full_short", "random_dynamic")
    """further agents"""
    seeds: Annotated[int, In("[2, inf)")] = 10
    """runs of each, from seed 0"""
    place: tyro.conf.OmitArgPrefixes[Place] = field(default_factory=Place)

    def __post_init__(self) -> None:
        check(self)


def known_losses(
    options: KnownLossesOptions, on_run: Callable[[str, int], None] = lambda agent, seed: None
) -> dict[str, dict[str, Any]]:
    """Run all agents.

    Args:
        options: which.
        on_run: called with the agent and the seed before each run.

    Returns:
        By agent, that of the run first and `KNOWN` second: `accuracy`, at the end on the test split
        by seed, and `captured`, (seeds, rounds), see `captured`.
    """
    runs = {
        options.run.label: options.run,
        KNOWN: replace(options.run, agent=path_of(HighestNow), agent_options={}),
        **{name: replace(options.run, agent=name, agent_options={}) for name in options.beside},
    }
    found: dict[str, dict[str, Any]] = {}
    for name, run in runs.items():
        found[name] = {"accuracy": {}, "captured": []}
        for seed in range(options.seeds):
            on_run(name, seed)
            episode = Episode(replace(run, seed=seed), options.place)
            found[name]["captured"].append(watched(episode, told=name == KNOWN))
            found[name]["accuracy"][seed] = episode.test_accuracy
    return found


def watched(episode: Episode, told: bool = False) -> list[float]:
    """Run an episode to its end: of each round, how much of the highest losses was chosen.

    Args:
        episode: that has not begun.
        told: show the agent the loss of every arm at that moment, also of those that it has just
            trained on, whose last look was before their update.
    """
    episode.prepare()
    learner, shares = episode.env.learner, []
    everything = np.arange(learner.num_arms)
    while not episode.terminated:
        signals = learner.score(everything)
        now = np.empty(learner.num_arms, np.float32)
        now[signals.indices] = signals.of("loss")
        if told:
            episode.observation["loss"] = now
        choice, _ = ask(episode.agent, episode.observation, episode.agent_state, learner.num_arms)
        shares.append(captured(np.flatnonzero(choice), now))
        episode.step()
    return shares


def captured(chosen: NDArray[np.int64], loss: NDArray[np.floating[Any]]) -> float:
    """How much higher the mean loss of the chosen is than that of all arms, as a share of what the
    same number of the hardest have; 0 where all are chosen or alike.

    Args:
        chosen: (K,) positions.
        loss: (N,) nats, of all arms at that moment.
    """
    most = np.sort(loss)[len(loss) - len(chosen) :].mean() - loss.mean()
    return float((loss[chosen].mean() - loss.mean()) / most) if most > 0 else 0.0


def table(found: dict[str, dict[str, Any]]) -> Fitted:
    """How far the agents are ahead of the first one, and what they captured when."""
    first = next(iter(found.values()))["accuracy"]
    quarters = ("1st", "2nd", "3rd", "4th")
    rows = []
    for name, of in found.items():
        ahead = mean_of(100 * paired_differences(of["accuracy"], first))
        parts = np.array_split(np.mean(of["captured"], axis=0), len(quarters))
        rows.append(
            [
                Text(name),
                Text(f"{100 * np.mean(list(of['accuracy'].values())):.2f}"),
                Text("" if of["accuracy"] is first else plus_minus(ahead)),
                *(Text(f"{part.mean():.2f}" if len(part) else "") for part in parts),
            ]
        )
    title = (
        "test accuracy, and points ahead with half of the 95 % interval, paired; and how\n"
        "much of the highest losses was chosen in each quarter of the rounds: 0 as of\n"
        "all arms, 1 all\n"
    )
    return Fitted(["agent", "test, %", "ahead", *quarters], rows, title=title)


def main(arguments: list[str] | None = None) -> None:
    """Run all and print the table."""
    show_study(KnownLossesOptions, __doc__, known_losses, table, arguments)


if __name__ == "__main__":
    main()
