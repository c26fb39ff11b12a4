"""The columns of a board's tables: what a reader sees and what CSV has, from one list."""

from __future__ import annotations

import pytest
from prune_bench.report.columns import (
    COLUMN,
    COLUMNS,
    FIRST_TO_GO,
    LIVE,
    MARKDOWN,
    OVERALL,
    PAGE,
    TERMINAL,
    Cell,
)
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


def test_every_column_is_shown_somewhere_and_has_a_heading_where_it_is():
    shown = {*PAGE, *MARKDOWN, *TERMINAL, *LIVE}
    assert {column.name for column in COLUMNS if not column.record} <= shown
    assert all(COLUMN[name].heading for name in shown)
    assert set(FIRST_TO_GO) < set(TERMINAL)
    for columns in (COLUMNS, OVERALL):
        assert len({column.name for column in columns}) == len(columns)
