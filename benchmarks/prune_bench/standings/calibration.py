"""How far the statistics of a board can be trusted: made-up boards whose truth is known.

    python -m prune_bench.standings.calibration --out benchmarks/results/calibration.md

Every board has `full_short`, `rs2` and `random_dynamic`, and agents that are level with them, ahead
of them, obvious losers, or losers that also scatter. A run is the accuracy of its agent, plus what
its seed shares with those of other agents, plus noise, in the size that CIFAR-10 has here. Each
engine says who is ahead and gives an interval. What is counted: how often intervals hold the truth,
how many boards call an agent ahead that is not, and how many of those that are ahead are found.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from scipy.stats import bartlett, false_discovery_control, t, trim_mean

from prune_bench.report.readme import BOARDS, RESULTS
from prune_bench.standings.build import read_standings
from prune_bench.standings.statistics import Estimate, Scores, certain_signs, pool_variances
from prune_bench.standings.verdict import percent
from prune_env.files import write_text

NOISE = 0.36
"""Points; the deviation of the runs of an agent at keep 30 %."""
CONTROLS = 3
"""The first agents of a board: full_short, rs2, random_dynamic."""


@dataclass(frozen=True)
class Truth:
    """What a made-up board is like. Differences are in points, to `full_short`."""

    title: str
    level: int = 0
    """agents that are as good as full_short"""
    winners: int = 0
    """agents that are 0.8 points better"""
    losers: int = 0
    """agents that are 0.5 to 40 points worse; those beyond 5 scatter ten times as much"""
    random_dynamic: float = 0.0
    correlation: float = 0.1
    """of two runs of one seed; on the boards here 0.05 to 0.2"""
    spread: float = 0.0
    """coefficient of variation of the agents' variances"""

    @property
    def means(self) -> Scores:
        """(A,) points."""
        worse = -np.geomspace(0.5, 40, self.losers) if self.losers else np.empty(0)
        controls = [0.0, 0.0, self.random_dynamic]
        return np.array([*controls, *[0.0] * self.level, *[0.8] * self.winners, *worse])

    def draw(self, boards: int, seeds: int, rng: np.random.Generator) -> Scores:
        """(boards, A, seeds) points."""
        means = self.means
        deviation = NOISE * np.where(means < -5, 10.0, 1.0)
        if self.spread:
            shape = 1 / self.spread**2
            deviation = deviation * np.sqrt(rng.gamma(shape, 1 / shape, (boards, len(means))))
        shared = rng.normal(size=(boards, 1, seeds)) * self.correlation**0.5
        own = rng.normal(size=(boards, len(means), seeds)) * (1 - self.correlation) ** 0.5
        return means[:, None] + deviation[..., None] * (shared + own)


TRUTHS = (
    Truth("4 level", level=4),
    Truth("39 level", level=39),
    Truth("39 level, correlation 0", level=39, correlation=0.0),
    Truth("39 level, correlation 0.3", level=39, correlation=0.3),
    Truth("39 level, unlike variances", level=39, spread=0.5),
    Truth("20 level, 19 losers", level=20, losers=19),
    Truth("20 level, 12 winners, 19 losers", level=20, winners=12, losers=19),
    Truth("20 level, random_dynamic at -0.3", level=20, random_dynamic=-0.3),
)


@dataclass(frozen=True)
class Answer:
    """What an engine says of the agents beside the controls, (boards, A) each."""

    value: Scores
    half: Scores
    """half the width of the 95 % interval"""
    p: Scores


def paired(runs: Scores) -> Answer:
    """A t-test of each agent's differences, seed by seed."""
    difference = runs[:, CONTROLS:] - runs[:, :1]
    seeds = runs.shape[-1]
    error = difference.std(axis=-1, ddof=1) / seeds**0.5
    return _t(difference.mean(axis=-1), error, np.full(error.shape, seeds - 1.0))


def welch(runs: Scores) -> Answer:
    """A t-test with the agent's own variance and full_short's own."""
    seeds = runs.shape[-1]
    ours, theirs = (
        runs[:, part].var(axis=-1, ddof=1) / seeds for part in (slice(CONTROLS, None), slice(1))
    )
    dof = (seeds - 1) * (ours + theirs) ** 2 / (ours**2 + theirs**2)
    return _t(_means(runs), np.sqrt(ours + theirs), dof)


def pooled(runs: Scores, controls: int = 1) -> Answer:
    """A t-test with the variance of all agents that scatter alike; the others have their own.

    The reference is `full_short`, or the mean of so many controls.
    """
    _, agents, seeds = runs.shape
    variances = runs.var(axis=-1, ddof=1)
    common, alike = pool_variances(variances, np.full(agents, seeds - 1.0))
    dof = alike.sum(axis=-1, keepdims=True) * (seeds - 1.0)
    inside = alike[:, CONTROLS:]
    ours = np.where(inside, common[:, None], variances[:, CONTROLS:]) / seeds
    theirs = common[:, None] / (seeds * controls)
    apart = (ours + theirs) ** 2 / (ours**2 / (seeds - 1) + theirs**2 / dof)
    value = _means(runs, controls)
    return _t(value, np.sqrt(ours + theirs), np.where(inside, dof, apart))


