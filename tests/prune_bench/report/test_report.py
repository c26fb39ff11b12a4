"""The report of a board as text and files; test_page.py opens it in a browser."""

from __future__ import annotations

import gc
import io
import re
import weakref

import numpy as np
import pytest
from made_up_reports import HOSTILE, standings, written
from prune_bench.board.board import Board
from prune_bench.board.grid import Grid
from prune_bench.commands.report import show
from prune_bench.report.page import command, html
from prune_bench.report.tables import (
    comma_separated,
)
from prune_bench.report.terminal import Terminal
from prune_bench.run.options import RunOptions
from prune_bench.run.run_id import run_id
from prune_bench.standings import build
from prune_bench.standings.build import read_standings

from prune_env.files import write_json


def test_hostile_names_act_nowhere_on_the_page(make_result, tmp_path):
    """A control character in a picture's text once stopped its renderer."""
    board = Board(tmp_path / "board")
    for agent in (HOSTILE, "full_short", "b\x00\ud800\ufffe"):
        for seed in (0, 1):
            run = RunOptions(agent=agent, seed=seed, epochs=4, keep_ratio=0.3)
            write_json(board.result_path(run_id(run)), make_result(run))
    page = written(board.folder, read_standings(board.folder)).read_text(encoding="utf-8")
    assert (board.folder / "cost.png").stat().st_size > 10_000
    visible = page.partition("<script")[0]
    assert "=cmd|&#39;x&#39;!A1\\x1b[31m\\n| x | [red] &lt;b&gt;" in visible
    assert r"b\x00\ud800\ufffe" in visible
    assert not set("\x00\x1b\ufffe") & set(page)


def test_report_files(fake_board):
    page = written(fake_board, read_standings(fake_board))
    assert page == fake_board / "report.html"
    made = {path.name for path in fake_board.iterdir()}
    assert {"board.md", "board.csv", "ahead.png", "cost.png", "curves-keep0.1.png"} <= made
    assert (fake_board / "ahead.png").read_bytes().startswith(b"\x89PNG")
    assert page.stat().st_size < 2_000_000


def test_a_report_reads_the_results_once(fake_board, monkeypatch):
    read, folders = build.counted, []
    monkeypatch.setattr(
        build, "counted", lambda folder, pins: folders.append(folder) or read(folder, pins)
    )
    monkeypatch.setattr("prune_bench.report.page.write_pictures", lambda pictures, folder: None)
    show(Terminal(file=io.StringIO()), fake_board)
    assert folders == [fake_board]


def test_page_refers_to_nothing_outside(found):
    text = html(found, "board")
    scripts_away = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#|data:)", scripts_away)
    assert "@import" not in scripts_away


def test_user_text_is_escaped(make_result):
    bad = "</script><b onclick='x()'>"
    result = make_result(RunOptions(agent=f"m:{bad}"))
    text = html(standings([result]), bad)
    assert bad not in text
    assert "&lt;/script&gt;&lt;b onclick" in text


def test_a_board_with_nothing_finished_is_shown():
    planned = {"rs2-0": RunOptions(agent="rs2", epochs=3)}
    text = html(standings([], planned), "board")
    assert "no run has finished" in text
    assert "normalised score" not in text  # it explains what there is


@pytest.mark.parametrize("agents", [["rs2"], ["full"], ["full", "full_short"], ["infobatch"]])
def test_boards_that_have_only_begun(make_result, agents):
    results = [make_result(RunOptions(agent=agent)) for agent in agents]
    assert "Nothing to compare yet" in html(standings(results), "board")


def test_one_run_each_gives_a_page(make_result):
    results = [make_result(RunOptions(agent=agent)) for agent in ("full", "full_short", "rs2")]
    assert "1 seed only" in html(standings(results), "board")


def test_an_unfinished_board_says_how_it_stands(make_result):
    planned = {agent: RunOptions(agent=agent) for agent in ("full_short", "rs2")}
    results = [make_result(options) | {"id": name} for name, options in planned.items()]
    planned["rs2-1"] = RunOptions(agent="rs2", seed=1)
    text = html(standings(results, planned), "board")
    assert "Not decided, runs are missing. Against full_short so far rs2 is at " in text


def test_diverged_runs_are_said(make_result):
    results = [make_result(RunOptions(agent=agent)) for agent in ("full_short", "rs2")]
    results[1]["diverged"] = True
    results[1]["kept"]["pulls_by_difficulty"] = [0.0] * 10
    assert "1 run diverged" in html(standings(results), "board")


def test_command_that_made_a_board():
    grid = Grid(agents=("ucb", "ucb1"), keep_ratios=(0.1,), seeds=7, recipe={"peak_lr": 0.5})
    assert command(grid, "my board") == (
        "prune-env board --env prune_env/Digits-v0 --agents ucb ucb1 --keep-ratios 0.1 "
        "--seeds 7 --recipe peak_lr=0.5 --out 'my board'"
    )


def test_report_is_the_same_twice(fake_board, found):
    first, second = (np.array(comma_separated(read_standings(fake_board))) for _ in range(2))
    assert first == second


def test_the_results_are_forgotten_before_pictures_are_drawn(fake_board, monkeypatch):
    """The renderer takes as much memory as 10,000 results."""
    kept, alive, read = [], [], build.read_standings

    def watched(folder):
        found = read(folder)
        kept.extend(map(weakref.ref, found.runs))
        return found

    def drawn(pictures, folder):
        gc.collect()
        alive.append(sum(run() is not None for run in kept))

    monkeypatch.setattr(build, "read_standings", watched)
    monkeypatch.setattr("prune_bench.report.page.write_pictures", drawn)
    show(Terminal(file=io.StringIO()), fake_board)
    assert len(kept) > 10
    assert alive == [0]
