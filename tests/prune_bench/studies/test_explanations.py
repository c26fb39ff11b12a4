"""Which number of a cell foretells how far a policy is ahead, on made-up cells."""

import pytest
from prune_bench.standings.statistics import Estimate
from prune_bench.studies.explanations import explained, foretold, successes
from prune_bench.studies.regimes import Cell
from rich.console import Console


def cell(arms, bar, points, half=1.0, sign=None):
    """Points ahead, with half the width of their interval; by default that sign is certain."""
    low, high = ((points + sign * half) / 100 for sign in (-1, 1))
    return Cell(
        env="prune_env/CIFAR10-v0",
        arms=arms,
        epochs=10,
        network="small",
        label_noise=0.0,
        image_size=16,
        keep_ratio=0.3,
        bar=bar,
        bar_loss=2.302585 * (1 - bar),
        classes=10,
        ahead={"uncertainty": Estimate(points / 100, low, high)},
        signs={"uncertainty": (points > 0) - (points < 0) if sign is None else sign},
    )


CELLS = [  # low accuracy loses, high wins; of arms, each number has both
    *(cell(arms, 0.4, -2.0) for arms in (1000, 2000, 4000, 8000)),
    *(cell(arms, 0.8, 2.0) for arms in (1000, 2000, 4000, 8000)),
]


def test_a_cell_is_foretold_by_its_nearest():
    assert foretold(CELLS, "uncertainty", "accuracy of full_short", 0.9) == pytest.approx(0.02)
    assert foretold(CELLS, "uncertainty", "training loss of full_short", 0.6) == pytest.approx(
        -0.02
    )


def test_a_loss_is_a_share_of_that_of_a_guess():
    assert cell(1000, 0.25, 0.0).loss_share == pytest.approx(0.75)  # of log 10


def test_cells_that_are_as_near_count_alike():
    """Whichever stand first in the file."""
    for cells in (CELLS, CELLS[::-1]):
        assert foretold(cells, "uncertainty", "arms", 10) == pytest.approx(0, abs=1e-9)
        assert foretold(cells, "uncertainty", "nothing", 0.0) == pytest.approx(0, abs=1e-9)


def test_the_more_certain_weigh_more():
    """Half widths of 0.5 and of 1.5 points, beside a floor of 0.5: weights of 2 and 0.4."""
    cells = [cell(1000, 0.5, 1.0, 0.5), cell(1000, 0.5, 2.0, 0.5), cell(1000, 0.5, 8.0, 1.5)]
    expected = (2 * 0.01 + 2 * 0.02 + 0.4 * 0.08) / 4.4
    assert foretold(cells, "uncertainty", "arms", 10) == pytest.approx(expected)


def test_a_sign_that_is_not_certain_among_those_of_its_cell_is_neither_right_nor_wrong():
    cells = [*CELLS, cell(16_000, 0.8, 2.0, sign=0)]  # though its interval leaves out 0
    best = successes(cells, "uncertainty")[0]
    assert (best.right, best.certain) == (8, 8)


def test_the_best_explanation_foretells_what_was_left_out():
    best, second, *others = successes(CELLS, "uncertainty")
    assert {best.explanation, second.explanation} == {
        "accuracy of full_short",
        "training loss of full_short",
    }
    assert (best.error, best.right, best.certain) == (pytest.approx(0, abs=1e-9), 8, 8)
    arms = next(of for of in others if of.explanation == "arms")
    nothing = next(of for of in others if of.explanation == "nothing")
    assert arms.error > 2
    assert nothing.error == pytest.approx(2 + 2 / 7)  # by the mean of the seven others
    assert arms.right < 8
    assert "passes an arm" not in {of.explanation for of in others}  # the same in all cells
    assert successes(CELLS, "easiest") == []


def test_what_is_shown(capsys):
    Console(width=120).print(explained(CELLS))
    shown = capsys.readouterr().out
    assert "hardest first, by accuracy of full_short" in shown
    assert "8 of 8" in shown


def test_of_too_few_cells_no_empty_table_is_shown(capsys):
    Console(width=120).print(explained(CELLS[:2]))
    assert capsys.readouterr().out == "too few cells to foretell each by 3 others\n"
