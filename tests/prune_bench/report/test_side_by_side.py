"""The table and the picture of several boards side by side."""

import pytest
from prune_bench.report.charts.settings_picture import picture
from prune_bench.report.readme import SETTINGS
from prune_bench.report.side_by_side import leads, mean_lead, only
from prune_bench.standings.statistics import Noise, estimate


def test_the_mean_of_two_leads_scatters_as_a_mean_of_independent_ones():
    first = estimate(0.010, [(0.4, Noise(0.0001, 20))])
    second = estimate(-0.004, [(0.4, Noise(0.0009, 20))])
    mean = mean_lead([(first, 0), (second, 0)])
    assert mean.value == pytest.approx(0.003)
    right = estimate(0.003, [(1.0, Noise(0.4 * (0.0001 + 0.0009) / 4, 10**9))])
    assert right.half < mean.half < 1.1 * right.half  # of fewer degrees of freedom


def test_who_is_on_all_boards_is_there_and_the_best_on_average_first():
    boards = leads(only(SETTINGS))
    assert list(boards) == list(SETTINGS)
    orders = [list(found) for found in boards.values()]
    assert all(order == orders[0] for order in orders)
    assert {"ucb", "epsilon_greedy", "random_dynamic"} <= set(orders[0])
    means = [sum(found[agent][0].value for found in boards.values()) for agent in orders[0]]
    assert means == sorted(means, reverse=True)


def test_the_picture_of_boards_is_a_png():
    lead = (estimate(0.01, [(0.4, Noise(0.0001, 20))]), 1)
    alone = (estimate(-0.2, [(1.0, Noise(0.0, 0.0))]), 0)  # one run has no interval
    boards = {"CIFAR-10, 8 epochs": {"ucb": lead, "mine": alone}, "digits": {"ucb": lead}}
    assert picture(boards).startswith(b"\x89PNG")
