"""Which number of a cell predicts how far a policy is ahead, on made-up cells."""

import numpy as np
import pytest
from prune_bench.standings.statistics import Estimate
from prune_bench.studies.explanations import explained, left_out, lines, spread
from prune_bench.studies.regimes import Cell


def cell(arms, bar, points, epochs=10):
    ahead = {"uncertainty": Estimate(points / 100, 0.0, 0.0)}
    return Cell(
        env="prune_env/CIFAR10-v0",
        arms=arms,
        epochs=epochs,
        network="small",
        label_noise=0.0,
        image_size=16,
        keep_ratio=0.3,
        bar=bar,
        bar_loss=2 * (1 - bar),
        classes=10,
        ahead=ahead,
        signs={"uncertainty": 0},
    )


CELLS = [  # ten points an accuracy, level at 0.6; arms say nothing
    cell(1000, 0.4, -2.0),
    cell(4000, 0.5, -1.0),
    cell(4000, 0.7, 1.0),
    cell(1000, 0.8, 2.0),
]


def test_the_best_predictor_comes_first_and_says_where_the_sign_changes():
    best, *others = lines(CELLS, "uncertainty")
    assert best.left_out == pytest.approx(0, abs=1e-9)
    by_name = {line.explanation: line for line in [best, *others]}
    accuracy = by_name["accuracy of full_short"]
    assert accuracy.left_out == pytest.approx(0, abs=1e-9)
    assert (accuracy.slope, accuracy.zero) == pytest.approx((10, 0.6))
    assert accuracy.correlation == pytest.approx(1)
    assert accuracy.at(cell(9, 0.9, 0.0)) == pytest.approx(3)
    loss = by_name["training loss of full_short"]
    assert (loss.slope, loss.zero) == pytest.approx((-5, 0.8))
    assert by_name["arms"].correlation == pytest.approx(0)
    assert "passes an arm" not in by_name  # the same in all cells
    assert lines(CELLS, "easiest") == []


def test_leaving_out_is_what_it_says():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 7))
    for place, found in enumerate(left_out(x, y)):
        rest = np.arange(7) != place
        slope, intercept = np.polyfit(x[rest], y[rest], 1)
        assert found == pytest.approx(intercept + slope * x[place] - y[place])


def test_a_line_has_to_be_better_than_the_mean_of_the_others():
    errors = [
        np.mean(np.delete([-2, -1, 1, 2], place)) - y for place, y in enumerate((-2, -1, 1, 2))
    ]
    assert spread(CELLS, "uncertainty") == pytest.approx(np.sqrt(np.mean(np.square(errors))))


def test_what_is_shown(capsys):
    from rich.console import Console

    Console(width=120).print(explained(CELLS))
    shown = capsys.readouterr().out
    for text in ("hardest first, by accuracy of full_short", "+1.00", "+10.00", "0.60"):
        assert text in shown
    assert "hardest first, by nothing" in shown
