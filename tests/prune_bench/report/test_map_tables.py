"""The tables of the map of when choosing pays."""

from prune_bench.report.map_tables import cells_of, foretelling
from prune_bench.studies.regimes import Map, RegimesOptions, grids

from prune_env.files import write_json


def _board(folder, make_result, epochs, hardest):
    """A map with one cell an entry: the lead of hardest-first there."""
    board = Map(folder)
    options = RegimesOptions(
        env=("prune_env/Digits-v0",),
        image_size=None,
        arms=(60,),
        epochs=epochs,
        networks=("mlp",),
        label_noise=(0.0,),
        seeds=2,
    )
    for grid in grids(options, {"prune_env/Digits-v0": 60}):
        board.add(grid)
    for name, run in board.runs().items():
        last = 0.5 + 0.001 * run.seed
        last += hardest[epochs.index(run.epochs)] * (run.agent == "uncertainty")
        made = make_result(run, num_arms=60)
        made["test_accuracy"] = {"last": last, "best": last}
        write_json(board.result_path(name), made)
    return folder


def test_a_row_for_each_cell_and_what_is_certain_is_bold(tmp_path, make_result):
    folder = _board(tmp_path, make_result, (2, 4), (0.02, 0.0))
    _, _, first, second = cells_of(folder).splitlines()
    assert first.startswith("| 60 arms, 2 epochs, `mlp` | ")
    assert "| 50.0 | **+2.0 [" in first
    assert "| 50.0 | +0.0 [" in second


def test_a_board_is_foretold_by_the_cells_of_the_map_that_are_nearest_to_it(tmp_path, make_result):
    epochs, hardest = (2, 3, 4, 64, 65, 66), (0.02, 0.02, 0.02, -0.03, -0.03, -0.03)
    folder = _board(tmp_path / "map", make_result, epochs, hardest)
    short = _board(tmp_path / "short", make_result, (5,), (0.01,))
    long = _board(tmp_path / "long", make_result, (60,), (0.01,))
    heading, _, *lines = foretelling([folder], {"short": short, "long": long}).splitlines()
    assert heading == "| by | mean error, points | signs | short | long |"
    found = {line.split(" | ")[0].removeprefix("| "): line for line in lines}
    assert found["passes an arm"] == "| passes an arm | 1.7 | 6 of 6 | +2.0 | −3.0 |"
    assert lines[-1].startswith("| what came | | | +1.0 [")
