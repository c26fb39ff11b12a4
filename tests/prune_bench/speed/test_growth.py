"""The boards that the speed of a report is measured with."""

from __future__ import annotations

from prune_bench.board.board import Board
from prune_bench.board.counting import counted
from speed.growth import make_board


def test_all_results_of_a_made_up_board_count(tmp_path):
    assert make_board(tmp_path, 30) == 30  # five controls and one agent, five seeds
    results, left_out = counted(tmp_path, Board(tmp_path).read()[1])
    assert (len(results), left_out) == (30, [])
    assert len({result.last for result in results}) == 30
