"""The standings of a board that is made up."""

from __future__ import annotations

import pytest
from prune_bench.standings.build import read_standings


@pytest.fixture
def found(fake_board):
    return read_standings(fake_board)
