"""A small board of the digits, finished, as a stranger would submit it."""

from __future__ import annotations

import json
import shutil

import pytest
from prune_bench.board.board import Board
from prune_bench.board.grid import Grid
from prune_bench.board.work import do_run
from prune_bench.run.options import Place

from prune_env.files import read_json, write_json

GRID = Grid(agents=("ucb",), keep_ratios=(0.3,), epochs=2, limit=100)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """30 runs, 5 seeds of the controls and of `ucb`. To be read only."""
    board = Board(tmp_path_factory.mktemp("submission") / "digits")
    board.add(GRID)
    for options in board.runs().values():
        assert do_run(options, board.folder, Place(threads=1)).kind == "done"
    return board.folder


@pytest.fixture
def folder(trained, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(trained, tmp_path / "digits")


@pytest.fixture
def change():
    """Changes a result of a folder: sets what is at a path of keys, and seals the file anew."""

    def change(folder, start, *steps):
        (path,) = folder.glob(f"runs/{start}*.json")
        content = read_json(path)
        for *keys, last, value in steps:
            part = content
            for key in keys:
                part = part[key]
            part[last] = value
        write_json(path, content)
        assert "checksum" in json.loads(path.read_text(encoding="utf-8"))
        return path.stem

    return change
