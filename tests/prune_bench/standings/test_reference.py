"""What `full_short` reaches for a cost: expected numbers are worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from prune_bench.standings.model import Row
from prune_bench.standings.reference import Line, leave_one_out
from prune_bench.standings.statistics import Noise

NOISE = Noise(0.01**2, 40)


def row(cost, accuracy, agent="full_short", runs=5, slower=1.0):
    """Runs that all end at one accuracy; how they scatter is said by the noise."""
    run = SimpleNamespace(
        cost=cost,
        last=accuracy,
        charged_seconds=100 * cost * slower,
        pace=1e-3 * slower,
        num_arms=45_000,
        diverged=False,
    )
    return Row(agent, 0.1, "total budget", (run,) * runs, noise=NOISE)


POINTS = [row(0.1, 0.5), row(0.2, 0.6), row(0.4, 0.7), row(0.8, 0.8)]  # straight in log cost


@pytest.mark.parametrize(
    ("cost", "expected"), [(0.1, 0.5), (0.02**0.5, 0.55), (0.3, 0.6 + 0.1 * np.log2(1.5))]
)
def test_the_line_is_straight_in_log_cost_where_the_points_are(cost, expected):
    assert Line(POINTS).bar(row(cost, 0.1)).accuracy == pytest.approx(expected)


def test_at_a_point_the_bar_is_its_mean():
    ahead = Line(POINTS).bar(row(0.2, 0.63)).difference(row(0.2, 0.63))
    half = 2.021075 * 0.01 * (2 / 5) ** 0.5  # t(40), both means of five runs
    assert (ahead.value, ahead.low, ahead.high) == pytest.approx((0.03, 0.03 - half, 0.03 + half))


def test_between_points_their_noise_is_shared():
    """Half way, 1/4 of the variance of each of two means."""
    at = 0.08**0.5
    ahead = Line(POINTS).bar(row(at, 0.7)).difference(row(at, 0.7))
    half = 2.021075 * 0.01 * (1 / 5 + 2 * 0.25 / 5) ** 0.5
    assert ahead.high - ahead.value == pytest.approx(half)


def test_the_nearer_point_has_the_larger_share_of_the_noise():
    low, high, _ = Line(POINTS).bar(row(0.2 * 2**0.25, 0.7)).parts
    assert (low[0], high[0]) == pytest.approx((0.75**2 / 5, 0.25**2 / 5))


def test_points_at_the_same_cost_are_one():
    line = Line([*POINTS, row(0.2005, 0.7)])
    assert [end.cost for end in line.ends] == pytest.approx([0.1, 0.2, 0.4, 0.8])


def test_what_leaving_out_shows_makes_the_interval_wider():
    bent = [row(0.1, 0.5), row(0.2, 0.65), row(0.4, 0.7), row(0.8, 0.8)]
    at = 0.08**0.5
    straight, wider = (Line(points).bar(row(at, 0.7)).parts for points in (POINTS, bent))
    assert [weight for weight, _ in straight[:2]] == [weight for weight, _ in wider[:2]]
    weight, bend = wider[2]
    assert weight == pytest.approx((np.log(2) / 2) ** 4)  # the squares of both distances
    errors = leave_one_out(np.log([0.1, 0.2, 0.4, 0.8]), np.array([0.5, 0.65, 0.7, 0.8]))
    assert bend == Noise(pytest.approx(np.mean((errors / np.log(2) ** 2) ** 2)), 2)


def test_leaving_out_the_middle_of_three_is_a_straight_line():
    found = leave_one_out(np.log([0.1, 0.2, 0.4]), np.array([0.5, 0.65, 0.7]))
    assert found == pytest.approx([-0.05])


@pytest.mark.parametrize(
    ("cost", "accuracy", "bar"),
    [
        (0.2, 0.75, 0.7),  # above the dearer point
        (0.2, 0.6, None),  # between them, nothing is known
        (0.2, 0.4, 0.5),  # below the cheaper one
        (0.05, 0.6, 0.5),
        (0.05, 0.4, None),
        (2.0, 0.6, 0.7),
        (2.0, 0.8, None),
    ],
)
def test_two_points_and_what_is_beyond_them(cost, accuracy, bar):
    found = Line([row(0.1, 0.5), row(1.0, 0.7)]).bar(row(cost, accuracy))
    assert (found and found.accuracy) == bar


def test_a_rounded_number_of_arms_is_no_advantage():
    """full_short spends 11,646 passes where K arms a round cost 11,640: the same cost."""
    line = Line([row(0.3, 0.97), row(1.0, 0.98)])
    assert line.bar(row(0.3 * 11_646 / 11_640, 0.971)).accuracy == 0.97
    assert line.bar(row(0.31, 0.971)) is None


def test_of_few_arms_a_rounded_number_is_more_of_the_cost():
    """30 % of 108 arms are 32 of 32.4: full_short spends 194 where six rounds cost 192."""
    run = SimpleNamespace(cost=192 / 648, last=0.9, charged_seconds=1, num_arms=108, diverged=False)
    few = Row("ucb", 0.3, "fixed keep ratio", (run,) * 5, noise=NOISE)
    line = Line([row(194 / 648, 0.93), row(1.0, 0.98)])
    assert line.bar(few).accuracy == 0.93
    many = SimpleNamespace(**{**vars(run), "num_arms": 108_000})
    assert line.bar(replace(few, runs=(many,) * 5)) is None


def test_what_is_drawn_is_the_curve_that_judges():
    ends = [row(0.1, 0.5), row(0.2, 0.65), row(0.4, 0.7), row(0.8, 0.8)]
    line = Line(ends)
    drawn = line.drawn(steps=4)
    assert drawn[::4] == [pytest.approx((of.cost, of.scores.mean())) for of in ends]
    for cost, accuracy in drawn:
        assert accuracy == pytest.approx(line.curve(row(cost, 0.1)).accuracy, abs=1e-6)
    cost, accuracy = drawn[2]  # half way to 0.65
    assert cost == pytest.approx(0.02**0.5)
    assert accuracy > 0.575 + 0.01  # a straight line is a point below
    assert Line(ends[:1]).drawn() == [pytest.approx((0.1, 0.5))]
    assert Line([]).drawn() == []


def test_seconds_are_read_off_the_same_curve():
    assert Line(POINTS, "seconds").curve(row(0.02**0.5, 0.1)).accuracy == pytest.approx(0.55)
    assert Line(POINTS, "seconds").curve(row(0.01, 0.1)).accuracy == 0.5  # cheaper than all
    assert Line(POINTS[:1], "seconds").curve(row(0.3, 0.1)).accuracy == 0.5


def test_a_run_that_ended_early_moves_no_bar():
    """As it diverged; the comparison of all others would be lost with it."""
    whole = row(0.3, 0.6)
    early = SimpleNamespace(**vars(whole.runs[0]) | {"cost": 0.03, "diverged": True})
    assert replace(whole, runs=(*whole.runs, early)).cost == pytest.approx(0.3)
    assert replace(whole, runs=(early, early)).cost == pytest.approx(0.03)


def test_runs_that_all_diverged_are_no_bar():
    """They ended in their third round, and so at a small cost and an accuracy of chance."""
    diverged = row(0.2, 0.1, "full")
    run = SimpleNamespace(**(vars(diverged.runs[0]) | {"diverged": True}))
    line = Line([replace(diverged, runs=(run,) * 5), *POINTS])
    assert line.bar(row(0.2, 0.55)).accuracy == 0.6
    assert Line([replace(diverged, runs=(run,) * 5)]).bar(row(0.2, 0.55)).accuracy == 0.1


def test_half_an_arm_of_the_bar_is_no_cost():
    """Of 20 arms 84.3 % are 17 in each round, or 85 %."""

    def of_20_arms(cost, accuracy, **more):
        run = SimpleNamespace(**vars(row(cost, accuracy).runs[0]) | {"num_arms": 20})
        return replace(row(cost, accuracy), runs=(run,) * 5, **more)

    bar = of_20_arms(0.85, 0.6, keep_ratio=0.843)
    own = of_20_arms(0.833, 0.55, agent="seta", keep_ratio=1.0, is_everywhere=True)
    assert Line([row(0.1, 0.5), bar]).bar(own).accuracy == 0.6


def test_seconds_are_as_sure_as_a_pass_took_equally_long_in_all_rows():
    """Two of four rows were run while the machine was twice as slow."""
    even = [row(0.1 * 2**i, 0.5 + 0.1 * i) for i in range(4)]
    busy = [row(0.1 * 2**i / s, 0.5 + 0.1 * i, slower=s) for i, s in enumerate((1, 2, 2, 1))]
    ours = row(0.1 * 2**0.5, 0.6)
    lines = [Line(rows, "seconds") for rows in (even, busy)]
    assert lines[0].accuracies.tolist() == lines[1].accuracies.tolist()
    assert np.allclose(lines[0].logs, lines[1].logs)
    assert (lines[0].drift.variance, lines[0].drift.dof) == (0.0, 3)
    assert lines[1].drift.variance == pytest.approx(np.log(2) ** 2 / 3)  # of 0, 1, 1, 0 times log 2
    *_, (weight, drift) = lines[1].curve(ours).parts
    assert weight**0.5 == pytest.approx(0.1 / np.log(2))  # the slope of the curve
    assert drift == lines[1].drift
    narrow, wide = (line.curve(ours).difference(ours) for line in lines)
    assert narrow.value == pytest.approx(wide.value)
    assert wide.half > 10 * narrow.half
    assert Line(busy).drift.dof == 0  # passes are counted
