"""The bars: what `full_short` at other costs judges, and which of its rows a table has."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up_reports import standings
from prune_bench.run.options import RunOptions
from prune_bench.standings.verdict import headline, judge, notes


def five_seeds(made, *cells):
    """Standings of an agent, keep ratio, accuracy, its rise from seed to seed, and cost each."""
    return standings(
        made(agent, seed, keep_ratio, accuracy + rise * seed, cost)
        for seed in range(5)
        for agent, keep_ratio, accuracy, rise, cost in cells
    )


def test_between_two_points_of_full_short_only_these_are_known(made):
    """What reaches the dearer for less is ahead, what is below the cheaper is behind."""
    found = five_seeds(
        made,
        ("full_short", 0.1, 0.50, 0.001, 0.1),
        ("full", 1.0, 0.70, 0.001, 1.0),
        ("rs2", 0.1, 0.60, 0.003, 0.1),
        ("el2n", 0.1, 0.71, 0.003, 0.2),
        ("between", 0.1, 0.65, 0.003, 0.2),  # the line has 0.56 there
        ("aum", 0.1, 0.40, 0.003, 0.2),
        ("dear", 0.1, 0.80, 0.003, 1.2),
        ("cheap", 0.1, 0.40, 0.003, 0.05),
    )
    comparison = found.comparisons[0]
    signs = {row.agent: row.sign for row in comparison.rows if not row.is_reference}
    assert signs == {"rs2": 1, "el2n": 1, "between": 0, "aum": -1, "dear": 0, "cheap": 0}
    assert judge(comparison).beaters == ("rs2", "el2n")
    assert comparison.row("el2n").ahead.value == pytest.approx(0.71 + 0.006 - 0.702)  # full's mean
    assert comparison.row("aum").ahead.value == pytest.approx(0.40 + 0.006 - 0.502)
    assert all(comparison.row(name).ahead is None for name in ("between", "dear", "cheap"))
    assert notes(comparison.rows) == [
        "dear, between and cheap: no difference is known, for full_short was not run at that cost, "
        "and its runs next to it do not decide. The validation that an agent reads is charged. "
        "--full-short-at 0.05 0.2 runs it there."
    ]


def test_a_bar_that_has_learned_nothing_is_told(made):
    """Of ten classes."""
    learned, guessed = (
        five_seeds(
            made,
            ("full_short", 0.1, accuracy, 0.001, 0.1),
            ("full_short", 0.2, 0.5, 0.001, 0.2),
            ("rs2", 0.1, 0.3, 0.001, 0.1),
        ).comparisons
        for accuracy in (0.13, 0.11)
    )
    said = "full_short ends near what guessing gives (11 % at cost 0.1): so little was"
    assert [note.startswith(said) for note in notes(guessed[0].rows)] == [True]
    assert notes(learned[0].rows) == []


def own_amounts(made, short_at):
    """Two agents that keep 60 % of their own accord, and full_short at 10 %, these, and in full."""
    return five_seeds(
        made,
        ("full_short", 0.1, 0.50, 0.001, 0.1),
        *(("full_short", keep, 0.68, 0.001, keep) for keep in short_at),
        ("rs2", 0.1, 0.4, 0.001, 0.1),
        ("full", 1.0, 0.70, 0.001, 1.0),
        ("infobatch", 1.0, 0.685, 0.003, 0.6),
        ("seta", 1.0, 0.67, 0.003, 0.6),
    )


def test_an_own_amount_of_few_seeds_is_not_named(made):
    (comparison,) = own_amounts(made, (0.6,)).comparisons
    assert [row.agent for row in judge(comparison).own_amount] == ["infobatch"]
    few = tuple(replace(row, runs=row.runs[:4], expected=4) for row in comparison.rows)
    assert judge(replace(comparison, rows=few)).own_amount == ()


def test_further_runs_of_full_short_judge_those_that_decide_how_much_to_keep(made):
    (comparison,) = own_amounts(made, ()).comparisons
    assert [comparison.row(name).sign for name in ("infobatch", "seta")] == [0, 0]
    found = own_amounts(made, (0.65, 0.6))
    (comparison,) = found.comparisons  # 0.6 is no keep ratio that anything is compared at
    assert [comparison.row(name).sign for name in ("infobatch", "seta")] == [1, -1]
    assert [(row.agent, row.keep_ratio) for row in comparison.tables["own amount"]] == [
        *(("full", 1.0), ("infobatch", 1.0), ("full_short", 0.6), ("seta", 1.0)),
        ("full_short", 0.1),
    ]
    assert {row.keep_ratio for row in comparison.bar} == {0.6, 0.65}
    assert len(found.runs) == 35
    assert headline([judge(comparison)]) == (
        "At equal cost nothing beats full_short. The closest is rs2 (a control) at keep 10 %: "
        "−10.0 [−10.2, −9.8] points. Deciding how much to keep, infobatch "
        "(+0.9 points at cost 0.60) beats it."
    )


def test_a_bar_that_judges_nothing_in_a_table_is_not_in_it(made):
    (comparison,) = five_seeds(
        made,
        ("full_short", 0.1, 0.50, 0.001, 0.1),
        *(("full_short", share, 0.4 + share, 0.001, share) for share in (0.14, 0.6, 0.8)),
        ("reads_validation", 0.1, 0.54, 0.001, 0.14),
        ("infobatch", 1.0, 0.99, 0.001, 0.6),
    ).comparisons
    shorts = {
        rule: [row.keep_ratio for row in rows if row.agent == "full_short"]
        for rule, rows in comparison.tables.items()
    }
    assert shorts == {"fixed keep ratio": [0.14, 0.1], "own amount": [0.6, 0.1]}
    assert [row.keep_ratio for row in comparison.bar] == [0.14, 0.6, 0.8]


def test_an_agent_that_costs_more_than_it_keeps_has_its_bar_in_its_table(made):
    (comparison,) = five_seeds(
        made,
        ("full_short", 0.1, 0.50, 0.001, 0.1),
        ("full_short", 0.14, 0.55, 0.001, 0.14),
        ("full_short", 0.2, 0.60, 0.001, 0.2),
        ("rs2", 0.1, 0.49, 0.001, 0.1),
        ("reads_validation", 0.1, 0.54, 0.001, 0.14),
    ).comparisons
    (rows,) = comparison.tables.values()
    assert [(row.agent, row.keep_ratio) for row in rows] == [
        *(("full_short", 0.14), ("reads_validation", 0.1), ("full_short", 0.1), ("rs2", 0.1)),
    ]


def test_missing_runs_of_the_bar_are_missing(made):
    planned = {
        f"short-{keep}": RunOptions(agent="full_short", keep_ratio=keep, epochs=10)
        for keep in (0.1, 0.65)
    }
    results = [made(agent) for agent in ("rs2", "infobatch")]
    assert standings(results, planned).missing == 2
