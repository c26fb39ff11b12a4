"""The page of a board with wrong labels: who keeps them."""

from __future__ import annotations

import json

import pytest
from prune_bench.report.charts import palette, wrong_labels
from prune_bench.report.columns import COLUMN
from prune_bench.report.page import html
from prune_bench.run.options import RunOptions
from prune_bench.run.result import Result
from prune_bench.run.run_id import run_id
from prune_bench.standings.build import read_standings
from prune_bench.standings.model import Row


@pytest.fixture
def noisy_board(tmp_path, make_result):
    """Two seeds of two agents; of `ucb` seed s keeps 0.2 + 0.1 (round + s) wrong ones."""
    for agent, slope in (("ucb", 0.1), ("random_dynamic", 0.0)):
        for seed in (0, 1):
            options = RunOptions(agent=agent, seed=seed, epochs=3, label_noise=0.2)
            result = make_result(options)
            for row in result["history"]:
                row["wrong_kept"] = 0.2 + slope * (row["round"] + seed)
                row["wrong_auc"] = {"mean_loss": 0.8 + 0.1 * seed, "pulls": 0.5}
            path = tmp_path / "board" / "runs" / f"{run_id(options)}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(result))
    return tmp_path / "board"


def test_the_curves_are_means_of_the_runs(noisy_board):
    standings = read_standings(noisy_board)
    spec = wrong_labels(standings.comparisons, palette(standings.comparisons)).to_dict()
    values = spec["layer"][0]["data"]["values"]
    shares = {(v["agent"], v["round"]): v["wrong"] for v in values}
    assert shares == {
        ("ucb", 1): pytest.approx(35.0),  # of 30 and 40
        ("ucb", 2): pytest.approx(45.0),
        ("ucb", 3): pytest.approx(55.0),
        **{("random_dynamic", number): pytest.approx(20.0) for number in (1, 2, 3)},
    }
    page = html(standings, "noisy")
    assert "Wrong labels kept" in page
    assert "Digits, 3 epochs, label noise 0.2" in page


def test_the_tables_say_who_keeps_and_who_finds(noisy_board):
    comparison = read_standings(noisy_board).comparisons[0]
    row = comparison.row("ucb")
    # every round keeps as many: (0.3 + 0.4 + 0.5) / 3 and (0.4 + 0.5 + 0.6) / 3
    assert COLUMN["wrong_kept"].values(row) == {"wrong_kept": pytest.approx(0.45)}
    assert COLUMN["wrong_kept"].text(row) == "45.0"
    assert COLUMN["wrong_found"].text(row) == "0.850"


def test_the_share_of_wrong_labels_is_of_all_arms_that_were_kept(make_result):
    """Of 300 in the first round 10 %, of 100 in the second 50 %: 80 of 400."""
    content = make_result(RunOptions(agent="ucb", epochs=2))
    for row, kept, wrong in zip(content["history"], (300, 100), (0.1, 0.5), strict=True):
        row |= {"kept": kept, "wrong_kept": wrong}
    assert Row("ucb", 0.3, "own amount", (Result(content),)).wrong_kept == pytest.approx(0.2)


def test_where_no_wrong_label_is_known_there_is_no_chart(fake_board):
    standings = read_standings(fake_board)
    assert wrong_labels(standings.comparisons, palette(standings.comparisons)) is None
    assert not any(COLUMN["wrong_kept"].tells(row) for row in standings.comparisons[0].rows)
    assert "Wrong labels kept" not in html(standings, "clean")
