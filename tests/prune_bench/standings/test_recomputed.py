"""The committed boards once more, from their JSON files with scipy and nothing of the boards."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from prune_bench.standings.build import read_standings
from scipy import stats

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


def accuracies(folder):
    """By keep ratio and agent, what its runs ended at, and what they cost."""
    found, costs = defaultdict(dict), defaultdict(list)
    for path in sorted((folder / "runs").glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        options = result["options"]
        key = options["keep_ratio"], options["agent"]
        found[key][options["seed"]] = result["test_accuracy"]["last"]
        costs[key].append(result["passes"]["charged"] / result["num_arms"] / 3 / options["epochs"])
    return (
        {key: np.array([runs[seed] for seed in sorted(runs)]) for key, runs in found.items()},
        {key: np.mean(values) for key, values in costs.items()},
    )


def pooled(groups):
    """Variance and degrees of freedom, one by one from the steadiest agent on."""
    squares, dof = 0.0, 0
    steady_first = sorted(groups, key=lambda runs: np.var(runs, ddof=1) if len(runs) > 1 else 0)
    for place, runs in enumerate(steady_first):
        more = len(runs) - 1
        if place >= (len(groups) + 1) / 2 - 0.5 and squares and more:
            ratio = np.var(runs, ddof=1) / (squares / dof)
            if stats.f.sf(ratio, more, dof) < 0.001:
                break
        squares += np.sum((runs - np.mean(runs)) ** 2)
        dof += more
    return squares / dof, dof


@pytest.mark.parametrize(
    ("board", "keep_ratio"),
    [("cifar10-cpu", 0.1), ("cifar10-cpu", 0.3), ("cifar10-cpu", 0.5), ("digits-policies", 0.3)],
)
def test_means_intervals_and_p_of_a_board(board, keep_ratio):
    runs, costs = accuracies(RESULTS / board)
    comparison = next(
        c for c in read_standings(RESULTS / board).comparisons if c.keep_ratio == keep_ratio
    )
    at = {agent: values for (keep, agent), values in runs.items() if keep == keep_ratio}
    distinct = {tuple(values): values for agent, values in at.items() if comparison.row(agent)}
    variance, dof = pooled(list(distinct.values()))
    short = at["full_short"]
    compared = 0
    for agent, values in at.items():
        row = comparison.row(agent)
        if row is None or row.noise.dof != dof:
            continue  # one that scatters more than the others
        assert row.last.value == pytest.approx(values.mean())
        half = stats.t.ppf(0.975, dof) * (variance / len(values)) ** 0.5
        assert row.last.high - row.last.value == pytest.approx(half)
        if abs(costs[keep_ratio, agent] / costs[keep_ratio, "full_short"] - 1) > 0.009:
            continue
        if agent == "full_short":
            continue
        error = (variance * (1 / len(values) + 1 / len(short))) ** 0.5
        assert row.ahead.value == pytest.approx(values.mean() - short.mean())
        assert row.ahead.p == pytest.approx(2 * stats.t.sf(abs(row.ahead.value) / error, dof))
        compared += 1
    assert compared >= 6


def test_who_is_ahead_on_cifar10():
    """The p-values once more through the procedure of Benjamini and Hochberg."""
    for comparison in read_standings(RESULTS / "cifar10-cpu").comparisons:
        rows = [
            row
            for row in comparison.rows
            if row.rule != "own amount" and row.ahead and not row.is_repeat
        ]
        ahead = sorted(
            (row.ahead.p, row.agent)
            for row in rows
            if row.ahead.value > 0 and not row.chooses_nothing
        )
        limit = max(
            (i for i, (p, _) in enumerate(ahead, 1) if p <= 0.05 * i / len(ahead)), default=0
        )
        certain = {agent for _, agent in ahead[:limit]}
        assert {row.agent for row in rows if row.sign > 0} == certain
        if comparison.keep_ratio == 0.1:
            assert certain == set()  # an A/A test: ucb, ucb1 and uncertainty are full_short there
            assert comparison.row("ucb").same_runs_as == ("ucb1", "uncertainty")
            assert [row.agent for row in rows if row.chooses_nothing] == ["ucb", "rs2"]
        if comparison.keep_ratio == 0.5:
            assert certain == {"epsilon_greedy", "uncertainty", "ucb", "ucb1"}
