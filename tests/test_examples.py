"""The examples work as they stand."""

from __future__ import annotations

import runpy
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_by_hand_what_ucb_keeps_teaches_more_than_one_random_choice():
    run = runpy.run_path(str(EXAMPLES / "by_hand.py"))["run"]
    scores = {name: [run(name, seed) for seed in range(3)] for name in ("ucb", "static_random")}
    assert min(scores["ucb"]) > max(scores["static_random"]) > 0.9