def pooled_two(runs: Scores) -> Answer:
    """The same against a `full_short` with twice the runs, for which `rs2`, as good, stands in."""
    return pooled(runs, controls=2)


def pooled_three(runs: Scores) -> Answer:
    """The same against the mean of the three controls."""
    return pooled(runs, controls=CONTROLS)


def two_way(runs: Scores) -> Answer:
    """The same with what a seed adds to all agents taken out, from agents that scatter alike."""
    _, agents, seeds = runs.shape
    _, alike = pool_variances(runs.var(axis=-1, ddof=1), np.full(agents, seeds - 1.0))
    count = alike.sum(axis=-1)
    rest = runs - runs.mean(axis=-1, keepdims=True)
    rest -= (rest * alike[..., None]).sum(axis=1, keepdims=True) / count[:, None, None]
    dof = (count - 1) * (seeds - 1.0)
    variance = (rest**2 * alike[..., None]).sum(axis=(1, 2)) / dof
    error = np.broadcast_to(np.sqrt(2 * variance / seeds)[:, None], _means(runs).shape)
    return _t(_means(runs), error, np.broadcast_to(dof[:, None], error.shape))


def bootstrap(runs: Scores, resamples: int = 400) -> Answer:
    """Percentiles of resampled interquartile means of the differences; tested by `paired`."""
    difference = runs[:, CONTROLS:] - runs[:, :1]
    seeds = runs.shape[-1]
    rng = np.random.default_rng(0)
    drawn = rng.integers(seeds, size=(resamples, seeds))
    low, high = np.quantile(
        [trim_mean(difference[..., places], 0.25, axis=-1) for places in drawn],
        [0.025, 0.975],
        axis=0,
    )
    return Answer((low + high) / 2, (high - low) / 2, paired(runs).p)


def _means(runs: Scores, controls: int = 1) -> Scores:
    means = runs.mean(axis=-1)
    return np.asarray(means[:, CONTROLS:] - means[:, :controls].mean(axis=1, keepdims=True))


def _t(value: Scores, error: Scores, dof: Scores) -> Answer:
    return Answer(value, t.isf(0.025, dof) * error, 2 * t.sf(np.abs(value) / error, dof))


def all_together(value: Scores, p: Scores) -> NDArray[np.bool_]:
    """(A,) whether each agent is ahead, where all agents are one family."""
    return (false_discovery_control(p) < 0.05) & (value > 0)


def that_can_win(value: Scores, p: Scores) -> NDArray[np.bool_]:
    """The same where those that end above 0 are a family: what boards use."""
    found = [Estimate(v, p=q) for v, q in zip(value, p, strict=True)]
    return np.array(certain_signs(found)) > 0


Engine = tuple[str, Callable[[Scores], Answer], Callable[[Scores, Scores], NDArray[np.bool_]]]
ENGINES: tuple[Engine, ...] = (
    ("paired, IQM bootstrap, all", bootstrap, all_together),
    ("paired, all", paired, all_together),
    ("paired", paired, that_can_win),
    ("Welch", welch, that_can_win),
    ("pooled, all", pooled, all_together),
    ("**pooled**", pooled, that_can_win),
    ("two-way", two_way, that_can_win),
    ("pooled, twice the bar", pooled_two, that_can_win),
    ("pooled, three controls", pooled_three, that_can_win),
)
"""By name. "all": agents are one family; else those that end ahead are."""


@dataclass(frozen=True)
class Outcome:
    """Shares."""

    coverage: float
    """of intervals, those of agents that scatter as most do, that hold the true difference"""
    false_winners: float
    """of boards that call an agent ahead that is not"""
    false_share: float
    """of those that are called ahead, on the mean board"""
    found: float
    """of the agents that are ahead; NaN where there are none"""


def try_engine(truth: Truth, engine: Engine, seeds: int, boards: int, seed: int = 0) -> Outcome:
    """Judge made-up boards."""
    _, answer_of, family = engine
    answer = answer_of(truth.draw(boards, seeds, np.random.default_rng(seed)))
    means = truth.means[CONTROLS:]
    held = np.abs(answer.value - means) <= answer.half
    ahead = np.array([family(*board) for board in zip(answer.value, answer.p, strict=True)])
    wins = means > 0
    return Outcome(
        float(held[:, means > -5].mean()),
        float(ahead[:, ~wins].any(axis=1).mean()),
        float((ahead[:, ~wins].sum(axis=1) / np.maximum(ahead.sum(axis=1), 1)).mean()),
        float(ahead[:, wins].mean()) if wins.any() else float("nan"),
    )


