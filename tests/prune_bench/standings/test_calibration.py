"""The engine of the boards on made-up boards whose truth is known: nothing is trained."""

from __future__ import annotations

import numpy as np
import pytest
from prune_bench.standings.calibration import (
    CONTROLS,
    ENGINES,
    NOISE,
    Truth,
    alike,
    main,
    pooled,
    try_engine,
    two_way,
)
from prune_bench.standings.statistics import estimate, pool

OURS = next(engine for engine in ENGINES if engine[0].startswith("**"))
BEFORE = ENGINES[0]
"""What boards used: a bootstrap of interquartile means, paired tests, all agents one family."""


@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize(
    "truth", [Truth("", level=4), Truth("", level=20, losers=19), Truth("", level=20, spread=0.5)]
)
def test_intervals_cover_and_an_a_a_test_finds_nobody(truth, seeds):
    """500 boards: of 95 % and of 5 % a standard error of about 1 %."""
    found = try_engine(truth, OURS, seeds, boards=500)
    assert 0.93 < found.coverage < 0.98
    assert found.false_winners < 0.05


def test_what_it_replaces_fails_this():
    found = try_engine(Truth("", level=20, losers=19), BEFORE, seeds=5, boards=500)
    assert found.coverage < 0.92
    assert found.false_winners > 0.10


def test_winners_are_found():
    truth = Truth("", level=20, winners=12, losers=19)
    ours, before = (try_engine(truth, engine, 5, boards=200) for engine in (OURS, BEFORE))
    assert ours.found > 0.85 > before.found
    assert ours.false_share < 0.05


def test_the_engine_that_is_tried_is_the_one_of_the_boards():
    """On one board, number by number."""
    truth = Truth("", level=6, losers=8)
    board = truth.draw(1, 5, np.random.default_rng(1))
    answer = pooled(board)
    noises = pool(list(board[0]))
    for place in range(CONTROLS, len(noises)):
        value = board[0, place].mean() - board[0, 0].mean()
        found = estimate(value, [(1 / 5, noises[place]), (1 / 5, noises[0])])
        half = found.high - found.value
        expected = (answer.value, answer.half, answer.p)
        at = place - CONTROLS
        assert (value, half, found.p) == pytest.approx([of[0, at] for of in expected])


def test_who_scatters_three_times_as_much_is_no_part_of_the_two_way_noise():
    """Of 16 agents with 5 runs each: an F of 9 at 4 and 64 degrees of freedom is no luck."""
    runs = np.random.default_rng(0).normal(size=(1, 16, 5))
    loose = runs[:, :1] / runs[:, :1].std(ddof=1) * 3
    found = two_way(np.concatenate([runs, loose], axis=1))
    np.testing.assert_allclose(found.half[:, :-1], two_way(runs).half)


def test_a_draw_has_the_size_and_correlation_that_it_says():
    runs = Truth("", level=30, correlation=0.2).draw(2000, 5, np.random.default_rng(0))
    assert runs.std() == pytest.approx(NOISE, rel=0.02)
    assert np.corrcoef(runs[:, 0, 0], runs[:, 5, 0])[0, 1] == pytest.approx(0.2, abs=0.06)


def test_what_a_draw_is_like_is_measured():
    """Variances are one and seeds share what was drawn; the first means nothing to the second."""
    runs = Truth("", level=60, correlation=0.3).draw(1, 200, np.random.default_rng(2))[0]
    p, correlation = alike(runs)
    assert p > 0.01
    assert correlation == pytest.approx(0.3, abs=0.05)
    assert alike(runs * np.linspace(1, 2, len(runs))[:, None])[0] < 1e-6


def test_the_command_writes_its_table(tmp_path, monkeypatch):
    monkeypatch.setattr("prune_bench.standings.calibration.TRUTHS", (Truth("4 level", level=4),))
    out = tmp_path / "calibration.md"
    main(["--boards", "20", "--seeds", "5", "--out", str(out)])
    text = out.read_text(encoding="utf-8")
    assert "python -m prune_bench.standings.calibration --boards 20 --seeds 5" in text
    assert text.count("| 4 level | 5 |") == 3  # nobody is ahead that could be found
