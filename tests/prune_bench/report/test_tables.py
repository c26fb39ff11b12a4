"""The tables of a report: in the terminal, in Markdown, for spreadsheets."""

from __future__ import annotations

import csv
import re
from dataclasses import replace

import pytest
from made_up_reports import HOSTILE, printed, standings
from prune_bench.report.columns import TERMINAL, columns
from prune_bench.report.page import html
from prune_bench.report.tables import (
    comma_separated,
    fitted,
    markdown,
    terminal_table,
    verdict,
)
from prune_bench.report.terminal import Fitted
from prune_bench.run.options import RunOptions
from prune_bench.standings.overall import overall


def test_the_verdict_is_short_and_the_tables_have_every_row(found):
    lines = printed(verdict(found), width=80).splitlines()
    assert lines[0].startswith("At equal cost fake_winner beats full_short at keep 10 %")
    assert len(lines) < 10
    lines = printed(terminal_table(found), width=200).splitlines()
    assert any("fake_level" in line and "4/5, 1 failed" in line for line in lines)


def test_the_legend_says_that_a_wild_agent_is_not_pooled(make_result):
    def result(agent, seed):
        content = make_result(RunOptions(agent=agent, seed=seed))
        last = (0.2 if agent == "wild" else 0.7) + (0.5 if agent == "wild" else 0.001) * (seed % 2)
        content["test_accuracy"]["last"] = content["history"][-1]["test_accuracy"] = last
        return content

    agents = ("full_short", "calm", "still", "wild")
    found = standings([result(agent, seed) for agent in agents for seed in range(5)])
    widths = {row.agent: row.last.half for row in found.comparisons[0].rows}
    assert widths["wild"] > 100 * widths["calm"]
    assert "variance pooled over the agents that scatter alike" in markdown(found)


@pytest.mark.parametrize("width", [100, 80, 60, 40])
def test_no_name_and_no_number_is_broken(make_result, width):
    long = "my_package.my_agents:TheAgentOfMyThesis"
    agents = (long, "my_package.your_agents:TheAgentOfMyThesis", "full_short", "a[red]b")
    found = standings([make_result(RunOptions(agent=a, seed=s)) for a in agents for s in (0, 1)])
    lines = printed(terminal_table(found), width).splitlines()
    assert max(map(len, lines)) <= width
    start = next(i for i, line in enumerate(lines) if line.startswith("Agent"))
    rows = lines[start + 1 : start + 5]
    headings = re.split(r"\s{2,}", lines[start])
    for row in found.comparisons[0].rows:
        shown = [column for column in columns(TERMINAL) if column.title in headings[1:]]
        wanted = [column.text(row) for column in shown]
        assert "vs full_short" in headings
        assert any(re.split(r"\s{2,}", line)[1:] == wanted for line in rows)
        assert row.agent in "".join(lines)  # a short one in the table, a long one beneath
    gone = " ".join(lines).partition("columns without room: ")[2]
    assert bool(gone) == (len(headings) < 6)


def test_regret_is_shown_where_it_is_told(make_result):
    results = [make_result(RunOptions(agent=agent)) for agent in ("full_short", "rs2")]
    assert "Regret" not in printed(terminal_table(standings(results)))
    assert ">Regret</button>" not in html(standings(results), "board")
    for result, regret in zip(results, (0.5, 0.25), strict=True):
        result["history"][-1]["regret"] = regret
    found = standings(results)
    assert "Regret" in printed(terminal_table(found), width=80)
    assert "| Regret |" in markdown(found)
    rows = csv.DictReader(comma_separated(found).splitlines())
    assert {row["agent"]: row["regret"] for row in rows} == {"full_short": "0.5", "rs2": "0.25"}
    page = html(found, "board")
    assert page.count(">Regret</button>") == 1
    assert page.count('data-value="0.25">0.25</td>') == 1


def test_hostile_names_act_nowhere(make_result):
    options = RunOptions(agent=HOSTILE, network="-1+1\x1b")
    results = [make_result(options), make_result(replace(options, agent="full_short"))]
    found = standings(results)
    for text in (printed(terminal_table(found)), markdown(found), comma_separated(found)):
        assert "\x1b" not in text
        assert r"\x1b[31m\n" in text or r"\\x1b\[31m\\n" in text
    assert HOSTILE.split("\x1b")[0] in printed(terminal_table(found))
    rows = list(csv.reader(comma_separated(found).splitlines()))
    cells = [cell for row in rows for cell in row]
    assert "'=cmd|'x'!A1\\x1b[31m\\n| x | [red] <b>" in cells
    assert not [c for c in cells if c[:1] in ("=", "+", "@") or (c[:1] == "-" and not is_number(c))]
    lines = [line for line in markdown(found).splitlines() if line.startswith("| =cmd")]
    assert lines
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 1 + 8 for line in lines)


