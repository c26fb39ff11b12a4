"""Agents that are one treatment: runs that are the same, or that choose nothing."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
from made_up_reports import standings
from prune_bench.standings.verdict import headline, judge, notes


def kept(result, signals, pulls, **more):
    """A result of an agent that was shown these signals and kept arms so many times."""
    result["env_options"] |= {"signals": ["seen", *signals], "feedback": "semi"} | more
    result["kept"] |= {"arms_by_pulls": pulls, "pulls_by_class": [sum(pulls) // 10] * 10}
    return result


ONCE, TWICE, UNEVEN = [200, 800], [0, 0, 700, 300], [300, 600, 100]


@pytest.mark.parametrize(
    ("signals", "pulls", "more", "expected"),
    [
        ([], TWICE, {}, True),  # shown nothing
        (["age", "pulls"], TWICE, {}, True),
        (["loss"], ONCE, {}, True),  # no arm comes up after its loss is known
        (["loss"], TWICE, {}, False),
        (["loss"], [0, 500, 500], {}, False),
        ([], UNEVEN, {}, False),  # random, but another treatment than all arms alike
        (["loss"], UNEVEN, {}, False),
        (["loss", "label"], ONCE, {}, False),  # the loss of one arm says something about its class
        (["features"], ONCE, {}, False),
        (["val_loss"], ONCE, {}, False),
        (["loss"], ONCE, {"feedback": "full"}, False),
    ],
)
def test_who_chooses_nothing(made, signals, pulls, more, expected):
    """Which is level by construction is never ahead, by however much chance puts it there."""
    results = [made("full_short", seed, accuracy=0.5, cost=0.1) for seed in range(5)]
    results += [
        kept(made("other", seed, accuracy=0.6, cost=0.1), signals, pulls, **more)
        for seed in range(5)
    ]
    for result in results:
        for row in result["history"]:  # as many samples a round as the keep ratio says
            row["kept"] = round(result["num_arms"] * 0.1)
    comparison = standings(results).comparisons[0]
    row = comparison.row("other")
    assert (row.chooses_nothing, row.sign) == (expected, 0 if expected else 1)
    assert judge(comparison).beaters == (() if expected else ("other",))
    assert any("no measurement decided" in note for note in notes(comparison.rows)) == expected


@pytest.mark.parametrize("chance", [0.004, 0.002])
def test_the_best_that_is_named_is_not_below_one_that_is_not(made, chance):
    """As at keep 10 % on CIFAR-10, where chance has put one treatment 0.4 points above itself."""
    noise = np.array([-0.01, 0.01, 0.02, -0.02, 0.0])
    results = [
        made(agent, seed, accuracy=0.5 + value + noise[(seed + place) % 5], cost=0.1)
        for place, (agent, value) in enumerate(
            {"full_short": 0.0, "ucb": chance, "epsilon_greedy": 0.002}.items()
        )
        for seed in range(5)
    ]
    for result in results[5:10]:
        kept(result, ["loss"], ONCE)
        for row in result["history"]:
            row["kept"] = round(result["num_arms"] * 0.1)
    verdict = judge(standings(results).comparisons[0])
    assert verdict.sentence.startswith(
        "Nothing beats full_short for certain; the best that chooses, epsilon_greedy, is at +0.2 ["
    )
    assert " The best that chooses is epsilon_greedy at keep 10 %" in headline([verdict])


def test_a_prior_run_decides_too(made):
    results = [
        kept(made("other", seed, cost=0.1), [], TWICE) | {"prior": {"rounds": 2}}
        for seed in range(2)
    ] + [made("full_short", cost=0.1)]
    assert not standings(results).comparisons[0].row("other").chooses_nothing


def twins(made):
    """Three agents at keep 10 %, of which two have the same runs, and a fourth."""
    results = []
    for seed in range(5):
        results.append(made("full_short", seed, accuracy=0.5 + 0.001 * seed, cost=0.1))
        other = made("ucb", seed, accuracy=0.6 + 0.001 * seed, cost=0.1)
        results += [other, {**other, "options": {**other["options"], "agent": "ducb"}}]
        results.append(made("rs2", seed, accuracy=0.4 + 0.001 * seed, cost=0.1))
    return standings(results)


def test_identical_runs_are_one_row(made):
    found = twins(made)
    (comparison,) = found.comparisons
    assert [row.label for row in comparison.shown] == ["ducb = ucb", "full_short", "rs2"]
    assert len(found.runs) == 20  # none is lost
    assert [comparison.row(name).sign for name in ("ducb", "ucb", "rs2")] == [1, 1, -1]
    assert comparison.row("ucb").noise.dof == comparison.row("rs2").noise.dof == 12  # not 16
    verdict = judge(comparison)
    assert verdict.beaters == ("ducb = ucb",)
    assert headline([verdict]) == (
        "At equal cost ducb = ucb beats full_short at keep 10 % (+10.0 points)."
    )
    assert notes(comparison.shown) == ["ducb = ucb: the same runs, arm by arm, and counted once."]


def test_identical_runs_are_tested_once(made):
    """With a p of 0.035 one is certain, and two would not be."""
    noise = [0.02, -0.02, 0.01, -0.01, 0.0]
    results = [
        made("full_short", seed, accuracy=0.5 + of, cost=0.1) for seed, of in enumerate(noise)
    ]
    for seed, of in enumerate(noise):
        other = made("ucb", seed, accuracy=0.4747 + of, cost=0.1)
        results += [other, {**other, "options": {**other["options"], "agent": "ducb"}}]
    comparison = standings(results).comparisons[0]
    assert comparison.row("ducb").ahead.p == pytest.approx(0.0353, abs=1e-4)
    assert [comparison.row(name).sign for name in ("ducb", "ucb")] == [-1, -1]


def test_runs_that_end_alike_but_kept_other_arms_are_two_rows(made):
    results = [
        made(agent, seed, accuracy=0.5, cost=0.1)
        for agent in ("full_short", "ucb", "ducb")
        for seed in range(2)
    ]
    assert len(standings(results).comparisons[0].shown) == 3


def test_runs_that_diverged_say_nothing_of_choosing(made):
    """After one round all arms of any agent are kept as often."""
    for diverged in (False, True):
        results = [kept(made("rs2", seed, accuracy=0.5, cost=0.1), [], TWICE) for seed in (0, 1)]
        for result in results:
            result["diverged"] = diverged
            for row in result["history"]:
                row["kept"] = round(result["num_arms"] * 0.1)
        short = [made("full_short", seed, accuracy=0.5, cost=0.1) for seed in (0, 1)]
        row = standings([*results, *short]).comparisons[0].row("rs2")
        assert row.chooses_nothing != diverged


def test_who_reads_no_ratio_is_not_the_same_as_who_keeps_all_at_ratio_1(made):
    full = [made("full", seed, keep_ratio=1.0) for seed in range(2)]
    all_kept = deepcopy(full)
    for result in all_kept:
        result["options"]["agent"] = "ucb"
    low = [made(agent, seed, keep_ratio=0.3) for agent in ("ucb", "full_short") for seed in (0, 1)]
    at_low, at_1 = standings([*full, *all_kept, *low]).comparisons
    assert at_1.row("ucb").runs[0].fingerprint == at_low.row("full").runs[0].fingerprint
    assert at_low.row("full").label == "full"
