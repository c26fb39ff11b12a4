"""How often a run is evaluated where nobody says it."""

from dataclasses import replace

import pytest
from prune_bench.board.board import Board, read_board
from prune_bench.board.grid import Grid
from prune_bench.run.episode import Episode, history_row, run
from prune_bench.run.evaluation import said
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.run_id import run_id

# 135 arms, 15 validation and 150 test images: an evaluation costs 165 passes
SMALL = RunOptions(agent="random_dynamic", limit=150, epochs=3)


def chosen(**changes):
    return Episode(replace(SMALL, **changes), Place(threads=1)).env


@pytest.mark.parametrize(
    ("changes", "rounds"),
    [
        ({"keep_ratio": 1.0}, 5),  # 165 / 40.5 = 4.07
        ({"keep_ratio": 0.3}, 14),  # 13.6
        ({"keep_ratio": 0.01}, 408),  # 407.4
        ({"agent": "full", "keep_ratio": 0.01}, 5),  # it keeps all whatever is said
        ({"agent": "dvrl"}, 1),  # it reads validation
        ({"env_kwargs": {"reward": "val_loss_drop"}}, 1),  # so does what it is rewarded by
        ({"evaluate_every": 2}, 2),
    ],
)
def test_evaluations_take_a_tenth_of_the_passes_of_training(changes, rounds):
    assert chosen(**changes).options.evaluate_every == rounds


def test_a_rung_is_evaluated_every_round():
    env = Episode(RunOptions(env="prune_env/Synthetic-v0", agent="ucb", epochs=3)).env
    assert env.options.evaluate_every == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 6, "keep_ratio": 1.0}, "every 5 rounds and the last"),
        ({"epochs": 5, "keep_ratio": 1.0}, "the last round"),
        ({"evaluate_every": 1}, "every round"),
    ],
)
def test_what_was_chosen_is_said(changes, words):
    assert said(chosen(**changes)) == words


def test_only_what_is_evaluated_differs():
    few, all_ = (
        run(replace(SMALL, keep_ratio=1.0, epochs=6, evaluate_every=every), Place(threads=1))
        for every in ("auto", 1)
    )
    assert [row["round"] for row in few["history"] if "test_accuracy" in row] == [5, 6]
    assert few["options"]["evaluate_every"] == "auto"
    assert few["env_options"]["evaluate_every"] == 5
    losses = [[row["kept_loss"] for row in result["history"]] for result in (few, all_)]
    assert losses[0] == losses[1]
    assert few["test_accuracy"]["last"] == all_["test_accuracy"]["last"]
    assert few["passes"]["charged"] == all_["passes"]["charged"]
    assert few["passes"]["evaluate"] == 15  # the last is on top and free


def test_seconds_are_without_those_of_the_test_split():
    env = chosen()
    none = dict.fromkeys(env.clock.wall, 0.0)
    env.clock.wall = none | {"train": 4.0, "evaluate": 2.0, "test": 1.0}
    env.clock.cpu = none | {"train": 3.0, "evaluate": 0.5, "test": 0.25}
    row = history_row(env, {"round": 1, "evaluated": False})
    assert (row["seconds"], row["seconds_evaluate"]) == (6, 2)
    assert (row["cpu_seconds"], row["cpu_seconds_evaluate"]) == (3.5, 0.5)


def test_a_number_keeps_the_name_that_it_had():
    assert run_id(replace(SMALL, evaluate_every=1)) == "random_dynamic-k0.3-s0-4df7d679f3c7"
    assert run_id(SMALL) != run_id(replace(SMALL, evaluate_every=1))


def test_a_board_that_does_not_say_it_is_evaluated_every_round(tmp_path):
    """As it was when the committed boards were written; a new one says auto."""
    path = tmp_path / "board.yaml"
    path.write_text("grids:\n- agents: [ucb]\n", encoding="utf-8")
    assert read_board(path)[0][0].evaluate_every == 1
    Board(tmp_path / "new").add(Grid(agents=("ucb",)))
    assert "evaluate_every: auto" in (tmp_path / "new" / "board.yaml").read_text(encoding="utf-8")
