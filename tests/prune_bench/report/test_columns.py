"""The columns of a board's tables: what a reader sees and what CSV has, from one list."""

from __future__ import annotations

import json

import pytest
from prune_bench.report.column import Cell
from prune_bench.report.columns import (
    COLUMN,
    COLUMNS,
    FIRST_TO_GO,
    LIVE,
    MARKDOWN,
    OVERALL,
    PAGE,
    TERMINAL,
)
from prune_bench.run.options import RunOptions
from prune_bench.run.result import Result
from prune_bench.standings.build import read_standings
from prune_bench.standings.model import Row
from prune_bench.standings.statistics import Estimate

AHEAD = Estimate(-0.0123, -0.021, -0.003)
ROW = Row("ucb", 0.3, "fixed keep ratio", runs=(None,) * 4, expected=5, failed=1, ahead=AHEAD)
NOTHING = Row("ucb", 0.3, "fixed keep ratio", expected=5)


@pytest.mark.parametrize(
    ("name", "row", "text", "cell", "values"),
    [
        (
            "ahead",
            ROW,
            "−1.2 [−2.1, −0.3]",
            Cell(-0.0123, "−1.2", "[−2.1, −0.3]", 0),
            {"": -0.0123, "_low": -0.021, "_high": -0.003},
        ),
        ("ahead", NOTHING, "–", Cell(None, "–"), {}),
        ("runs", ROW, "4/5, 1 failed", Cell(4, "4 of 5, 1 failed", sign=None), {"": 4}),
        ("runs", NOTHING, "0/5", Cell(0, "0 of 5", sign=None), {"": 0}),
        ("regret", NOTHING, "–", Cell(None, "–"), {"": None}),
    ],
)
def test_a_cell_in_text_on_the_page_and_in_csv(name, row, text, cell, values):
    column = COLUMN[name]
    assert column.text(row) == text
    assert column.cell(row) == cell
    assert column.values(row) == {f"{column.record}{end}": value for end, value in values.items()}


@pytest.mark.parametrize(
    ("keep_ratio", "everywhere", "charged", "seconds", "text", "promised"),
    [
        (0.3, False, 21_600, 0.25, "28/25 of 70", 0.7),  # says 70 and saves 28
        (0.3, False, 39_000, -0.2, "−30/−20 of 70", 0.7),  # a prior run costs more than it saves
        (1.0, True, 22_800, None, "24/–", None),  # decides itself, on a faster machine
    ],
)
def test_what_is_saved_stands_beside_what_was_promised(
    make_result, keep_ratio, everywhere, charged, seconds, text, promised
):
    content = make_result(RunOptions(agent="kakurenbo", keep_ratio=keep_ratio, epochs=10))
    content["passes"]["charged"] = charged  # of 30,000 for 1,000 arms and 10 epochs
    row = Row(
        "kakurenbo",
        keep_ratio,
        "own amount",
        (Result(content),),
        is_everywhere=everywhere,
        seconds_saved=seconds,
    )
    assert COLUMN["saved"].text(row) == text
    # the page sorts by the first number
    assert COLUMN["saved"].cell(row) == Cell(pytest.approx(1 - charged / 30_000), text)
    assert COLUMN["saving_promised"].values(row).get("saving_promised") == promised
    assert COLUMN["passes_saved"].values(row) == {
        "passes_saved": pytest.approx(1 - charged / 30_000)
    }
    assert COLUMN["passes_saved"].cell(row).text == f"{100 - charged / 300:.1f}".replace("-", "−")


def test_seconds_are_saved_beside_full_of_the_same_machine(fake_board):
    """`full` takes 60 s of training and 1 s aside, at keep 0.3 18 s and 1 s."""
    found = read_standings(fake_board)
    rows = {c.keep_ratio: c.row("fake_winner") for c in found.comparisons}
    assert rows[0.3].seconds_saved == pytest.approx(1 - 19 / 61)
    for path in (fake_board / "runs").glob("fake_winner-k0.3-*"):
        content = json.loads(path.read_text())
        content["cpu_seconds"]["train"] *= 0.9
        path.write_text(json.dumps(content))
    rows = {c.keep_ratio: c.row("fake_winner") for c in read_standings(fake_board).comparisons}
    assert rows[0.3].seconds_saved is None
    assert rows[0.1].seconds_saved == pytest.approx(1 - 7 / 61)


def test_no_seconds_are_saved_beside_another_kind_of_machine(fake_board):
    """A slower one has no pace that gives it away."""
    for path in (fake_board / "runs").glob("fake_winner-k0.3-*"):
        content = json.loads(path.read_text())
        content["place"]["instructions"] = "AVX2, cpu family 25, model 1"
        content["cpu_seconds"]["train"] *= 2
        path.write_text(json.dumps(content))
    found = read_standings(fake_board)
    rows = {c.keep_ratio: c.row("fake_winner") for c in found.comparisons}
    assert rows[0.3].seconds_saved is None
    assert rows[0.1].seconds_saved == pytest.approx(1 - 7 / 61)
    assert "2 kinds of machine" in found.note


def test_every_column_is_shown_somewhere_and_has_a_heading_where_it_is():
    shown = {*PAGE, *MARKDOWN, *TERMINAL, *LIVE}
    assert {column.name for column in COLUMNS if not column.record} <= shown
    assert all(COLUMN[name].heading for name in shown)
    assert set(FIRST_TO_GO) < set(TERMINAL)
    for columns in (COLUMNS, OVERALL):
        assert len({column.name for column in columns}) == len(columns)
