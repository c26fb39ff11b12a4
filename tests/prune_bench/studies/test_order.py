"""How alike two orders of agents are, on cases worked by hand."""

import numpy as np
import pytest
from prune_bench.studies import order


def test_tau_of_orders():
    real = dict(a=[0.1], b=[0.2], c=[0.3], d=[0.4])
    assert order.tau(real, real) == pytest.approx(1)
    assert order.tau(real, {name: [-values[0]] for name, values in real.items()}) == pytest.approx(
        -1
    )
    # one of the six pairs is the other way round
    assert order.tau(real, dict(a=[0.1], b=[0.2], c=[0.4], d=[0.3])) == pytest.approx(4 / 6)


def test_the_interval_holds_what_runs_and_agents_leave_open():
    """The two that may change places are the only ones that are drawn in 6 of 27 cases."""
    real = dict(a=[0.1, 0.1], b=[0.2, 0.2], c=[0.3, 0.3])
    rung = dict(a=[0.1, 0.1], b=[0.2, 0.6], c=[0.39, 0.39])
    rng = np.random.default_rng(0)
    assert order.interval(real, real, 100, rng) == pytest.approx((1, 1))
    assert order.interval(real, rung, 500, rng) == pytest.approx((-1, 1))


def test_runs_are_drawn_anew_on_each_side():
    """The mean of b is that of one run in half of the cases: below c, or above it."""
    runs = dict(a=[0.1, 0.1], b=[0.2, 0.6], c=[0.41, 0.41])
    low, high = order.interval(runs, runs, 300, np.random.default_rng(0))
    assert (low, high) == pytest.approx((-1, 1))


def test_the_interval_leaves_out_a_fortieth_on_each_side():
    """Of the 3,125 draws of five agents, two of which have changed places, 2.5 % are at tau 0 or
    below, and 5 % at 1/7.
    """
    real = {name: [0.1 * place] for place, name in enumerate("abcde")}
    rung = real | {"d": real["e"], "e": real["d"]}
    assert order.interval(real, rung, 1000, np.random.default_rng(0))[0] == pytest.approx(0)


def test_with_the_same_runs_in_every_order_agents_alone_make_an_interval():
    """Of ten agents with one run each, two of which are the other way round, tau is 43 / 45."""
    real = {f"a{i}": [0.1 * i] for i in range(10)}
    rung = real | {"a4": real["a5"], "a5": real["a4"]}
    assert order.tau(real, rung) == pytest.approx(43 / 45)
    low, high = order.interval(real, rung, 500, np.random.default_rng(0))
    assert 0.6 < low < 0.9
    assert high == pytest.approx(1)


def test_fewer_than_three_agents_have_no_order():
    real = {"a": [0.1], "b": [0.2], "c": [0.3]}
    rng = np.random.default_rng(0)
    assert order.likeness(real, {"a": [0.1], "b": [0.2]}, 10, rng) is None
    assert order.likeness(real, real | {"d": [0.0]}, 10, rng) == {
        "agents": 3,
        "tau": 1,
        "low": 1,
        "high": 1,
    }


def test_agents_that_all_tie_have_no_order():
    real, tied = {"a": [0.1], "b": [0.2], "c": [0.3]}, {name: [0.5] for name in "abc"}
    assert order.likeness(real, tied, 10, np.random.default_rng(0)) is None
