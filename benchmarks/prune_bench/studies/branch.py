"""What one round on a group of arms is worth: a run goes on from one saved state again and again.

An agent brings a run to a state. From there one round is trained on K arms of a group, drawn at
random; the state is put back, and the round is trained on K arms of the next group: the same
network, data order and augmentation, other arms. The value of a group is by how much that round
lowers the validation loss; what differs between its draws is the noise of that number.

```python
env.reset(seed=0)
state = env.state_dict()
for action in actions:
    env.load_state_dict(state)
    print(env.step(action)[1])  # the reward of this one round, from the same state
```
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import prune_agents
import tyro
from numpy.typing import NDArray
from rich.console import Group
from rich.text import Text

from prune_bench.report.terminal import Fitted
from prune_bench.run.episode import Episode
from prune_bench.run.options import Place, RunOptions
from prune_bench.standings.statistics import certain_signs, mean_of
from prune_bench.standings.verdict import plus_minus
from prune_env.checks import check_types
from prune_env.driving import ask
from prune_env.env import PruneEnv
from prune_env.learners.synthetic.learner import SyntheticLearner

By = Literal["loss", "class", "kind"]

ALL = "all arms"
"""The group that every other is compared with: K arms drawn from all is a random choice."""


@dataclass(frozen=True)
class BranchOptions:
    """From where to branch, and into what. Checked when made."""

    run: tyro.conf.OmitArgPrefixes[RunOptions] = field(
        default_factory=lambda: RunOptions(agent="random_dynamic")
    )
    after: int = 2
    """rounds that the agent has run before"""
    by: tuple[By, ...] = ("loss",)
    """groups of arms: parts of equal size by their loss at that moment, classes, or the kinds of
    the synthetic rung"""
    parts: int = 3
    """by loss: how many"""
    choices: tuple[str, ...] = ()
    """further groups: what these agents, which watch the run, would keep"""
    arms: int | None = None
    """K, how many arms of a group a draw keeps; by default half of the smallest group"""
    draws: int = 8
    """of each group"""
    to_end: bool = False
    """go on with random arms after that round, and measure the test accuracy at the end too"""

    def __post_init__(self) -> None:
        check_types(self)
        for name, least in {"after": 0, "parts": 2, "draws": 2}.items():
            if (value := getattr(self, name)) < least:
                raise ValueError(f"{name} is {value}; allowed is a whole number from {least}")


def branch(
    options: BranchOptions,
    place: Place | None = None,
    on_branch: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Run up to the state, then every draw of every group from there.

    Args:
        options: from where, and into what.
        place: where it happens.
        on_branch: called with how many branches are done, and how many there are.

    Returns:
        One JSON-able dict: `options`, `kept` (K) and `groups`, by name and `ALL` first, each with
        its number of `arms` and one value a draw of `val_loss_drop` (nats), `val_accuracy_gain`
        and, where asked for, `test_accuracy` at the end.

    Raises:
        ValueError: the run ends before that state, or a group has fewer than K arms.
    """
    watchers = [_watcher(name, options.run) for name in options.choices]
    signals = [signal for watcher in watchers for signal in watcher.signals]
    episode = Episode(options.run, place, signals=signals)
    choices = _run_watched(episode, watchers, options.after)
    env = episode.env
    members = {ALL: np.arange(env.learner.num_arms)}
    for by in options.by:
        members |= groups_by(by, env, options.parts)
    members |= {f"choice of {n}": c for n, c in zip(options.choices, choices, strict=True)}
    smallest = min(members, key=lambda name: len(members[name]))
    k = max(1, len(members[smallest]) // 2) if options.arms is None else options.arms
    if not 1 <= k <= len(members[smallest]):
        raise ValueError(
            f"arms is {k}; allowed is 1 to {len(members[smallest])}, the size of {smallest!r}"
        )

    if not env.rounds.has_validation:
        raise ValueError("num_validation is 0; branches are compared on validation: 1 or more")
    state, before = env.state_dict(), env.learner.evaluate("validation")
    groups: dict[str, Any] = {name: {"arms": len(arms)} for name, arms in members.items()}
    branches = [(draw, name) for draw in range(options.draws) for name in members]
    for done, (draw, name) in enumerate(branches, start=1):
        rng = np.random.default_rng((options.run.seed, draw))
        env.load_state_dict(state)
        terminated = _keep(env, rng.choice(members[name], k, replace=False))
        after = env.learner.evaluate("validation")
        values = {
            "val_loss_drop": float(before.loss[0] - after.loss[0]),
            "val_accuracy_gain": float(after.accuracy[0] - before.accuracy[0]),
        }
        if options.to_end:
            _go_on(env, terminated, options.run.keep_ratio, np.random.default_rng((draw, 1)))
            values["test_accuracy"] = env.history[-1]["test_accuracy"]
        for measure, value in values.items():
            groups[name].setdefault(measure, []).append(value)
        on_branch(done, len(branches))
    return {"options": asdict(options), "kept": k, "groups": groups}


def groups_by(by: By, env: PruneEnv, parts: int) -> dict[str, NDArray[np.int64]]:
    """Groups of arms by name, each an array of arms; together they are all arms.

    Raises:
        ValueError: groups by kind of arms that have none.
    """
    learner = env.learner
    if by == "loss":
        now = learner.score(np.arange(learner.num_arms))
        hardest_first = now.indices[np.argsort(-now.of("loss"))]
        ends = {1: ", hardest", parts: ", easiest"}
        return {
            f"loss {i}/{parts}{ends.get(i, '')}": arms
            for i, arms in enumerate(np.array_split(hardest_first, parts), start=1)
        }
    if by == "class":
        return {
            f"class {c}": np.flatnonzero(learner.labels == c) for c in np.unique(learner.labels)
        }
    if not isinstance(learner, SyntheticLearner):
        raise ValueError("by names kind; only the arms of prune_env/Synthetic-v0 have kinds")
    return {
        name: np.flatnonzero(learner.kind == place)
        for place, name in enumerate(learner.kind_names)
        if (learner.kind == place).any()
    }


def _watcher(name: str, run: RunOptions) -> Any:
    agent = prune_agents.make_for_run(name, keep_ratio=run.keep_ratio, seed=run.seed)
    if agent.prior(1) is not None:
        raise ValueError(f"{name} chooses by a prior run of its own and cannot watch another")
    return agent


def _run_watched(episode: Episode, watchers: Sequence[Any], rounds: int) -> list[NDArray[np.int64]]:
    """Run so many rounds, and what each watcher would keep in the next, as arrays of arms."""
    states: list[Any] = [None] * len(watchers)
    for done in range(rounds + 1):
        if episode.terminated:
            raise ValueError(f"after is {rounds}, but the run ends with round {done}")
        answers = [
            ask(watcher, episode.observation, state, episode.env.learner.num_arms)
            for watcher, state in zip(watchers, states, strict=True)
        ]
        states = [state for _, state in answers]
        if done < rounds:
            episode.step()
    return [np.flatnonzero(action) for action, _ in answers]


def _keep(env: PruneEnv, arms: NDArray[np.int64]) -> bool:
    """Train a round on these arms; whether the run is over."""
    action = np.zeros(env.learner.num_arms, env.action_space.dtype)
    action[arms] = 1
    return env.step(action)[2]


def _go_on(env: PruneEnv, terminated: bool, share: float, rng: np.random.Generator) -> None:
    """Train on random arms, anew in every round, until the run is over."""
    num_arms = env.learner.num_arms
    while not terminated:
        chosen = rng.choice(num_arms, max(1, round(share * num_arms)), replace=False)
        terminated = _keep(env, chosen)


def table(branches: dict[str, Any]) -> Group:
    """The groups that `branch` returns, the mean of their draws beside that of all arms."""
    options, groups = branches["options"], branches["groups"]
    run = options["run"]
    title = (
        f"{run['env']}, after round {options['after']} of {run['agent']}, seed {run['seed']}\n"
        f"fall: of the validation loss in one round on {branches['kept']:,} arms of the group\n"
    )
    measures = {"val_loss_drop": ("fall, mnats", 1000)}
    if options["to_end"]:
        title += "end: test accuracy, when the run has gone on with random arms\n"
        measures["test_accuracy"] = ("end, %", 100)
    title += f"means of {options['draws']} draws, half widths of their 95 % intervals\n"
    headings = ["group", "arms"]
    rows = [[Text(name), Text(f"{group['arms']:,}")] for name, group in groups.items()]
    for measure, (heading, scale) in measures.items():
        headings += [heading, f"{heading.partition(',')[0]} vs random"]
        values = [scale * np.array(group[measure]) for group in groups.values()]
        ahead = [mean_of(of - scale * np.array(groups[ALL][measure])) for of in values]
        for row, of, more, sign in zip(rows, values, ahead, certain_signs(ahead), strict=True):
            row.append(Text(plus_minus(mean_of(of), 1, "")))
            is_all = row[0].plain == ALL
            colour = {0: "", 1: "green", -1: "red"}[sign]
            row.append(Text("" if is_all else plus_minus(more, 1), colour))
    return Group(Text(title), Fitted(headings, rows, ["arms"]))
