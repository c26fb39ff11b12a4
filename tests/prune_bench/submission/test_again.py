"""A drawn part of a board is run again: the same bits here, within its seeds elsewhere."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
from prune_bench.run.options import Place
from prune_bench.run.result import Result, read_results
from prune_bench.run.sources import sources_of
from prune_bench.submission.again import (
    absent,
    code_of,
    compare,
    draw,
    run_again,
    seeds_of,
    threads_for,
)


@pytest.fixture(scope="module")
def runs(trained):
    return [result for result in read_results(trained) if result.options["agent"] == "ucb"]


@pytest.fixture(scope="module")
def here(runs):
    """The second of them, done again."""
    return run_again(runs[1], Place())


def elsewhere(result, **changed):
    """A result as another machine would have it, with another accuracy at the end."""
    content = copy.deepcopy(dict(result.content))
    content["place"]["processor"] = "Another one"
    for name, value in changed.items():
        content[name]["last"] = value
    return Result(content, result.id)


def test_here_it_repeats_bit_for_bit(runs, here):
    found = compare(runs[1], here, [0.5] * 5)
    assert (found.found, found.holds) == ("the same bits", True)
    assert here.content["history"][-1]["kept_loss"] == runs[1].content["history"][-1]["kept_loss"]


def test_other_bits_on_the_same_machine_do_not_hold(runs, here):
    content = copy.deepcopy(dict(runs[1].content))
    content["history"][0]["kept_loss"] = np.nextafter(content["history"][0]["kept_loss"], 2)
    found = compare(Result(content, runs[1].id), here, [here.last] * 5)
    assert (found.found, found.holds) == ("other bits on the same machine", False)


@pytest.mark.parametrize("told", ["AVX512, cpu family 26, model 2", None])
def test_processors_of_one_name_may_add_in_another_order(runs, here, told):
    """Virtual machines call many of them "AMD EPYC"; older results say no more than that."""
    content = copy.deepcopy(dict(runs[1].content))
    content["history"][0]["kept_loss"] = np.nextafter(content["history"][0]["kept_loss"], 2)
    content["place"] = {**content["place"], "instructions": told}
    if told is None:
        del content["place"]["instructions"]
    seeds = [here.last - 0.01, here.last, here.last + 0.01]
    assert compare(Result(content, runs[1].id), here, seeds).found == "within"


def test_no_interval_goes_beyond_what_an_accuracy_can_be(runs, here):
    interval = compare(elsewhere(runs[1]), here, [0.9, 0.99, 1.0]).interval
    assert interval[1] == 1
    assert 0 < interval[0] < 0.9
    assert compare(elsewhere(runs[1]), here, [0.0, 0.01, 0.1]).interval[0] == 0


def test_a_result_that_says_less_is_compared_by_what_it_says(runs, here):
    content = copy.deepcopy(dict(runs[1].content))
    for name in ("prior", "sources", "trained"):
        del content[name]
    del content["passes"]["prior"]
    assert compare(Result(content), here, []).found == "the same bits"


def test_elsewhere_it_has_to_lie_where_another_seed_would(runs, here):
    """Mean 0.5, deviation 0.0158, t of four degrees 2.776: 0.5 +- 0.0481."""
    seeds = [0.48, 0.49, 0.5, 0.51, 0.52]
    there = replace(elsewhere(runs[1]), content=elsewhere(runs[1]).content | {"num_arms": 91})
    for last, expected in ((0.5480, "within"), (0.5482, "outside"), (0.4518, "outside")):
        content = dict(here.content) | {"test_accuracy": {"last": last, "best": last}}
        found = compare(there, Result(content), seeds)
        assert (found.found, found.holds) == (expected, expected == "within")
        assert found.interval == pytest.approx((0.4519, 0.5481), abs=1e-4)
    both = compare(there, here, seeds, drawn=2)  # together as sure as one alone
    assert both.interval[0] < found.interval[0]
    assert compare(there, here, seeds[:2]).found == "unknown"
    assert compare(there, here, [0.5] * 5).found == "unknown"  # one test sample more is no fraud


def test_elsewhere_what_options_decide_has_to_be_equal(runs, here):
    """A forger leaves out the prior run, or an arm a round, and all of the file fits together."""
    there = elsewhere(runs[1])
    dear = copy.deepcopy(dict(here.content))
    dear["passes"] |= {"prior": 810, "charged": dear["passes"]["charged"] + 810}
    found = compare(there, Result(dear), [here.last] * 5, costs=[there.cost] * 5)
    assert (found.found, found.holds) == ("another cost", False)
    assert found.said == "passes of its prior run: 0 there, 810 here"
    more = copy.deepcopy(dict(here.content))
    more["history"][1]["kept"] += 1
    found = compare(there, Result(more), [here.last] * 5, costs=[there.cost] * 5)
    assert (found.found, found.holds) == ("another cost", False)
    assert found.said == "arms kept: [27, 27] there, [27, 28] here"


@pytest.mark.parametrize("name", ["refresh", "evaluate"])
def test_elsewhere_all_parts_of_a_cost_are_compared(runs, here, name):
    more = copy.deepcopy(dict(here.content))
    more["passes"][name] += 1
    found = compare(elsewhere(runs[1]), Result(more), [here.last] * 5)
    assert (found.found, found.said.partition(":")[0]) == ("another cost", f"passes {name}")


def test_who_diverged_may_have_done_so_in_another_round(runs, here):
    content = copy.deepcopy(dict(here.content)) | {"diverged": True}
    content["history"] = content["history"][:1]
    seeds = [here.last - 0.01, here.last, here.last + 0.01]
    assert compare(elsewhere(runs[1]), Result(content), seeds).found == "within"


def test_a_loss_that_is_no_number_is_the_same_as_another(runs, here):
    there, again = (copy.deepcopy(dict(result.content)) for result in (runs[1], here))
    for content in (there, again):
        content["history"][0]["kept_loss"] = float("nan")
    assert compare(Result(there), Result(again), []).found == "the same bits"


@pytest.mark.parametrize("package", ["torch", "numpy"])
def test_another_version_is_another_machine(runs, here, package):
    content = copy.deepcopy(dict(runs[1].content))
    content["history"][0]["kept_loss"] = np.nextafter(content["history"][0]["kept_loss"], 2)
    content["place"]["versions"][package] = "0.1"
    seeds = [here.last - 0.01, here.last, here.last + 0.01]
    assert compare(Result(content, runs[1].id), here, seeds).found == "within"


def test_elsewhere_the_cost_of_who_decides_lies_where_another_seed_would(runs, here):
    """Mean 0.3, deviation 0.0158, t of four degrees at 1.25 % a side 3.495: 0.3 +- 0.0606."""

    def decided(result, cost):
        content = copy.deepcopy(dict(result.content))
        content["options"]["agent"] = "infobatch"
        content["passes"]["charged"] = round(cost * result.full_passes)
        return Result(content, result.id)

    accuracies = [here.last - 0.01, here.last, here.last + 0.01]
    costs = [0.28, 0.29, 0.3, 0.31, 0.32]
    there = decided(elsewhere(runs[1]), 0.3)
    there.content["history"][0]["kept_loss"] += 1
    for cost, expected in ((0.359, "within"), (0.363, "another cost"), (0.237, "another cost")):
        found = compare(there, decided(here, cost), accuracies, costs=costs)
        assert (found.found, found.holds) == (expected, expected == "within")
    assert found.said == "cost: 0.300 there, 0.237 here, its seeds [0.239, 0.361]"
    equal = [0.3] * 5  # seeds of equal cost leave 1 %, as counts that are rounded may differ
    assert compare(there, decided(here, 0.3019), accuracies, costs=equal).holds
    assert not compare(there, decided(here, 0.3074), accuracies, costs=equal).holds
    assert compare(there, decided(here, 0.9), accuracies[:2], costs=[0.3] * 2).found == "unknown"


def test_its_seeds_are_those_of_the_same_run(trained, runs):
    everything = list(read_results(trained))
    assert seeds_of(runs[1], everything) == [result.last for result in runs]
    assert len(runs) == 5


def test_honest_boards_hold(runs):
    """Of made-up normal seeds, about 1 in 20 lies outside at a level of 5 %."""
    rng = np.random.default_rng(0)
    outside = 0
    for _ in range(2_000):
        *seeds, last = rng.normal(0.8, 0.01, 6)
        content = dict(runs[1].content) | {"test_accuracy": {"last": last, "best": last}}
        outside += compare(elsewhere(runs[0]), Result(content), seeds).found == "outside"
    assert 75 < outside < 125


def test_a_draw_depends_on_the_seed_alone():
    names = [f"run{number}" for number in range(30)]
    drawn = draw(names, 3, seed=5)
    assert draw(set(names), 3, seed=5) == drawn
    assert len(set(drawn)) == 3
    assert draw(names, 3, seed=6) != drawn
    assert sorted(draw(names, 99, seed=0)) == sorted(names)
    assert {name for seed in range(300) for name in draw(names, 1, seed)} == set(names)


def test_a_run_of_other_data_is_not_run_again(runs):
    content = dict(runs[1].content) | {"trained": runs[1].trained | {"data": "0123456789ab"}}
    with pytest.raises(ValueError, match="cannot be run again here: other data"):
        run_again(Result(content, "ucb"), Place())


def test_a_run_of_another_source_is_seen_before_it_is_drawn(runs, tmp_path, monkeypatch):
    """Also of what a run is made of beside its agent."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_net.py").write_text("def make(images, classes): ...", encoding="utf-8")
    options = runs[1].options | {"network": "own_net:make"}
    content = dict(runs[1].content) | {"options": options}

    def with_source(digest):
        return Result(content | {"sources": {**sources_of(options), "own_net:make": digest}})

    assert absent(with_source(sources_of(options)["own_net:make"])) == ""
    assert absent(with_source("0123456789ab")) == "the source of own_net:make is another one"
    del content["sources"]
    assert absent(Result(content)) == ""  # an older one, which says nothing of them
    assert absent(runs[1]) == ""


def test_no_run_takes_more_threads_than_there_are_cores(runs, here, monkeypatch):
    """30,000 of them end the process before anything is compared."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    content = copy.deepcopy(dict(runs[1].content))
    content["place"]["threads"] = 64
    content["history"][0]["kept_loss"] = np.nextafter(content["history"][0]["kept_loss"], 2)
    there = Result(content, runs[1].id)
    assert (threads_for(there), threads_for(runs[1])) == (1, 1)
    again = run_again(there, Place())
    assert again.threads == 1
    seeds = [here.last - 0.01, here.last, here.last + 0.01]
    assert compare(there, again, seeds).found == "within"  # as on another machine


def test_code_is_seen_without_importing_it(runs):
    assert code_of(runs[1]) == []
    options = runs[1].options | {"agent": "no_such:Agent", "env_kwargs": {"reward": "nor:this"}}
    result = Result(dict(runs[1].content) | {"options": options})
    assert code_of(result) == ["no_such:Agent", "nor:this"]
