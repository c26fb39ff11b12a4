"""From made-up results to standings: expected numbers are worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_up_reports import standings
from prune_bench.run.options import RunOptions
from prune_bench.run.result import Failure
from prune_bench.standings.build import read_standings
from prune_bench.standings.model import Setting
from prune_bench.standings.overall import overall
from prune_bench.standings.statistics import Estimate
from scipy import stats


def test_a_row_has_the_numbers_of_its_runs(made):
    accuracies = [0.5, 0.6, 0.7, 0.8, 0.99]
    results = [made("rs2", seed, accuracy=value) for seed, value in enumerate(accuracies)]
    row = standings(results).comparisons[0].row("rs2")
    assert row.last.value == pytest.approx(0.718)  # the mean
    half = 2.776445 * np.std(accuracies, ddof=1) / 5**0.5  # of the only agent: 4 degrees of freedom
    assert (row.last.low, row.last.high) == pytest.approx((0.718 - half, 0.718 + half))
    assert row.last.high < 1
    assert row.scores.tolist() == accuracies
    assert row.cost == pytest.approx(0.1)
    assert (len(row.runs), row.expected, row.failed, row.complete) == (5, 5, 0, True)


def test_a_difference_is_one_of_means_with_the_variance_of_all(made):
    """Each scatters by 0.158114 from seed to seed; three agents with five runs know that with 12
    degrees of freedom: 0.2178813 is the t-quantile 2.178813 times 0.158114 times sqrt(2 / 5).
    """
    results = [
        made(agent, seed, accuracy=accuracy + 0.1 * seed, cost=0.1)
        for seed in range(5)
        for agent, accuracy in {"full_short": 0.3, "random_dynamic": 0.32, "rs2": 0.35}.items()
    ]
    row = standings(results).comparisons[0].row("rs2")
    assert row.ahead == Estimate(*map(pytest.approx, (0.05, -0.1678813, 0.2678813)))
    assert row.ahead_random.value == pytest.approx(0.03)
    expected = {seed: 0.35 + 0.1 * seed - 0.5 for seed in range(5)}  # 0.5: full_short's mean
    assert row.ahead_runs == pytest.approx(expected)


def test_normalised_score_by_hand(made):
    accuracy = {"random_dynamic": 0.6, "full": 0.8, "rs2": 0.7}
    results = [
        made(agent, seed, 1.0 if agent == "full" else 0.1, accuracy=value)
        for seed in range(3)
        for agent, value in accuracy.items()
    ]
    comparison = standings(results).comparisons[0]
    found = {row.agent: row.normalised.value for row in comparison.rows}
    assert found == pytest.approx({"random_dynamic": 0.0, "full": 1.0, "rs2": 0.5})


def test_a_normalised_score_scatters_by_as_much_less_as_its_scale_is_shorter(made):
    """0.01 from seed to seed are 0.05 of the 0.2 between the ends; 2.776445 is t of 4 degrees."""
    accuracy = {"random_dynamic": 0.6, "full": 0.8, "rs2": 0.7}
    results = [
        made(agent, seed, 1.0 if agent == "full" else 0.1, accuracy=value + 0.01 * seed)
        for seed in (0, 1, 2)
        for agent, value in accuracy.items()
    ]
    row = standings(results).comparisons[0].row("rs2")
    assert row.normalised.half == pytest.approx(2.776445 * 0.05 / 3**0.5)


def test_over_two_keep_ratios_a_score_has_a_quarter_of_the_variance_of_each(made):
    """Which scatter by 0.05 and 0.1 of the scale; by hand as Welch and Satterthwaite do."""
    results = [made("full", seed, 1.0, 0.8 + 0.01 * (seed - 1)) for seed in range(3)]
    results += [
        made(agent, seed, keep, accuracy + spread * (seed - 1))
        for keep, spread in ((0.1, 0.01), (0.3, 0.02))
        for agent, accuracy in {"random_dynamic": 0.6, "rs2": 0.7}.items()
        for seed in range(3)
    ]
    (found,) = (o for o in overall(standings(results).comparisons) if o.agent == "rs2")
    parts = np.array([0.05, 0.1]) ** 2 / 3 / 4
    dof = parts.sum() ** 2 / (parts**2 / 4).sum()
    assert found.normalised.value == pytest.approx(0.5)
    assert found.normalised.half == pytest.approx(stats.t.isf(0.025, dof) * parts.sum() ** 0.5)


def test_nothing_is_said_of_beating_an_agent_whose_runs_are_missing(made):
    names = ("random_dynamic", "rs2")
    results = [made(name, seed) | {"id": f"{name}-{seed}"} for name in names for seed in (0, 1)]
    planned = {
        f"random_dynamic-{seed}": RunOptions(
            agent="random_dynamic", seed=seed, keep_ratio=0.1, epochs=10
        )
        for seed in range(3)
    }
    for plan, known in (({}, True), (planned, False)):
        (of,) = (o for o in overall(standings(results, plan).comparisons) if o.agent == "rs2")
        assert (of.beats_random is not None) == known


def test_no_normalised_score_where_full_is_not_ahead_for_sure(made):
    full, random = [0.7, 0.5, 0.6], [0.6, 0.6, 0.6]
    results = [
        made(agent, seed, 1.0 if agent == "full" else 0.1, accuracy=value)
        for agent, values in {"full": full, "random_dynamic": random, "rs2": random}.items()
        for seed, value in enumerate(values)
    ]
    assert standings(results).comparisons[0].row("rs2").normalised is None


def test_full_is_in_the_comparison_of_every_keep_ratio(made):
    results = [
        made("full", keep_ratio=1.0),
        made("rs2", keep_ratio=0.1),
        made("rs2", keep_ratio=0.3),
    ]
    comparisons = standings(results).comparisons
    assert [comparison.keep_ratio for comparison in comparisons] == [0.1, 0.3]
    assert all(comparison.row("full") for comparison in comparisons)


def test_an_agent_that_does_not_read_its_keep_ratio_is_in_every_comparison_once(made):
    own = [made("infobatch", 0, keep_ratio) for keep_ratio in (0.1, 1.0)]
    fixed = [made("rs2", keep_ratio=keep_ratio) for keep_ratio in (0.1, 0.3)]
    planned = {f"planned-{seed}": RunOptions(agent="seta", seed=seed, epochs=10) for seed in (0, 1)}
    found = standings([*own, *fixed], planned)
    assert [comparison.keep_ratio for comparison in found.comparisons] == [0.1, 0.3]
    for comparison in found.comparisons:
        assert sorted(row.agent for row in comparison.rows) == ["infobatch", "rs2", "seta"]
        assert {row.rule for row in comparison.rows if row.agent != "rs2"} == {"own amount"}
    assert found.missing == 2


def test_without_a_keep_ratio_to_compare_at_there_is_one_comparison(made):
    short = [made("full_short", seed, keep) for keep in (0.3, 0.8, 0.84) for seed in (0, 1)]
    own = [made("infobatch", seed, 1.0) for seed in (0, 1)]
    (comparison,) = standings([*short, *own]).comparisons
    assert comparison.keep_ratio == 0.3
    assert [row.keep_ratio for row in comparison.bar] == [0.8, 0.84]
    found = standings(short).comparisons
    assert [comparison.keep_ratio for comparison in found] == [0.3, 0.8, 0.84]


def test_an_amount_of_its_own_is_not_compared_over_keep_ratios_though_it_costs_all(made):
    accuracy = {"random_dynamic": 0.6, "full": 0.8, "rs2": 0.7}
    results = [
        made(agent, seed, 1.0 if agent == "full" else 0.1, accuracy=value, cost=0.1)
        for seed in range(3)
        for agent, value in accuracy.items()
    ]
    own = [made("infobatch", seed, 1.0, accuracy=0.75, cost=1.0) for seed in range(3)]
    comparisons = standings([*results, *own]).comparisons
    assert not comparisons[0].row("infobatch").costs_its_keep_ratio
    assert {of.agent for of in overall(comparisons)} == {"random_dynamic", "rs2"}


def test_runs_that_name_no_epochs_belong_to_those_that_name_none_either(made):
    """Two boards of one folder: of as many epochs as the recipe has, and of 10."""
    done = [made("rs2", seed) | {"id": f"usual-{seed}"} for seed in (0, 1)]
    short = [made("rs2", seed) | {"id": f"short-{seed}"} for seed in (0, 1)]
    for result in short:
        result["options"]["epochs"] = 2
    plan = {
        f"usual-{seed}": RunOptions(agent="rs2", seed=seed, keep_ratio=0.1) for seed in range(4)
    }
    plan |= {
        f"short-{seed}": RunOptions(agent="rs2", seed=seed, keep_ratio=0.1, epochs=2)
        for seed in (0, 1)
    }
    stranger = made("rs2", 7) | {"id": "of-another-board"}  # under a recipe of before, perhaps
    stranger["options"]["epochs"] = 5
    for results in ([stranger, *done], [*done, stranger]):
        found = standings(results, {name: plan[name] for name in plan if name.startswith("usual")})
        assert [(c.setting.epochs, c.rows[0].expected) for c in found.comparisons] == [
            (10, 4),
            (5, 1),
        ]
    for results in ([*short, *done], [*done, *short]):
        found = standings(results, plan)
        counts = {
            c.setting.epochs: [(len(r.runs), r.expected) for r in c.rows] for c in found.comparisons
        }
        assert counts == {10: [(2, 4)], 2: [(2, 2)]}
    nothing_yet = standings(short, plan).comparisons
    assert {comparison.setting.epochs for comparison in nothing_yet} == {2, None}


@pytest.mark.parametrize(("kept", "rule"), [(102, "fixed keep ratio"), (103, "own amount")])
def test_a_fiftieth_and_half_an_arm_is_no_other_keep_ratio(made, kept, rule):
    result = made("ucb", keep_ratio=0.1)
    result["history"][3]["kept"] = kept  # of 1,000, in one round
    assert standings([result]).comparisons[0].row("ucb").rule == rule


def test_what_an_agent_had_reached_on_the_way_is_read_at_the_cost_of_full_short(made):
    """It costs twice as much, so it is there after 5 of its 10 rounds; of 0.7 s each without the
    evaluation, after 8.7 of them `full_short` had its 6.1 s.
    """
    ends = {"full_short": (0.5, 0.1), "full": (0.7, 1.0)}
    results = [made(agent, 0, keep, accuracy) for agent, (accuracy, keep) in ends.items()]
    result = made("ucb", 0, accuracy=0.4)
    for row in result["history"]:
        row |= {name: 2 * row[name] for name in ("passes", "passes_train")}
        row["test_accuracy"] = 0.04 * row["round"]
    result["passes"] |= {name: 2 * result["passes"][name] for name in ("charged", "train")}
    row = standings([*results, result]).comparisons[0].row("ucb")
    assert (row.cost, row.seconds) == pytest.approx((0.2, 7.0))
    assert row.at_passes.value == pytest.approx(0.04 * 5)
    assert row.at_seconds.value == pytest.approx(0.04 * 6.1 / 0.7)
    # between 6.1 s of `full_short` and 61 s of `full`
    assert row.ahead_seconds.value == pytest.approx(0.4 - (0.5 + 0.2 * np.log10(7.0 / 6.1)))


def test_seconds_are_saved_whoever_has_more_runs(made):
    results = [made("full", seed, 1.0) for seed in (0, 1, 2)]
    row = standings([*results, made("ucb", 0)]).comparisons[0].row("ucb")
    assert row.seconds_saved == pytest.approx(1 - 7.0 / 61)


def test_rules_are_never_in_one_table(made):
    own = made("infobatch")
    for row in own["history"]:
        row["kept"] = 600
    budget = made("spender")
    budget["env_options"]["budget"] = 1.0
    fixed = [made(agent, keep_ratio=0.1) for agent in ("full_short", "rs2")]
    tables = standings([own, budget, *fixed]).comparisons[0].tables
    assert {rule: sorted(row.agent for row in rows) for rule, rows in tables.items()} == {
        "fixed keep ratio": ["full_short", "rs2"],
        "total budget": ["full_short", "spender"],
        "own amount": ["full_short", "infobatch"],
    }


def test_a_rounded_number_of_few_arms_is_the_keep_ratio(made):
    """30 % of 48 arms are 14 of 14.4, 3 % less than that and than what full_short spends."""

    def of_48_arms(agent, seed, cost, accuracy):
        result = made(agent, seed, keep_ratio=0.3) | {"num_arms": 48}
        for row in result["history"]:
            row["kept"] = 14
        result["test_accuracy"]["last"] = accuracy + 0.01 * seed
        result["passes"]["charged"] = 3 * cost
        return result

    costs = {"full_short": (144, 0.8), "ucb": (140, 0.7), "full": (480, 0.9)}
    results = [of_48_arms(agent, s, *how) for agent, how in costs.items() for s in range(5)]
    row = standings(results).comparisons[0].row("ucb")
    assert (row.rule, row.costs_its_keep_ratio, row.sign) == ("fixed keep ratio", True, -1)
    assert row.rounding == pytest.approx(0.5 / 14.4)
    assert row.ahead.value == pytest.approx(-0.1)


def test_over_all_keep_ratios_only_what_costs_its_keep_ratio(made):
    costs = {"full_short": 0.1, "random_dynamic": 0.1, "rs2": 0.1, "el2n": 0.35}
    results = [
        made(agent, seed, 0.1, accuracy=0.5 + 0.01 * seed, cost=cost)
        for agent, cost in costs.items()
        for seed in range(3)
    ]
    found = {row.agent for row in overall(standings(results).comparisons)}
    assert found == {"full_short", "random_dynamic", "rs2"}


def test_settings_are_kept_apart(made):
    results = [
        made("rs2"),
        made("rs2", limit=500),
        made("rs2", recipe={"peak_lr": 0.5}),
        made("rs2", env="prune_env/CIFAR10-v0"),
    ]
    assert [setting.title for setting in standings(results).settings] == [
        "CIFAR10, 10 epochs",
        "Digits, 10 epochs",
        "Digits, 10 epochs, limit 500",
        "Digits, 10 epochs, recipe peak lr 0.5",
    ]


def test_options_of_an_agent_make_another_row(made):
    results = [made("ucb"), made("ucb", agent_options={"c": 2.0})]
    rows = standings(results).comparisons[0].rows
    assert sorted(row.agent for row in rows) == ["ucb", "ucb c=2.0"]


def test_missing_and_failed_runs_are_counted(made):
    planned = {f"rs2-{seed}": RunOptions(agent="rs2", seed=seed) for seed in range(5)}
    results = [made("rs2", seed, keep_ratio=0.3) | {"id": f"rs2-{seed}"} for seed in (0, 1)]
    failures = [Failure(vars(planned["rs2-4"]), "ValueError: no", "rs2-4")]
    found = standings(results, planned, failures)
    (row,) = found.comparisons[0].rows
    assert (len(row.runs), row.expected, row.failed, row.complete) == (2, 5, 1, False)
    assert found.missing == 3
    assert [failure.error for failure in found.failures] == ["ValueError: no"]


def test_a_run_that_failed_is_not_there(made):
    planned = {f"rs2-{seed}": RunOptions(agent="rs2", seed=seed) for seed in range(3)}
    results = [made("rs2", seed, keep_ratio=0.3) | {"id": f"rs2-{seed}"} for seed in (0, 1)]
    failures = [Failure(vars(planned[name]), "MemoryError", name) for name in ("rs2-1", "rs2-2")]
    found = standings(results, planned, failures)
    (row,) = found.comparisons[0].rows
    assert (row.failed, row.complete) == (1, False)  # the second was done again, with success
    assert found.failures == (failures[1],)


def test_the_failure_of_a_run_that_is_not_of_the_board_does_not_count(fake_board):
    (path,) = (fake_board / "failed").iterdir()
    path.with_name("another.json").write_bytes(path.read_bytes())
    assert [failure.id for failure in read_standings(fake_board).failures] == [path.stem]


def test_regret_is_a_mean_of_all_runs_or_not_known(made):
    results = [made("ucb", seed) for seed in (0, 1)]
    results[0]["history"][-1]["regret"] = 3.0
    assert standings(results).comparisons[0].row("ucb").regret is None
    results[1]["history"][-1]["regret"] = 5.0
    assert standings(results).comparisons[0].row("ucb").regret == 4.0


def test_a_run_without_epochs_belongs_to_what_its_recipe_says():
    assert Setting.of(vars(RunOptions())).epochs is None


def test_a_planned_run_and_its_result_are_of_one_setting():
    """A result comes from JSON, with its keys in another order."""
    recipe = {"peak_lr": 0.1, "epochs": 3}
    planned = vars(RunOptions(network="small", recipe=recipe, limit=9, evaluate_every=2))
    found = json.loads(json.dumps(planned, sort_keys=True))
    assert Setting.of(found) == Setting.of(planned)
    assert hash(Setting.of(found)) == hash(Setting.of(planned))


def test_a_foreign_board_is_read_without_its_agents(fake_board, monkeypatch):
    monkeypatch.undo()  # now fake_winner is not known, as on another machine
    found = read_standings(fake_board)
    assert "fake_winner" in found.note
    assert len(found.runs) == 106


def test_no_results_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no results"):
        read_standings(tmp_path)


def test_a_planned_run_has_the_epochs_of_a_finished_one_and_none_is_looked_for_twice(
    made, monkeypatch
):
    """One look at each run that is done or planned, and two for its row, however many there are."""
    of, looked = Setting.of, []
    monkeypatch.setattr(Setting, "of", staticmethod(lambda run: looked.append(run) or of(run)))
    results = [made("rs2", seed) | {"id": str(seed)} for seed in range(20)]
    options = {**results[0]["options"], "epochs": None}
    expected = {f"{seed}": RunOptions(**{**options, "seed": seed}) for seed in range(40)}
    (row,) = standings(results, expected).comparisons[0].rows
    assert (len(row.runs), row.expected) == (20, 40)
    assert len(looked) == 20 + 20 + 40
