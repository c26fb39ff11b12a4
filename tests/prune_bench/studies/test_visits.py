"""Accuracy against where the visits went, on made-up runs whose line is known."""

import io
from pathlib import Path

import pytest
from prune_bench.run.options import RunOptions
from prune_bench.run.result import Result
from prune_bench.run.run_id import run_id
from prune_bench.studies.visits import VisitsOptions, hard_share, line, points, read, table
from rich.console import Console

from prune_env.files import write_json

OPTIONS = VisitsOptions(folder=Path("board"), keep_ratio=0.3, without=("broken",))
ANEW, ONCE = [0, 50, 50], [70, 0, 0, 30]


def result(
    agent,
    hard,
    accuracy,
    cost=0.3,
    keep_ratio=0.3,
    pulls=ANEW,
    num_arms=100,
    seed=0,
    **agent_options,
):
    """A run of 3 rounds, with so many visits to each tenth of the harder half."""
    options = {"agent": agent, "keep_ratio": keep_ratio, "epochs": 10, "seed": seed}
    return Result(
        {
            "options": options | {"agent_options": agent_options},
            "env_options": {"budget": None},
            "diverged": False,
            "history": [{"kept": round(cost * num_arms)}] * 3,
            "kept": {"pulls_by_difficulty": [20 - hard] * 5 + [hard] * 5, "arms_by_pulls": pulls},
            "num_arms": num_arms,
            "passes": {"charged": 30 * num_arms * cost},
            "test_accuracy": {"last": accuracy},
        }
    )


def results(number, *args, **options):
    """So many runs, each with a seed of its own."""
    return [result(*args, **options, seed=seed) for seed in range(number)]


def test_the_share_of_the_harder_half():
    assert hard_share(result("ucb", 10, 0.8)) == 0.5
    assert hard_share(result("ucb", 13, 0.8)) == pytest.approx(0.65)


def test_what_counts_are_runs_at_equal_cost_that_choose_anew():
    others = [
        *results(2, "dear", 10, 0.9, cost=0.5),
        *results(2, "much", 10, 0.9, keep_ratio=0.5),
        *results(2, "static", 10, 0.9, pulls=ONCE),
        *results(2, "broken", 10, 0.1),
        *results(3, "alone", 10, 0.9),
    ]
    found = points([*results(2, "ucb", 10, 0.8), *others], OPTIONS)
    assert found == {"ucb": [(0.5, 0.8)] * 2, "alone": [(0.5, 0.9)] * 3}
    assert points([result("ucb", 10, 0.8)], OPTIONS) == {}  # one run has no noise


def test_a_run_that_was_done_twice_counts_once():
    """As with other evaluations on the way."""
    twice = results(2, "ucb", 10, 0.8) * 2
    assert points(twice, OPTIONS) == {"ucb": [(0.5, 0.8)] * 2}


def test_half_an_arm_a_round_is_no_cost():
    """30 % of 32 arms are 10 of 9.6, 1.25 % of all more; of 320 arms that is another amount."""
    for num_arms, agents in ((32, {"ucb"}), (320, set())):
        runs = results(2, "ucb", 10, 0.8, cost=10 / 32, num_arms=num_arms)
        assert points(runs, OPTIONS).keys() == agents, num_arms


def test_options_make_another_agent_and_an_arm_kept_once_is_no_subset():
    found = [*results(2, "ucb", 10, 0.8, pulls=[10, 90]), *results(2, "ucb", 12, 0.8, c=2)]
    assert set(points(found, OPTIONS)) == {"ucb", "ucb c=2"}


def test_boards_of_several_settings_are_refused(make_result, tmp_path):
    for epochs in (4, 5):
        options = RunOptions(agent="ucb", epochs=epochs)
        write_json(tmp_path / f"runs/{run_id(options)}.json", make_result(options))
    with pytest.raises(ValueError, match="2 settings, a line wants 1: Digits, 4 epochs; Digits, 5"):
        read(tmp_path)


LINEAR = {f"a{i}": [(0.5 + 0.05 * i, 0.8 + 0.005 * i)] * 2 for i in range(4)}
"""One point of accuracy more for each ten of share."""


def test_agents_on_a_line_differ_by_nothing_else():
    fitted = line(LINEAR)
    assert fitted.slope == pytest.approx(1)
    assert fitted.explained == pytest.approx(1)
    assert fitted.beyond == pytest.approx(dict.fromkeys(LINEAR, 0), abs=1e-9)


def test_agents_off_the_line():
    zigzag = [0.80, 0.81, 0.79, 0.80]  # slope 100 * -0.01 * 5 / 50 points for ten of share
    fitted = line({f"a{i}": [(0.5 + 0.05 * i, y)] * 2 for i, y in enumerate(zigzag)})
    assert fitted.slope == pytest.approx(-0.4)
    assert fitted.explained == 0  # what is left, over 2 degrees of freedom, is more than there was
    assert list(fitted.beyond.values()) == pytest.approx([-0.3, 0.9, -0.9, 0.3])


def test_what_luck_alone_makes_agents_differ_by_is_not_explained():
    noisy = {agent: [(x, y - 0.2), (x, y + 0.2)] for agent, ((x, y), _) in LINEAR.items()}
    assert line(noisy).explained == 0


def test_the_luck_of_a_mean_of_two_runs_is_half_that_of_a_run():
    """In points squared the means differ by 1.5, beyond the line by 0.225, by luck by 0.18 / 2."""
    means = [0.80, 0.815, 0.815, 0.83]
    found = {
        f"a{i}": [(0.5 + 0.05 * i, y - 0.003), (0.5 + 0.05 * i, y + 0.003)]
        for i, y in enumerate(means)
    }
    assert line(found).explained == pytest.approx(1 - (0.225 - 0.09) / (1.5 - 0.09))


def test_a_line_wants_four_agents():
    with pytest.raises(ValueError, match="1 agent has two runs that count"):
        line({"ucb": [(0.5, 0.8)] * 2})


def test_the_table_has_the_most_accurate_first():
    console = Console(file=io.StringIO(), width=100)
    console.print(table(LINEAR, line(LINEAR)))
    shown = console.file.getvalue()
    assert "+1.00 points of test accuracy for ten points more" in shown
    assert "100% of what agents differ by" in shown
    assert shown.index("a3") < shown.index("a0")