@dataclass(frozen=True)
class Options:
    """Try every engine on made-up boards."""

    boards: int = 1000
    """of each kind"""
    seeds: tuple[int, ...] = (5, 10)
    """runs of an agent"""
    out: Path | None = None
    """file to write the table to; by default it is printed"""


HEADINGS = {
    "coverage": "Intervals that hold the true difference, %",
    "false_winners": "Boards that call an agent ahead that is not, %",
    "false_share": "Share of those called ahead that are not, %",
    "found": "Of the agents that are ahead, found, %",
}


def table(options: Options) -> str:
    """The outcomes as Markdown, a table for each of `HEADINGS`."""
    outcomes = {
        (truth.title, seeds): [
            try_engine(truth, engine, seeds, options.boards) for engine in ENGINES
        ]
        for truth in TRUTHS
        for seeds in options.seeds
    }
    lines: list[str] = []
    for name, heading in HEADINGS.items():
        names = " | ".join(name for name, *_ in ENGINES)
        lines += ["", f"{heading}:", "", f"| truth | runs | {names} |"]
        lines.append("|---|---:|" + "---:|" * len(ENGINES))
        for (title, seeds), found in outcomes.items():
            shares = [100 * getattr(of, name) for of in found]
            if not np.isnan(shares).any():
                lines.append(f"| {title} | {seeds} | {' | '.join(f'{x:.1f}' for x in shares)} |")
    return "\n".join(lines) + "\n"


TEXT = """# How far the statistics of a board can be trusted

Written by `{command}`: {boards:,} made-up boards a row whose truth is known, with the noise that
CIFAR-10 has here at keep 30 % (0.36 points). Every board has `full_short`, `rs2` and
`random_dynamic` beside the agents that a row names. Engines:

* *paired*: differences by seed, each agent's own variance; with an interquartile mean and its
  bootstrap, as boards had it before. *Welch*: each agent's own variance and `full_short`'s.
* *pooled*: one variance from all agents that scatter alike (losers whose training fails do not).
  **This is what boards use.** *twice the bar*: with twice as many runs of `full_short` as of the
  agents. *three controls*: against the mean of `full_short`, `rs2` and `random_dynamic`.
  *two-way*: what a seed adds to all agents is taken out.
* *all*: one family for the correction, losers too; else only those that end ahead of `full_short`.

Why: the bootstrap covers too little. One family lets obvious losers make false winners. The agents'
own variances find two winners of three where the pooled one finds nine of ten. Three controls find
more, and are wrong as soon as one of them is: on the digits `random_dynamic` is 0.9 points below
`full_short`. Taking the seeds out gains as good as nothing at the correlations that boards have
(below), and needs the same seeds of all agents. More runs of `full_short` help all comparisons:
`prune-env board --agents --seeds 10` adds seeds to the controls alone.
"""


def of_boards(folders: Sequence[Path]) -> str:
    """What real boards are like: how their runs scatter, and what runs of one seed share."""
    lines = [
        "",
        "What the boards here have: agents that are pooled, the pooled deviation, whether their "
        "variances may be one, and what runs of one seed share:",
        "",
        "| board | keep | agents | deviation, points | p, Bartlett's | correlation of seeds |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for folder in folders:
        for comparison in read_standings(folder).comparisons:
            rows = [row for row in comparison.shown if row.complete and not row.is_everywhere]
            noise = max((row.noise for row in rows), key=lambda noise: noise.dof)
            pooled = [row.scores for row in rows if row.noise == noise]
            seeds = min(map(len, pooled))  # a bar may have more than the others
            runs = np.array([scores[:seeds] for scores in pooled])
            cells = (folder.name, percent(comparison.keep_ratio), str(len(runs)))
            shares = (f"{x:.2f}" for x in (100 * noise.variance**0.5, *alike(runs)))
            lines.append(f"| {' | '.join((*cells, *shares))} |")
    return "\n".join(lines) + "\n"


def alike(runs: Scores) -> tuple[float, float]:
    """Of (A, seeds): p of Bartlett's test that all variances are one, and the share of the variance
    that runs of one seed have in common, from an analysis of variance.
    """
    agents, seeds = runs.shape
    rest = runs - runs.mean(axis=1, keepdims=True)
    of_seed = agents * (rest.mean(axis=0) ** 2).sum() / (seeds - 1)
    within = ((rest - rest.mean(axis=0)) ** 2).sum() / ((agents - 1) * (seeds - 1))
    shared = max(0.0, (of_seed - within) / agents)
    return float(bartlett(*runs).pvalue), float(shared / (shared + within))


def main(arguments: list[str] | None = None) -> None:
    """Print the tables, or write them."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = tyro.cli(Options, description=__doc__, args=arguments)
    command = shlex.join(["python", "-m", "prune_bench.standings.calibration", *arguments])
    text = TEXT.format(command=command, boards=options.boards)
    text += of_boards([RESULTS / name for name in BOARDS]) + table(options)
    if options.out:
        write_text(options.out, text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
