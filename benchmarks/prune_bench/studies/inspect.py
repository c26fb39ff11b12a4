"""One run of a policy, watched arm by arm: what it kept in which round."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_bench.run.episode import Episode
from prune_bench.run.options import Place, RunOptions, Settings
from prune_env.checks import check
from prune_env.env import PruneEnv
from prune_env.learners.synthetic.learner import SyntheticLearner
from prune_env.text import number

TENTHS, SAMPLE = 10, 5_000
"""Groups of equal size by loss, and of how many arms they are at most: no more than an evaluation
costs, and it is done every round."""


@dataclass(frozen=True)
class InspectOptions(Settings):
    """Which policies to look at, and where."""

    env: str = "prune_env/Synthetic-v0"
    """registered id of the environment"""
    agents: tuple[str, ...] = ("ucb", "epsilon_greedy")
    """names of selection policies, or import paths module:Class, options after them: ucb:c=0.5"""
    keep_ratio: float = 0.3
    """share of the arms to keep each round, in (0, 1]"""
    seed: int = 0
    """of all runs: networks, data order, agents"""
    out: Path = Path("inspect.png")
    """picture to write"""

    def __post_init__(self) -> None:
        check(self)
        if not self.agents:
            raise ValueError("agents is empty; name at least one")
        if len(set(self.agents)) < len(self.agents):
            raise ValueError(f"agents names one twice: {', '.join(self.agents)}")
        if self.out.suffix != ".png":
            raise ValueError(f"out is {str(self.out)!r}; allowed is a name that ends in .png")


@dataclass(frozen=True)
class Watched:
    """What was seen of a run of R rounds over N arms."""

    agent: str
    kept: NDArray[np.bool_]
    """(R, N) bool"""
    kept_by_loss: NDArray[np.float64]
    """(R, TENTHS) share kept of each group by the loss just before the round, hardest first"""
    age: NDArray[np.float64]
    """(R,) mean over the arms of the rounds since they were last observed"""
    regret: NDArray[np.float64] | None
    """(R,) so far, where the environment tells"""
    wrong: NDArray[np.float64] | None
    """(R,) share of wrong labels among the kept arms, where they are known"""
    found: NDArray[np.float64] | None
    """(R,) area under the curve for finding them by the mean loss, likewise"""
    groups: dict[str, NDArray[np.bool_]]
    """kind of arm -> (N,) bool; empty where arms have no kinds"""
    labels: NDArray[np.int64]
    """(N,) the class of each arm"""
    classes: tuple[str, ...]
    """their names; empty where arms have none"""


def inspect(
    options: InspectOptions,
    place: Place | None = None,
    on_round: Callable[[str, PruneEnv], None] = lambda agent, env: None,
) -> list[Watched]:
    """Run every agent once, with the same seed.

    Args:
        options: which, and where.
        place: where it happens.
        on_round: called with the agent's name and its environment after each round.

    Raises:
        ValueError, FileNotFoundError: bad options; nothing has been trained then.
    """
    run = RunOptions(
        env=options.env,
        keep_ratio=options.keep_ratio,
        seed=options.seed,
        **options.settings(),
    )
    episodes = {name: Episode(replace(run, agent=name), place) for name in options.agents}
    return [watch(episode, on_round) for episode in episodes.values()]


def watch(episode: Episode, on_round: Callable[[str, PruneEnv], None]) -> Watched:
    """Run an episode to its end and note what it keeps. Looking is outside its clock and costs."""
    env, agent = episode.env, episode.options.label
    learner, arms = env.learner, env.rounds.arms
    if learner.num_arms < TENTHS:
        count = number(learner.num_arms, "arm")
        raise ValueError(f"{episode.options.env} has {count}; expected {TENTHS} or more")
    episode.prepare()
    sample = np.unique(np.linspace(0, learner.num_arms - 1, SAMPLE).astype(np.int64))
    kept, by_loss, age = [], [], []
    while not episode.terminated:
        now = learner.score(sample)
        hardest_first = now.indices[np.argsort(-now.of("loss"))]
        before = arms.pulls[0].copy()
        episode.step()
        kept.append(arms.pulls[0] > before)
        by_loss.append([kept[-1][part].mean() for part in np.array_split(hardest_first, TENTHS)])
        age.append(arms.observe("age").mean())
        on_round(agent, env)
    return Watched(
        agent=agent,
        kept=np.array(kept),
        kept_by_loss=np.array(by_loss),
        age=np.array(age, np.float64),
        regret=_told(row.get("regret") for row in episode.history),
        wrong=_told(row.get("wrong_kept") for row in episode.history),
        found=_told(row.get("wrong_auc", {}).get("mean_loss") for row in episode.history),
        groups=_kinds(learner),
        labels=learner.labels,
        classes=getattr(learner, "classes", ()),
    )


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(R,) Jaccard index of the choices of each round that both have: 1 the same, 0 disjoint.

    Args:
        one: (R, N) bool, at least one arm in each round.
        other: likewise, perhaps of another number of rounds.
    """
    rounds = min(len(one), len(other))
    both = (one[:rounds] & other[:rounds]).sum(axis=1)
    either = (one[:rounds] | other[:rounds]).sum(axis=1)
    return both / either


def share_kept(kept: NDArray[np.bool_], group: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(R,) which share of a group of arms, (N,) bool, each round kept."""
    return kept[:, group].mean(axis=1)


def _told(values: Iterable[float | None]) -> NDArray[np.float64] | None:
    """(R,) what every round tells; None where one does not."""
    told = list(values)
    return None if None in told else np.array(told, np.float64)


def _kinds(learner: Any) -> dict[str, NDArray[np.bool_]]:
    if (true := getattr(learner, "true_labels", None)) is not None:
        right = learner.labels == true
        return {"right label": right, "wrong label": ~right}
    if not isinstance(learner, SyntheticLearner):
        return {}
    kinds = {name: learner.kind == place for place, name in enumerate(learner.kind_names)}
    return {name: group for name, group in kinds.items() if group.any()}
