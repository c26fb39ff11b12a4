"""Does it matter which rule chooses, or only how many of its visits go to hard arms?

Of a board that has run: the accuracy of each agent against the share of its visits that went to
the harder half of the arms, by their loss in the end, and a straight line through the means of the
agents. What they differ by beyond that line, and beyond what luck leaves, is what else a rule does.

    python -m prune_bench.studies.visits benchmarks/results/cifar10-cpu --keep-ratio 0.3
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.text import Text

from prune_bench.board.counting import counted_in
from prune_bench.report.terminal import Fitted
from prune_bench.run.pairs import agent_label
from prune_bench.run.result import Result
from prune_bench.standings.build import row_of
from prune_bench.standings.model import Setting
from prune_env.checks import In, check
from prune_env.text import number

Point = tuple[float, float]
"""Of a run: the share of its visits to the harder half, and its test accuracy, in [0, 1] each."""


@dataclass(frozen=True)
class VisitsOptions:
    """Which runs. Checked when made."""

    folder: tyro.conf.Positional[Path]
    """a board's folder"""
    keep_ratio: Annotated[float, In("(0, 1]")] = 0.3
    """of the runs that count"""
    without: tuple[str, ...] = ()
    """agents that do not count, such as some whose training failed"""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Line:
    """A straight line through the agents."""

    slope: float
    """points of accuracy for ten points of share"""
    explained: float
    """of what the agents' means differ by beyond luck, the share that the line accounts for"""
    beyond: Mapping[str, float]
    """by agent: points of accuracy above the line"""


def read(folder: Path) -> list[Result]:
    """The results of a board that count.

    Raises:
        ValueError: they are of several settings, whose accuracies are no one line.
    """
    results, _ = counted_in(folder)
    titles = sorted({Setting.of(result.comparable).title for result in results})
    if len(titles) > 1:
        raise ValueError(
            f"{folder} has {len(titles)} settings, a line wants 1: {'; '.join(titles)}"
        )
    return results


def points(results: Iterable[Result], options: VisitsOptions) -> dict[str, list[Point]]:
    """The runs that count, by agent: those at equal cost that choose anew in each round."""
    found: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        name, keep_ratio = result.options["agent"], result.options["keep_ratio"]
        asked = keep_ratio == options.keep_ratio and name not in options.without
        if asked and not result.is_one_subset:
            found[agent_label(name, result.options["agent_options"])].append(result)
    rows = [row_of(agent, options.keep_ratio, runs) for agent, runs in found.items()]
    return {
        row.agent: [(hard_share(run), run.last) for run in row.runs]
        for row in rows
        if len(row.runs) > 1 and row.costs_its_keep_ratio
    }


def hard_share(result: Result) -> float:
    """The share of a run's visits that went to the harder half of its arms."""
    visits = result.pulls_by("difficulty")
    return float(visits[len(visits) // 2 :].sum() / visits.sum())


def line(found: Mapping[str, list[Point]]) -> Line:
    """The line through the agents' means, each weighing the same.

    Raises:
        ValueError: fewer than four agents.
    """
    if len(found) < 4:
        have = number(len(found), "agent has", "agents have")
        raise ValueError(f"{have} two runs that count; a line wants 4 or more")
    shares, accuracies = (
        np.array([np.mean([point[axis] for point in of]) for of in found.values()]) * 100
        for axis in (0, 1)
    )
    luck = np.mean([np.var([100 * y for _, y in of], ddof=1) / len(of) for of in found.values()])
    slope, height = np.polyfit(shares, accuracies, 1)
    beyond = accuracies - slope * shares - height
    differ = np.var(accuracies, ddof=1) - luck
    left = max(0.0, float(np.sum(beyond**2) / (len(found) - 2) - luck))
    explained = float(np.clip(1 - left / differ, 0, 1)) if differ > 0 else 0.0
    return Line(10 * slope, explained, dict(zip(found, beyond.tolist(), strict=True)))


def table(found: Mapping[str, list[Point]], fitted: Line) -> Fitted:
    """The agents, the most accurate first."""
    means = {agent: 100 * np.mean(of, axis=0) for agent, of in found.items()}
    rows = [
        [Text(agent), Text(f"{accuracy:.2f}"), Text(f"{share:.1f}"), Text(f"{above:+.2f}")]
        for agent, (share, accuracy), above in sorted(
            ((agent, means[agent], fitted.beyond[agent]) for agent in found),
            key=lambda row: -row[1][1],
        )
    ]
    title = (
        f"{fitted.slope:+.2f} points of test accuracy for ten points more of the visits to the "
        f"harder half;\nthat is {fitted.explained:.0%} of what agents differ by beyond luck\n"
    )
    return Fitted(
        ["agent", "test, %", "to the harder half, %", "beyond, points"], rows, title=title
    )


def main(arguments: list[str] | None = None) -> None:
    """Print the table of a board."""
    options = tyro.cli(VisitsOptions, description=__doc__, args=arguments)
    found = points(read(options.folder), options)
    Console().print(table(found, line(found)))


if __name__ == "__main__":
    main()
