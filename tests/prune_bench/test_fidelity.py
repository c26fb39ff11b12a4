"""Comparing the order of agents on a rung with that on a board."""

import json

import numpy as np
import pytest
from prune_bench import fidelity


def write_board(folder, accuracies, keep_ratio=0.3, epochs=3):
    (folder / "runs").mkdir()
    for agent, values in accuracies.items():
        options = {"agent": agent, "keep_ratio": keep_ratio, "epochs": epochs, "agent_options": {}}
        for seed, value in enumerate(values):
            result = {"options": options, "test_accuracy": {"last": value}}
            (folder / "runs" / f"{agent}-{seed}.json").write_text(json.dumps(result))


def arrays(**accuracies):
    return {name: np.array(values) for name, values in accuracies.items()}


def test_tau_of_orders():
    real = arrays(a=[0.1], b=[0.2], c=[0.3], d=[0.4])
    assert fidelity.tau(real, real) == pytest.approx(1)
    assert fidelity.tau(real, {name: -value for name, value in real.items()}) == pytest.approx(-1)
    # one of the six pairs is the other way round
    assert fidelity.tau(real, arrays(a=[0.1], b=[0.2], c=[0.4], d=[0.3])) == pytest.approx(4 / 6)


def test_the_interval_holds_what_runs_leave_open():
    real = arrays(a=[0.1, 0.1], b=[0.2, 0.2], c=[0.3, 0.3])
    rung = arrays(a=[0.1, 0.1], b=[0.2, 0.6], c=[0.39, 0.39])
    rng = np.random.default_rng(0)
    assert fidelity.interval(real, real, 100, rng) == pytest.approx((1, 1))
    assert fidelity.interval(real, rung, 100, rng) == pytest.approx((1 / 3, 1))


def test_a_board_is_read_and_its_agents_run_on_every_rung(tmp_path, monkeypatch, capsys):
    write_board(tmp_path, {"uncertainty": [0.9, 0.8], "full_short": [0.6], "static_random": [0.5]})
    replay = ("prune_env/Replay-v0", {"trace": "digits"})
    monkeypatch.setattr(fidelity, "RUNGS", {"replay": replay})
    out = tmp_path / "out.json"
    fidelity.main(fidelity.Options(board=tmp_path, runs=2, resamples=20, out=out))
    result = json.loads(out.read_text())
    assert result["means"]["board"]["uncertainty"] == pytest.approx(0.85)
    assert result["means"]["replay"].keys() == {"uncertainty", "full_short", "static_random"}
    assert -1 <= result["tau"]["replay"]["low"] <= result["tau"]["replay"]["high"] <= 1
    assert "Kendall" in capsys.readouterr().out


def test_a_board_with_too_little(tmp_path):
    write_board(tmp_path, {"ucb": [0.5], "full": [0.6]})
    with pytest.raises(ValueError, match=r"has 2 agents at keep ratio 0\.3"):
        fidelity.read_board(tmp_path, 0.3)
