"""A board that was written once stays readable: one of every form that results ever had is here.

The folders are named `schema<version>-<what was new>` and were cut out of git as they were written;
none is ever changed. A new version of the schema, or a new key, adds a folder and an entry here.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from prune_agents.policies.arm_clusters import ArmClusters
from prune_bench.board.board import Board
from prune_bench.commands.main import main
from prune_bench.run.options import RunOptions
from prune_bench.run.result import read_results
from prune_bench.run.run_id import run_id
from prune_bench.run.schema import RESULT, SCHEMA

BOARDS = Path(__file__).parent / "old_boards"
RUNS = {
    "schema1-first": {
        "epsilon_greedy-k0.1-s0-7e8d2d2169f8": (0.7206, 0.1, False),
        "full-k1-s0-be194923ea29": (0.883, 1.0, False),
    },
    "schema1-prior": {
        "el2n-k0.1-s0-c2a23aaebeab": (0.2628, 0.35, True),
        "full_short-k0.5-s0-1dca8a681c96": (0.8527, 0.5, False),
    },
    "schema1-trained": {
        "cat-k0.3-s0-8621c0e2a35a": (0.8258, 0.8, True),
        "full-k1-s0-be194923ea29": (0.883, 1.0, False),
    },
    "schema1-sources": {
        "arm_clusters-k0.3-s0-95b357d55b7f": (0.8315, 0.3, False),
        "full_short-k0.3-s0-7ba5783c9221": (0.83, 0.3, False),
    },
    "schema1-noise": {
        "el2n-k0.3-s0-32f58297d89b": (0.1, 1.3, True),
        "ucb-k0.3-s0-6422378372fe": (0.165, 0.3, False),
    },
}
"""Of every run: test accuracy at the end, cost, and whether it had a prior run."""


@pytest.fixture(autouse=True)
def rules_of_then(monkeypatch):
    """The revision that a run was made by: those of a rule that was mended since do not count."""
    monkeypatch.setattr(ArmClusters, "revision", 2)


def test_every_version_has_a_board():
    assert {path.name for path in BOARDS.iterdir()} == RUNS.keys()
    versions = {int(name.partition("-")[0].removeprefix("schema")) for name in RUNS}
    assert versions == set(range(1, SCHEMA + 1))


def test_every_key_that_may_be_missing_is_missing_in_one_and_there_in_another():
    results = [result.content for board in RUNS for result in read_results(BOARDS / board)]
    optional = [key.removesuffix("?") for key in RESULT if key is not ... and key.endswith("?")]
    optional.remove("val_accuracy")  # a matter of the run, not of its time
    assert len(optional) >= 3
    for key in (*optional, "prior"):
        assert {key in result for result in results} == {True, False}, key


@pytest.mark.parametrize("board", RUNS)
def test_an_old_board_is_read(board, capsys, monkeypatch):
    monkeypatch.setattr("prune_bench.report.page.write_report", lambda folder, standings: {})
    found = {
        result.id: (round(result.last, 4), round(result.cost, 4), result.has_prior)
        for result in read_results(BOARDS / board)
    }
    assert found == RUNS[board]
    assert found.keys() <= Board(BOARDS / board).runs().keys()  # they still count
    main(["report", str(BOARDS / board)])
    shown = capsys.readouterr().out
    for name in found:
        assert name.partition("-k")[0] in shown


@pytest.mark.parametrize("board", RUNS)
def test_the_name_of_an_old_run_is_what_it_was(board):
    for result in read_results(BOARDS / board):
        assert run_id(RunOptions(**result.options), result.provenance) == result.id
