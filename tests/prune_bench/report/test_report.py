"""The tables and the report as text; test_page.py opens it in a browser."""

from __future__ import annotations

import csv
import doctest
import gc
import importlib
import io
import json
import re
import weakref
from dataclasses import replace

import altair
import jsonschema
import numpy as np
import pytest
import vl_convert
from prune_bench.board.board import Board
from prune_bench.board.grid import CONTROLS, Grid
from prune_bench.commands.report import show
from prune_bench.report.charts import ahead, png
from prune_bench.report.charts.board_pictures import pictures
from prune_bench.report.columns import TERMINAL, columns
from prune_bench.report.page import FILE, command, html, write_pictures, write_report
from prune_bench.report.palette import looks, palette
from prune_bench.report.tables import (
    comma_separated,
    markdown,
    terminal_table,
    verdict,
)
from prune_bench.report.terminal import Terminal
from prune_bench.run.options import RunOptions
from prune_bench.run.result import Result
from prune_bench.run.run_id import run_id
from prune_bench.standings import build
from prune_bench.standings.build import read_standings
from prune_bench.standings.overall import overall

from prune_env.files import write_json


def standings(contents, expected=None):
    """The standings of results that are made up: what their files say, and a name as `id`."""
    results = [Result(content, content.get("id", "")) for content in contents]
    return build.standings(results, expected)


@pytest.fixture
def found(fake_board):
    return read_standings(fake_board)


