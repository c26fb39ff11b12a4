"""The table and the picture of several boards side by side."""

from types import SimpleNamespace

from prune_bench.report.charts.settings_picture import picture
from prune_bench.report.readme import SETTINGS
from prune_bench.report.side_by_side import leads, only
from prune_bench.standings.statistics import Noise, estimate

LEAD = (estimate(0.01, [(0.4, Noise(0.0001, 20))]), 1)


def test_who_is_on_all_boards_is_there_and_the_best_in_the_middle_first():
    boards = leads(only(SETTINGS))
    assert list(boards) == list(SETTINGS)
    orders = [list(found) for found in boards.values()]
    assert all(order == orders[0] for order in orders)
    assert {"ucb", "epsilon_greedy", "random_dynamic"} <= set(orders[0])
    of_agents = [[found[agent][0].value for found in boards.values()] for agent in orders[0]]
    middles = [sorted(leads)[2] for leads in of_agents]
    assert middles == sorted(middles, reverse=True)
    means = [sum(leads) for leads in of_agents]
    assert means != sorted(means, reverse=True)  # which the long tail would decide


def test_the_picture_of_boards_is_a_png():
    alone = (estimate(-0.2, [(1.0, Noise(0.0, 0.0))]), 0)  # one run has no interval
    boards = {"CIFAR-10, 8 epochs": {"ucb": LEAD, "mine": alone}, "digits": {"ucb": LEAD}}
    assert picture(boards).startswith(b"\x89PNG")


def test_equal_leads_keep_the_order_of_the_first_board():
    rows = [SimpleNamespace(label=f"agent {n}", ahead=LEAD[0], sign=1) for n in range(20)]
    here, there = (SimpleNamespace(shown=shown) for shown in (rows, rows[::-1]))
    boards = leads({"here": here, "there": there})
    assert [list(found) for found in boards.values()] == [[row.label for row in rows]] * 2
