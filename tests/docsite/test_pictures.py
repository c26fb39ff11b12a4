"""The pictures of the concepts show what was measured."""

from __future__ import annotations

import html
import re

import pytest
from docsite import pictures
from matplotlib import rc_context
from prune_bench.report.columns import COLUMN

AGAIN = "the results have changed: in docs/, python -m docsite.pictures"


def words(name):
    """All texts in a picture."""
    with rc_context(pictures.STYLE):
        figure = pictures.PICTURES[name]()
    return [text.get_text() for axes in figure.axes for text in axes.texts] + [
        axes.get_xlabel() for axes in figure.axes
    ]


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_the_picture_that_is_committed_says_the_same(name):
    """But for losses of a training, which another machine rounds otherwise."""
    svg = (pictures.DRAWN / f"{name}.svg").read_text(encoding="utf-8")
    lines = {line.strip() for text in words(name) for line in text.split("\n")}
    lines -= {line for line in lines if line.endswith(" nats")}
    assert lines - set(map(html.unescape, re.findall(r">([^<>]*)<", svg))) <= {""}, AGAIN


def test_arms_go_from_the_lowest_loss_to_the_highest():
    losses = [
        float(found[1]) for text in words("arm") if (found := re.search(r"\n(\S+) nats", text))
    ]
    assert len(losses) == 16
    assert losses == sorted(losses)
    assert "arm 614\n0 nats" in words("arm")


def test_a_round_keeps_three_tenths():
    assert "388 of 1,294 arms" in words("round")
    assert "round 7: 9,149 sample passes so far" in words("round")  # 7 (3 388 + 143)


@pytest.mark.parametrize("agent", ["full", "ucb", "el2n", "forgetting"])
def test_costs_are_those_of_the_board(agent):
    shown = {pictures.COSTS[place]: text for place, text in enumerate(words("cost")[:-1])}
    row = pictures.row_of(pictures.comparison_at(0.3), agent)
    assert shown[agent] == COLUMN["cost"].text(row)


def test_the_lead_at_equal_cost_is_that_of_the_board():
    row = pictures.row_of(pictures.comparison_at(0.3), "epsilon_greedy")
    assert f"{100 * row.ahead.value:+.1f} points\nat equal cost" in words("equal_cost")


def test_rungs_are_in_the_order_of_their_price():
    speeds = [text for text in words("rungs") if " a second" in text or " s each" in text]
    numbers = [float(re.match(r"\S+", text)[0]) for text in speeds]
    assert numbers[:3] == sorted(numbers[:3], reverse=True)
    assert speeds[3].endswith("s each: CIFAR-10, 45,000 arms")


def test_places_by_the_mean():
    assert pictures._places({"a": [0.1, 0.9], "b": [0.6, 0.7], "c": [0.2]}) == {
        "b": 1,
        "a": 2,
        "c": 3,
    }


def test_fidelity_names_who_fails():
    with rc_context(pictures.STYLE):
        figure = pictures.fidelity()
    probe, replay = figure.axes
    assert re.match(r"probe: tau 0\.\d\d \[", probe.get_title(loc="left"))
    at = {text.get_text(): text.get_position()[1] for text in probe.texts}
    assert at.keys() == set(pictures.NAMED)
    last = len(probe.lines) - 1  # of the lines, one is the diagonal
    assert at["el2n"] > last - 3  # as on the board
    assert {t.get_text(): t.get_position()[1] for t in replay.texts}["el2n"] < last - 10


def test_intervals_say_what_the_board_calls_certain():
    found = pictures.comparison_at(0.3)
    for text, agent in zip(words("interval"), pictures.INTERVALS, strict=False):
        sign = pictures.row_of(found, agent).sign
        assert {1: "ahead", -1: "behind", 0: "not"}[sign] == text.partition("]  ")[2].split()[0]


def test_fidelity_gives_the_same_agents_their_places_on_both():
    """Whoever was run on a rung alone has no place: else the last would be drawn above all."""
    for axes in pictures.fidelity().axes:
        _, *dots = axes.lines
        for of in (lambda dot: dot.get_xdata()[0], lambda dot: dot.get_ydata()[0]):
            assert sorted(map(of, dots)) == list(range(1, len(dots) + 1))