def is_number(text):
    try:
        return bool(float(text)) or True
    except ValueError:
        return False


def test_markdown_has_every_row_and_escapes(found):
    text = markdown(found)
    assert text.count("| fake\\_winner |") == 3
    assert "made up \\<script\\>" in text


def test_csv_can_be_read_back(found):
    rows = list(csv.DictReader(comma_separated(found).splitlines()))
    keys = [(r["agent"], r["keep_ratio"]) for r in rows]
    assert len(keys) == len(set(keys)) == 3 * 7 + 1  # `full` reads no keep ratio
    (row,) = [r for r in rows if r["agent"] == "fake_winner" and r["keep_ratio"] == "0.1"]
    assert float(row["cost"]) == pytest.approx(0.1)
    assert float(row["ahead_of_full_short_for_equal_passes_low"]) > 0
    assert float(row["cpu_seconds_evaluate"]) == pytest.approx(3.0)


def test_a_scale_is_shown_where_it_is_known(found, make_result):
    scale = "From random_dynamic, 0, to full, 1"
    assert scale in html(found, "board")
    agents = ("full", "full_short", "random_dynamic", "ucb")  # all alike: there is no scale
    level = standings([make_result(RunOptions(agent=agent)) for agent in agents])
    assert "Above random_dynamic" in html(level, "board")
    assert scale not in html(level, "board")


def test_overall_leaves_out_what_is_not_complete(found):
    table = {row.agent: row for row in overall(found.comparisons)}
    assert next(iter(table)) == "fake_winner"
    assert "fake_loser" not in table  # runs are missing
    assert "full" not in table
    assert table["fake_winner"].beats_short > 0.5
    assert table["random_dynamic"].beats_random is None
    assert table["random_dynamic"].normalised.value == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("lead", [0.0001, 0.1])
def test_who_is_certainly_ahead_is_bold_and_a_best_one_that_is_not_is_not(lead, make_result):
    results = []
    for agent in ("full_short", "rs2", "ucb"):
        for seed in range(5):
            content = make_result(RunOptions(agent=agent, seed=seed))
            last = 0.7 + 0.01 * seed + lead * (agent == "ucb") - 0.1 * (agent == "rs2")
            content["test_accuracy"]["last"] = content["history"][-1]["test_accuracy"] = last
            results.append(content)
    found = standings(results)
    table = next(part for part in terminal_table(found).renderables if isinstance(part, Fitted))
    certain = lead == 0.1
    assert ("bold" in table.styles) == certain
    text = printed(table)
    assert [mark in text for mark in ("▲+10.0", "▼−10.0", "▼−0.0")] == [certain, True, False]
    assert " +0.0" in text or certain
    assert ("| ▲+10.0 " in markdown(found)) == certain
    assert len(re.findall('class="[^"]* leads"', html(found, "made up"))) == certain


def test_the_share_of_wrong_labels_is_explained_where_it_is_shown(make_result):
    noisy, clean = (make_result(RunOptions(agent="ucb")) for _ in range(2))
    for row in noisy["history"]:
        row["wrong_kept"] = 0.2
    for found, told in ((standings([noisy]), True), (standings([clean]), False)):
        for text in (printed(terminal_table(found), width=200), markdown(found)):
            assert ("Wrong, %: the share of what was kept" in " ".join(text.split())) == told


def test_the_cost_stays_where_it_alone_tells_two_rows_apart(make_result):
    """As of `full_short`, which is in a table at several costs."""
    agents = ("full_short", "ucb")
    short, ucb = standings([make_result(RunOptions(agent=a)) for a in agents]).comparisons[0].rows
    for rows, stays in (([short, ucb], False), ([short, short, ucb], True)):
        lines = printed(fitted(rows, "title"), width=60).splitlines()
        (gone,) = (line for line in lines if line.startswith("columns without room: "))
        assert ("cost" not in gone) == stays