def printed(table, width=120):
    console = Terminal(width=width, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


def test_the_verdict_is_short_and_the_tables_have_every_row(found):
    lines = printed(verdict(found), width=80).splitlines()
    assert lines[0].startswith("At equal cost fake_winner beats full_short at keep 10 %")
    assert len(lines) < 10
    lines = printed(terminal_table(found), width=200).splitlines()
    assert any("fake_level" in line and "4/5, 1 failed" in line for line in lines)


def test_examples_of_the_charts():
    failed, tried = doctest.testmod(importlib.import_module("prune_bench.report.ranking"))
    assert (failed, tried) == (0, 3)


def test_a_hopeless_agent_is_a_number_at_the_edge(make_result):
    """Its -60 points would leave no room for what happens between -1 and +1."""
    last = {"full_short": 0.9, "rs2": 0.91, "random_dynamic": 0.89, "ucb": 0.3}
    results = []
    for agent, accuracy in last.items():
        for seed in range(5):
            result = make_result(RunOptions(agent=agent, seed=seed))
            result["test_accuracy"] = {"last": accuracy + 0.001 * seed, "best": accuracy}
            results.append(result)
    *layers, _ = ahead(standings(results).comparisons[0]).to_dict()["layer"]  # how many: not shown
    of = {layer["mark"]["type"]: layer["data"]["values"] for layer in layers}
    assert [(record["agent"], record["off"]) for record in of["text"]] == [("ucb", "← −60.0")]
    assert {record["agent"] for record in of["tick"]} == {"rs2", "random_dynamic"}
    assert min(record["points"] for record in of["circle"]) > -4


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
    gone = " ".join(lines).partition("no room for ")[2]
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


HOSTILE = "=cmd|'x'!A1\x1b[31m\n| x | [red] <b>"


def written(folder, standings):
    """The page of a report, whose pictures are drawn too."""
    write_pictures(write_report(folder, standings), folder)
    return folder / FILE


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


def test_hostile_names_act_nowhere_on_the_page(make_result, tmp_path):
    """A control character in a picture's text once stopped its renderer."""
    board = Board(tmp_path / "board")
    for agent in (HOSTILE, "full_short", "b\x00\ud800\ufffe"):
        for seed in (0, 1):
            run = RunOptions(agent=agent, seed=seed, epochs=4, keep_ratio=0.3)
            write_json(board.result_path(run_id(run)), make_result(run))
    page = written(board.folder, read_standings(board.folder)).read_text(encoding="utf-8")
    assert (board.folder / "cost.png").stat().st_size > 10_000
    visible = page.partition("<script")[0]
    assert "=cmd|&#39;x&#39;!A1\\x1b[31m\\n| x | [red] &lt;b&gt;" in visible
    assert r"b\x00\ud800\ufffe" in visible
    assert not set("\x00\x1b\ufffe") & set(page)


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


def test_overall_leaves_out_what_is_not_complete(found):
    table = {row.agent: row for row in overall(found.comparisons)}
    assert next(iter(table)) == "fake_winner"
    assert "fake_loser" not in table  # runs are missing
    assert "full" not in table
    assert table["fake_winner"].beats_short > 0.5
    assert table["random_dynamic"].beats_random is None
    assert table["random_dynamic"].normalised.value == pytest.approx(0, abs=0.05)


@pytest.fixture(scope="module")
def many(make_result):
    """Fourteen agents and the controls at three keep ratios, at each in another order."""
    results = []
    for keep_ratio in (0.1, 0.3, 0.5):
        for place, agent in enumerate([*CONTROLS, *(f"agent{i}" for i in range(14))]):
            options = RunOptions(agent=agent, keep_ratio=keep_ratio)
            result = make_result(options)
            last = 0.7 + 0.01 * ((7 * place + round(30 * keep_ratio)) % 19)
            result["test_accuracy"] = {"last": last, "best": last}
            results.append(result)
    return standings(results)


def agent_scales(spec):
    """All (agent, "color" or "shape", look) that a specification says, wherever it stands."""
    if isinstance(spec, list):
        return {found for each in spec for found in agent_scales(each)}
    if not isinstance(spec, dict):
        return set()
    found = {each for value in spec.values() for each in agent_scales(value)}
    for channel in ("color", "shape"):
        encoded = spec.get(channel, {})
        encoded = encoded.get("condition", encoded) if isinstance(encoded, dict) else {}
        if encoded.get("field") == "agent":
            scale = encoded["scale"]
            pairs = zip(scale["domain"], scale["range"], strict=True)
            found |= {(agent, channel, look) for agent, look in pairs}
    return found


def charts_of(page):
    return json.loads(re.search(r'id="charts">(.*?)</script>', page, flags=re.DOTALL).group(1))


def test_an_agent_has_one_colour_and_one_mark_everywhere(many):
    """In every chart and the legend of the page, and in every picture."""
    page = html(many, "board")
    expected = {
        (agent, channel, look)
        for agent, (colour, mark) in palette(many.comparisons).items()
        for channel, look in (("color", colour), ("shape", mark))
    }
    assert len(expected) == 2 * (5 + 14)
    charts, drawn = charts_of(page), pictures(many)
    for spec in (charts["cost-0"], charts["curves-0"], *(drawn[n] for n in drawn if n != "ahead")):
        assert agent_scales(spec) == expected
    assert agent_scales(list(charts.values())) == expected
    legend = re.findall(
        r'data-agent="(.*?)".*?color: (.*?)" aria-hidden="true">\s*<path.*?d="(.*?)"',
        page,
        re.DOTALL,
    )
    assert {(a, "color", c) for a, c, _ in legend} | {(a, "shape", m) for a, _, m in legend} == (
        expected
    )


def test_two_settings_of_a_board_share_the_looks(make_result):
    results = [
        make_result(RunOptions(agent=agent, keep_ratio=keep_ratio, epochs=epochs))
        for epochs, agents in ((4, ["a", "b", "full_short"]), (8, ["b", "c", "full_short"]))
        for agent in agents
        for keep_ratio in (0.1, 0.3)
    ]
    charts = charts_of(html(standings(results), "board"))
    assert "cost-1" in charts
    look = {(agent, channel) for agent, channel, _ in agent_scales(charts["cost-0"])}
    assert look == {(a, c) for a in ("a", "b", "c", *CONTROLS) for c in ("color", "shape")}
    assert agent_scales(charts["cost-0"]) == agent_scales(charts["cost-1"])


def test_every_agent_looks_different():
    look = looks([*CONTROLS, *(f"agent{i}" for i in range(130))])
    assert len(set(look.values())) == 135
    assert [look[name].colour for name in CONTROLS] == ["currentColor"] * 2 + ["#8c929b"] * 3
    few = looks(["agent7"])
    assert {name: few[name] for name in CONTROLS} == {name: look[name] for name in CONTROLS}
    with pytest.raises(ValueError, match="an agent is named twice among a, b, a"):
        looks(["a", "b", "a"])


def texts_in(spec):
    svg = vl_convert.vegalite_to_svg(spec)
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_the_curves_of_a_picture_are_those_of_the_best(many):
    """All cost the same here, so that the best by accuracy are the best at equal cost."""
    texts = texts_in(pictures(many)["curves-keep0.3"])
    comparison = next(c for c in many.comparisons if c.keep_ratio == 0.3)
    others = [row for row in comparison.rows if row.agent not in CONTROLS]
    best = sorted(others, key=lambda row: row.last.value)[-6:]
    assert {text for text in texts if text.startswith("agent")} == {row.agent for row in best}
    assert set(CONTROLS) <= set(texts)
    assert "8 agents not shown" in texts


def test_a_hopeless_agent_squeezes_no_scale(make_result):
    results = []
    for agent, last in {"full_short": 0.9, "a": 0.91, "b": 0.9, "hopeless": 0.3}.items():
        for seed in range(3):
            result = make_result(RunOptions(agent=agent, seed=seed))
            result["test_accuracy"]["last"] = last + 0.001 * seed
            results.append(result)
    drawn = pictures(standings(results))
    for name in ("curves-keep0.3", "cost"):
        texts = texts_in(drawn[name])
        assert "1 agent not shown" in texts
        assert "hopeless" not in texts
        assert {"a", "b", "full_short"} <= set(texts)


def test_a_picture_of_costs_has_titles(many):
    texts = texts_in(pictures(many)["cost"])
    assert "sample passes, share of all data for all epochs" in texts
    assert "test accuracy, last epoch, %" in texts
    assert "Digits, 4 epochs" in texts
    assert png(pictures(many)["cost"]).startswith(b"\x89PNG")


def test_report_files(fake_board):
    page = written(fake_board, read_standings(fake_board))
    assert page == fake_board / "report.html"
    made = {path.name for path in fake_board.iterdir()}
    assert {"board.md", "board.csv", "ahead.png", "cost.png", "curves-keep0.1.png"} <= made
    assert (fake_board / "ahead.png").read_bytes().startswith(b"\x89PNG")
    assert page.stat().st_size < 2_000_000


def test_charts_and_pictures_are_vega_lite(fake_board, found, monkeypatch):
    """They are made without Altair's checks."""
    schema, drawn = jsonschema.Draft7Validator(altair.load_schema()), []
    monkeypatch.setattr("prune_bench.report.charts.png", lambda spec: drawn.append(spec) or b"")
    page = written(fake_board, found).read_text(encoding="utf-8")
    (charts,) = re.findall(r'<script type="application/json" id="charts">(.*)</script>', page)
    specs = [*json.loads(charts).values(), *json.loads(json.dumps(drawn))]
    assert len(specs) == 15
    for spec in specs:
        schema.validate(spec)


def test_a_report_reads_the_results_once(fake_board, monkeypatch):
    read, folders = build.counted, []
    monkeypatch.setattr(
        build, "counted", lambda folder, pins: folders.append(folder) or read(folder, pins)
    )
    monkeypatch.setattr("prune_bench.report.page.write_pictures", lambda pictures, folder: None)
    show(Terminal(file=io.StringIO()), fake_board)
    assert folders == [fake_board]


def test_page_refers_to_nothing_outside(found):
    text = html(found, "board")
    scripts_away = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#|data:)", scripts_away)
    assert "@import" not in scripts_away


def test_user_text_is_escaped(make_result):
    bad = "</script><b onclick='x()'>"
    result = make_result(RunOptions(agent=f"m:{bad}"))
    text = html(standings([result]), bad)
    assert bad not in text
    assert "&lt;/script&gt;&lt;b onclick" in text


def test_charts_hold_no_infinite_numbers(found):
    text = html(found, "board")
    charts = re.search(r'id="charts">(.*?)</script>', text, flags=re.DOTALL).group(1)
    json.loads(charts, parse_constant=lambda name: pytest.fail(f"{name} in a chart"))


def test_a_board_with_nothing_finished_is_shown():
    planned = {"rs2-0": RunOptions(agent="rs2", epochs=3)}
    text = html(standings([], planned), "board")
    assert "no run has finished" in text


@pytest.mark.parametrize("agents", [["rs2"], ["full"], ["full", "full_short"], ["infobatch"]])
def test_boards_that_have_only_begun(make_result, agents):
    results = [make_result(RunOptions(agent=agent)) for agent in agents]
    assert "Nothing to compare yet" in html(standings(results), "board")


def test_one_run_each_gives_a_page(make_result):
    results = [make_result(RunOptions(agent=agent)) for agent in ("full", "full_short", "rs2")]
    assert "1 seed only" in html(standings(results), "board")


def test_an_unfinished_board_says_how_it_stands(make_result):
    results = [make_result(RunOptions(agent=agent)) for agent in ("full_short", "rs2")]
    planned = {"rs2-1": RunOptions(agent="rs2", seed=1)}
    text = html(standings(results, planned), "board")
    assert "Not decided, runs are missing. Against full_short so far rs2 is at " in text


def test_diverged_runs_are_said(make_result):
    results = [make_result(RunOptions(agent=agent)) for agent in ("full_short", "rs2")]
    results[1]["diverged"] = True
    results[1]["kept"]["pulls_by_difficulty"] = [0.0] * 10
    assert "1 run diverged" in html(standings(results), "board")


def test_command_that_made_a_board():
    grid = Grid(agents=("ucb", "ucb1"), keep_ratios=(0.1,), seeds=7, recipe={"peak_lr": 0.5})
    assert command(grid, "my board") == (
        "prune-env board --env prune_env/Digits-v0 --agents ucb ucb1 --keep-ratios 0.1 "
        "--seeds 7 --recipe peak_lr=0.5 --out 'my board'"
    )


def test_report_is_the_same_twice(fake_board, found):
    first, second = (np.array(comma_separated(read_standings(fake_board))) for _ in range(2))
    assert first == second


def test_the_results_are_forgotten_before_pictures_are_drawn(fake_board, monkeypatch):
    """The renderer takes as much memory as 10,000 results."""
    kept, alive, read = [], [], build.read_standings

    def watched(folder):
        found = read(folder)
        kept.extend(map(weakref.ref, found.runs))
        return found

    def drawn(pictures, folder):
        gc.collect()
        alive.append(sum(run() is not None for run in kept))

    monkeypatch.setattr(build, "read_standings", watched)
    monkeypatch.setattr("prune_bench.report.page.write_pictures", drawn)
    show(Terminal(file=io.StringIO()), fake_board)
    assert len(kept) > 10
    assert alive == [0]
