"""Results that look like real ones and are made up: nothing has been trained."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from prune_bench.board.board import Board
from prune_bench.board.grid import Grid
from prune_bench.run.options import RunOptions
from prune_bench.run.run_id import run_id

SKILL = {
    "full": 0.0,
    "full_short": -0.02,
    "rs2": -0.04,
    "random_dynamic": -0.05,
    "static_random": -0.12,
    "fake_winner": 0.01,
    "fake_loser": -0.2,
    "fake_level": -0.02,
}
"""How far below `full` an agent ends at keep 0.1; half of that at 0.5."""


def made_up_result(options: RunOptions, num_arms: int = 1000) -> dict:
    """What `run` could have returned."""
    epochs = options.epochs or 4
    rng = np.random.default_rng((options.seed, *options.agent.encode("utf-8", "surrogatepass")))
    short = options.agent == "full_short"
    keep = 1.0 if options.agent == "full" else options.keep_ratio
    rounds = max(1, round(options.keep_ratio * epochs)) if short else epochs
    per_round = keep * epochs / rounds if short else keep
    refresh = 0.05 if options.agent == "fake_level" else 0.0
    skill = SKILL.get(options.agent, 0.0) * min(1.0, 0.12 / options.keep_ratio)
    end = 0.9 + skill + 0.001 * np.random.default_rng(options.seed).normal() + 0.004 * rng.normal()

    history = []
    for round_number in range(1, rounds + 1):
        share = round_number / rounds
        accuracy = float(end - (end - 0.1) * 0.6 * (1 - share) ** 1.5)
        train = round(3 * num_arms * per_round * round_number)
        history.append(
            {
                "round": round_number,
                "kept": round(per_round * num_arms),
                "kept_loss": 2 * (1 - accuracy),
                "val_loss": 2 * (1 - accuracy),
                "val_accuracy": accuracy,
                "test_loss": 2 * (1 - accuracy),
                "test_accuracy": accuracy,
                "diverged": False,
                "passes": train + round(3 * refresh * num_arms * round_number),
                "passes_train": train,
                "passes_refresh": round(3 * refresh * num_arms * round_number),
                "passes_evaluate": 100 * round_number,
                "seconds": train / 500 + 0.5 * round_number,
                "cpu_seconds": train / 500 + 0.4 * round_number,
                "seconds_evaluate": 0.4 * round_number,
                "cpu_seconds_evaluate": 0.3 * round_number,
            }
        )
    last = history[-1]
    seconds = {
        "train": last["passes_train"] / 500,
        "select": 0.02 * rounds,
        "observe": 0.08 * rounds,
        "evaluate": 0.4 * rounds,
    }
    hard = np.linspace(1 + 2 * skill, 1 - 2 * skill, 10)
    return {
        "schema": 1,
        "options": asdict(replace(options, epochs=epochs)),
        "agent_options": {"keep_ratio": options.keep_ratio, "seed": options.seed},
        "env_options": {"budget": options.keep_ratio * epochs if short else None},
        "num_arms": num_arms,
        "history": history,
        "val_accuracy": {"last": end, "best": end + 0.01},
        "test_accuracy": {"last": last["test_accuracy"], "best": last["test_accuracy"] + 0.005},
        "diverged": False,
        "passes": {
            "charged": last["passes"],
            "train": last["passes_train"],
            "refresh": last["passes_refresh"],
            "evaluate": last["passes_evaluate"],
        },
        "seconds": seconds,
        "cpu_seconds": seconds | {"evaluate": 0.3 * rounds},
        "kept": {
            "arms_by_class": [num_arms // 10] * 10,
            "pulls_by_class": (rng.dirichlet([300] * 10) * keep * epochs * num_arms)
            .astype(int)
            .tolist(),
            "arms_by_pulls": (rng.dirichlet([5] * (epochs + 1)) * num_arms).astype(int).tolist(),
            "pulls_by_difficulty": (keep * epochs * hard).tolist(),
        },
        "place": {
            "device": "cpu",
            "gpu": None,
            "processor": "Made-up processor <b>bold</b>",
            "cores": 2,
            "threads": 1,
            "python": "3.11.0",
            "versions": {"prune_env": "0.0.fake", "torch": "0.0.fake"},
        },
    }


@pytest.fixture(scope="session")
def make_result():
    """The function that makes a result up."""
    return made_up_result


@pytest.fixture
def fake_board(tmp_path, monkeypatch):
    """A folder of made-up results: one run failed, one agent is unfinished."""
    monkeypatch.setattr("prune_agents.make_for_run", lambda name, **options: None)
    agents = tuple(name for name in SKILL if name.startswith("fake"))
    board = Board(tmp_path / "board")
    board.add(Grid(agents=agents, keep_ratios=(0.1, 0.3, 0.5), epochs=10))
    for name, options in board.runs().items():
        path = board.result_path(name)
        if options.agent == "fake_level" and options.keep_ratio == 0.5 and options.seed == 3:
            path = board.failure_path(name)
            content = {"options": vars(options), "error": "RuntimeError: made up <script>"}
        elif options.agent == "fake_loser" and options.keep_ratio == 0.3 and options.seed > 1:
            continue
        else:
            content = made_up_result(options)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        assert run_id(options) == name
    return board.folder


@pytest.fixture
def write_data(tmp_path):
    """Writes 60 images of 8 x 8 pixels in two classes; the labels are the same for any shade."""

    def write(name="data.npz", shade=0):
        rng = np.random.default_rng(0)
        labels = np.arange(60) % 2
        images = (rng.integers(0, 200, (60, 8, 8, 1)) + shade).astype(np.uint8)
        halves = {"train": slice(0, 40), "test": slice(40, 60)}
        arrays = {f"{n}_images": images[s] for n, s in halves.items()}
        np.savez(tmp_path / name, **arrays, **{f"{n}_labels": labels[s] for n, s in halves.items()})
        return str(tmp_path / name)

    return write
