"""The charts of a page and its pictures."""

from __future__ import annotations

import doctest
import importlib
import json
import re

import altair
import jsonschema
import pytest
import vl_convert
from made_up_reports import standings, written
from prune_bench.board.grid import CONTROLS
from prune_bench.report.charts import ahead, kept, learning_curves, png
from prune_bench.report.charts.board_pictures import pictures
from prune_bench.report.page import html
from prune_bench.report.palette import looks, palette
from prune_bench.run.options import RunOptions


def test_examples_of_the_charts():
    failed, tried = doctest.testmod(importlib.import_module("prune_bench.report.ranking"))
    assert (failed, tried) == (0, 4)


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


def test_an_arrow_says_that_the_runs_of_an_agent_go_on_beyond_the_edge(make_result):
    last = {"full_short": [0.9] * 5, "rs2": [0.91] * 5, "ucb": [0.3] * 5}
    last["random_dynamic"] = [0.89, 0.89, 0.89, 0.89, 0.7]
    results = []
    for place, (agent, accuracies) in enumerate(last.items()):
        for seed, accuracy in enumerate(accuracies):
            accuracy += 0.001 * ((seed * place) % 5)
            result = make_result(RunOptions(agent=agent, seed=seed))
            result["test_accuracy"] = {"last": accuracy, "best": accuracy}
            results.append(result)
    layers = ahead(standings(results).comparisons[0]).to_dict()["layer"]
    (edge,) = (layer["data"]["values"] for layer in layers if layer["mark"].get("align") == "left")
    assert {r["agent"]: r["off"] for r in edge} == {"ucb": "← −59.8", "random_dynamic": "←"}


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


def test_evenly_is_by_arms_where_classes_differ_in_size(make_result):
    result = make_result(RunOptions(agent="rs2"))
    # 1,200 pulls of 1,000 arms: 1.2 is even; an arm of the large class has 1, of the small one 3
    result["kept"] |= {"arms_by_class": [900, 100], "pulls_by_class": [900, 300]}
    layer = kept(standings([result]).comparisons, "class").to_dict()["layer"][0]
    assert [record["ratio"] for record in layer["data"]["values"]] == [0.833333, 2.5]


def test_a_curve_is_of_the_rounds_that_all_runs_have_evaluated(make_result):
    """One of two runs ends after its third round, where it is evaluated out of turn."""
    results = [make_result(RunOptions(agent="rs2", seed=seed, epochs=6)) for seed in (0, 1)]
    results[1]["history"] = results[1]["history"][:3]
    for result, evaluated in zip(results, ({2, 4, 6}, {2, 3}), strict=True):
        for row in result["history"]:
            if row["round"] not in evaluated:
                del row["test_accuracy"]
            elif "test_accuracy" in row:
                row["test_accuracy"] = 0.1 * row["round"]
    comparisons = standings(results).comparisons
    line, *_ = learning_curves(comparisons, palette(comparisons)).to_dict()["layer"]
    found = [r for r in line["data"]["values"] if r["unit"] == "passes"]
    assert [(r["round"], r["accuracy"]) for r in found] == [(2, 20)]


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


def test_a_board_on_which_all_are_far_behind_has_its_pictures(make_result):
    results = []
    for agent, last in {"full_short": 0.9, "bad": 0.85, "hopeless": 0.3}.items():
        for seed in range(3):
            result = make_result(RunOptions(agent=agent, seed=seed))
            result["test_accuracy"]["last"] = last + 0.001 * seed
            results.append(result)
    assert "bad" in texts_in(pictures(standings(results))["ahead"])


def test_a_picture_of_costs_has_titles(many):
    texts = texts_in(pictures(many)["cost"])
    assert "sample passes, share of all data for all epochs" in texts
    assert "test accuracy, last epoch, %" in texts
    assert "Digits, 4 epochs" in texts
    assert png(pictures(many)["cost"]).startswith(b"\x89PNG")


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


def test_charts_hold_no_infinite_numbers(found):
    text = html(found, "board")
    charts = re.search(r'id="charts">(.*?)</script>', text, flags=re.DOTALL).group(1)
    json.loads(charts, parse_constant=lambda name: pytest.fail(f"{name} in a chart"))
