"""What is said of standings: who beats, what is doubtful, what is one and the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up_reports import standings
from prune_bench.run.options import RunOptions
from prune_bench.run.result import Failure
from prune_bench.standings.build import read_standings
from prune_bench.standings.statistics import Estimate
from prune_bench.standings.verdict import (
    ALL_ALIKE,
    LUCK,
    NONE_CHOOSES,
    caution,
    headline,
    judge,
    notes,
    points,
)


def verdict_of(made, **ahead):
    """The verdict where these agents end so far above full_short, seed by seed."""
    results = [
        made(agent, seed, accuracy=0.5 + value, cost=0.1)
        for agent, values in ({"full_short": [0.0] * 5} | ahead).items()
        for seed, value in enumerate(values)
    ]
    return judge(standings(results).comparisons[0])


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ([0.02] * 5, "beats", "rs2 beats full_short by +2.0 [2.0, 2.0] points."),
        ([0.02, -0.02, 0.01, -0.01, 0.0], "level", "Nothing beats full_short for certain; the"),
        ([0.02, -0.02, 0.01, -0.01, -0.01], "level", "Nothing beats full_short for certain; the"),
        ([0.0] * 5, "level", f"Nothing beats full_short{ALL_ALIKE}"),
        (
            [-0.03] * 5,
            "behind",
            "Nothing beats full_short; the closest, rs2 (a control), is at −3.0 [−3.0, ",
        ),
    ],
)
def test_verdict(made, values, kind, words):
    verdict = verdict_of(made, rs2=values)
    assert verdict.kind == kind
    assert verdict.sentence.startswith(words)


def test_where_nobody_can_differ_that_is_said_and_not_that_runs_are_missing(made):
    """rs2 has every arm as often as full_short; of an agent with losses to go by it is not so."""
    ends = {"full_short": 0.5, "rs2": 0.52}
    results = [
        made(agent, seed, accuracy=ends[agent], cost=0.1) for agent in ends for seed in (0, 1)
    ]
    (comparison,) = standings(results).comparisons
    rows = tuple(replace(row, chooses_nothing=row.agent == "rs2") for row in comparison.rows)
    verdict = judge(replace(comparison, rows=rows))
    assert verdict.kind == "open"
    assert verdict.sentence == NONE_CHOOSES
    assert headline([verdict]) == NONE_CHOOSES
    half = tuple(replace(row, expected=3) for row in rows)
    assert headline([judge(replace(comparison, rows=half))]).startswith("Nothing to compare yet")


def test_where_all_end_alike_no_best_is_named(made):
    alike = verdict_of(made, rs2=[0.0] * 5, ucb=[0.0] * 5)
    one_less = verdict_of(made, rs2=[0.0] * 5, ucb=[0.0, 0.0, 0.0, 0.0, -0.01])
    assert headline([alike]) == f"At equal cost nothing beats full_short{ALL_ALIKE}"
    assert headline([alike, one_less]).startswith("At equal cost nothing beats full_short for ce")
    assert "The best is rs2" in headline([one_less])


def test_a_certain_winner_leads_before_a_higher_uncertain_one(made):
    steady = {
        name: [value + noise for noise in (-0.001, 0.001, 0.0, 0.001, -0.001)]
        for name, value in {"full_short": 0.0, "sure": 0.01, "behind": -0.2}.items()
    }
    verdict = verdict_of(made, **steady, lucky=[0.3, 0.3, 0.3, -0.2, -0.2])
    assert verdict.leader is verdict.winner
    assert verdict.leader.agent == "sure"
    assert verdict.beaters == ("sure",)


def test_who_is_ahead_alone_may_not_be_certain_among_many(made):
    noise = np.array([0.02, -0.02, 0.01, -0.01, 0.0])
    agents = {"full_short": noise, "lucky": noise + 0.022}  # p = 0.026 with what follows
    losers = {f"other{i}": np.roll(noise, i) - 0.3 for i in range(10)}
    assert verdict_of(made, **agents, **losers).kind == "beats"  # losers are no excuse
    level = {f"other{i}": np.roll(noise, i) + 0.001 + 0.0001 * i for i in range(10)}
    among_many = verdict_of(made, **agents, **level)
    assert among_many.kind == "level"
    assert among_many.leader.agent == "lucky"
    assert among_many.winner is None
    assert among_many.leader.ahead.sign == 1  # its own interval leaves out 0
    assert among_many.sentence.endswith(f"points, {LUCK}.")
    assert f"points, {LUCK}." in headline([among_many])


def test_few_seeds_do_not_beat(made):
    results = [
        made(agent, seed, accuracy=accuracy, cost=0.1)
        for seed in range(3)
        for agent, accuracy in {"full_short": 0.5, "rs2": 0.599 + 0.001 * seed}.items()
    ]
    verdict = judge(standings(results).comparisons[0])
    assert verdict.is_weak
    assert verdict.sentence == (
        "rs2 is ahead, in 3 seeds, of full_short by +10.0 [9.8, 10.2] points."
    )
    assert headline([verdict]) == (
        "At equal cost rs2 is ahead, in 3 seeds, of full_short at keep 10 % (+10.0 points)."
    )


def test_an_unfinished_agent_cannot_win(made):
    results = [made("full_short", seed, accuracy=0.5) for seed in range(5)]
    results += [made("rs2", 0, accuracy=0.9) | {"id": "rs2-0"}]
    planned = {
        f"rs2-{s}": RunOptions(agent="rs2", keep_ratio=0.1, seed=s, epochs=10) for s in range(5)
    }
    (comparison,) = standings(results, planned).comparisons
    assert judge(comparison).kind == "open"
    assert comparison.row("rs2").sign == 0  # though one run of it is far ahead


def test_headline_names_where_something_wins(fake_board):
    comparisons = read_standings(fake_board).comparisons
    assert headline([judge(comparison) for comparison in comparisons]) == (
        "At equal cost fake_winner beats full_short at keep 10 % (+2.7 points); "
        "at 50 % nothing does; at 30 % runs are missing."
    )
    assert caution(comparisons) == "2 rows are unfinished and cannot win yet"


def test_nobody_has_lost_while_an_agent_runs_that_may_win(made):
    results = [made("full_short", seed, accuracy=0.5, cost=0.1) for seed in range(5)]
    results += [made("rs2", seed, accuracy=0.4, cost=0.1) for seed in range(5)]
    results += [made("ucb", 0, accuracy=0.6, cost=0.1) | {"id": "ucb-0"}]
    planned = {
        f"ucb-{s}": RunOptions(agent="ucb", keep_ratio=0.1, seed=s, epochs=10) for s in range(5)
    }
    verdict = judge(standings(results, planned).comparisons[0])
    assert (verdict.kind, verdict.so_far.agent) == ("open", "ucb")
    failed = [Failure(vars(run), "", name) for name, run in planned.items() if run.seed]
    assert judge(standings(results, planned, failed).comparisons[0]).kind == "behind"


def test_what_ignores_its_keep_ratio_is_cautioned_once(made):
    results = [
        made(agent, seed, keep_ratio) | {"diverged": agent == "full"}
        for seed in range(5)
        for agent, keep_ratio in (("full", 1.0), ("rs2", 0.1), ("rs2", 0.3))
    ]
    assert caution(standings(results).comparisons) == (
        "5 runs diverged; the accuracy at the end counts"
    )


def test_a_mixture_of_data_is_cautioned(made):
    results = [
        made("rs2", seed)
        | {"trained": {"network": "mlp", "labels": labels}, "id": f"{labels}-{seed}"}
        for seed, labels in enumerate("aaabb")
    ]
    assert "runs of different networks or data" in caution(standings(results).comparisons)
    assert not caution(standings([r | {"trained": {}} for r in results]).comparisons)
    less = [result | {"trained": {"network": "mlp"}} for result in results[3:]]
    assert not caution(standings([*results[:3], *less]).comparisons)


def test_headline_without_anything():
    assert headline([]).startswith("Nothing to compare yet")


def test_few_seeds_are_said(made):
    results = [made(agent, seed) for agent in ("rs2", "full_short") for seed in (0, 1)]
    assert caution(standings(results).comparisons) == "2 seeds only: fewer than 5 show little"
    results += [made(agent, 2) for agent in ("rs2", "full_short")]
    results += [made("ucb", seed) for seed in (0, 1)]
    assert caution(standings(results).comparisons) == "2 to 3 seeds only: fewer than 5 show little"
    results += [made(agent, seed) for agent in ("rs2", "full_short") for seed in (3, 4)]
    found = caution(standings(results).comparisons)
    assert found == "1 row has 2 seeds only: fewer than 5 show little"


@pytest.mark.parametrize(
    ("estimate", "signed", "expected"),
    [
        (None, False, "–"),
        (Estimate(0.5), False, "50.0"),
        (Estimate(0.012, -0.001, 0.034), True, "+1.2 [−0.1, 3.4]"),
        (Estimate(-0.5, -0.6, -0.4), True, "−50.0 [−60.0, −40.0]"),
        (Estimate(-0.0004, -0.012, -0.0001), True, "+0.0 [−1.2, 0.0]"),
    ],
)
def test_points(estimate, signed, expected):
    assert points(estimate, signed) == expected


def test_an_interval_that_leaves_out_0_is_explained(made):
    noise = np.array([0.02, -0.02, 0.01, -0.01, 0.0])
    agents = {"full_short": noise, "lucky": noise + 0.022}
    agents |= {f"other{i}": np.roll(noise, i) + 0.001 + 0.0001 * i for i in range(10)}
    results = [
        made(agent, seed, accuracy=0.5 + value, cost=0.1)
        for agent, values in agents.items()
        for seed, value in enumerate(values)
    ]
    (note,) = notes(standings(results).comparisons[0].rows)
    assert note.startswith(
        "Not certain although the interval, before rounding, leaves out 0: lucky (+2.2 ["
    )
    assert note.endswith(f", {LUCK}.")


def test_own_amounts_are_judged_once_whatever_the_keep_ratio(made):
    results = [
        made(agent, seed, keep, accuracy + 0.003 * ((seed * place) % 5), cost)
        for seed in range(5)
        for place, (agent, keep, accuracy, cost) in enumerate(
            [
                *(("full_short", 0.1, 0.5, 0.1), ("full_short", 0.5, 0.6, 0.5)),
                *(("rs2", 0.1, 0.5, 0.1), ("rs2", 0.5, 0.6, 0.5), ("full", 1.0, 0.7, 1.0)),
                *(("infobatch", 1.0, 0.65, 0.6), ("seta", 1.0, 0.66, 0.7)),
            ],
            start=1,
        )
    ]
    low, high = standings(results).comparisons
    for name in ("infobatch", "seta"):
        assert low.row(name).ahead == high.row(name).ahead
        assert low.row(name).sign == high.row(name).sign


def deciding(result, share):
    """The same, of an agent that reads its keep ratio and kept another share in its last round."""
    result["history"][-1]["kept"] = round(share * result["num_arms"])
    return result


def test_one_that_decides_its_amount_is_judged_at_each_keep_ratio_for_itself(made):
    results = [
        made(agent, seed, keep, accuracy + 0.001 * ((seed * place) % 5), cost)
        for seed in range(5)
        for place, (agent, keep, accuracy, cost) in enumerate(
            [
                *(("full_short", 0.1, 0.5, 0.1), ("full_short", 0.5, 0.6, 0.5)),
                *(("rs2", 0.1, 0.5, 0.1), ("rs2", 0.5, 0.6, 0.5), ("full", 1.0, 0.7, 1.0)),
            ],
            start=1,
        )
    ]
    for keep, accuracy in ((0.1, 0.55), (0.5, 0.6)):  # far ahead, and level
        runs = [made("kakurenbo", s, keep, accuracy + 0.001 * s, keep) for s in range(5)]
        results += [deciding(run, 0.9) for run in runs]
    low, high = standings(results).comparisons
    assert {c.row("kakurenbo").rule for c in (low, high)} == {"own amount"}
    assert (low.row("kakurenbo").sign, high.row("kakurenbo").sign) == (1, 0)


def test_one_that_decides_its_amount_may_have_kept_all_as_full_did(made):
    results = [
        made(agent, seed, keep, accuracy + 0.001 * seed, keep)
        for seed in range(5)
        for agent, keep, accuracy in (
            ("full_short", 0.1, 0.5),
            ("rs2", 0.1, 0.5),
            ("full", 1.0, 0.7),
        )
    ]
    fulls = [result for result in results if result["options"]["agent"] == "full"]
    results += [full | {"options": full["options"] | {"agent": "infobatch"}} for full in fulls]
    (comparison,) = standings(results).comparisons
    assert comparison.row("full").label == "full = infobatch"
    assert comparison.row("infobatch").is_repeat
    assert (comparison.row("infobatch").rule, comparison.row("infobatch").sign) == ("own amount", 0)


def test_who_chooses_at_a_cost_without_a_bar_is_not_said_to_choose_nothing(made):
    """rs2 chooses nothing; another one, dearer than any run of full_short, is beside none."""
    ends = {"full_short": 0.5, "rs2": 0.52, "kcenter": 0.6}
    results = [
        made(agent, seed, accuracy=ends[agent], cost=0.1) for agent in ends for seed in (0, 1)
    ]
    (comparison,) = standings(results).comparisons
    rows = tuple(
        replace(row, chooses_nothing=row.agent == "rs2", ahead=None) for row in comparison.rows
    )
    verdict = judge(replace(comparison, rows=rows))
    assert verdict.sentence == "No agent has a run beside full_short at its cost yet."
