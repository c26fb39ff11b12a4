"""Comparing the order of agents on a rung with that on a board."""

import json
from pathlib import Path

import numpy as np
import prune_agents
import pytest
from prune_bench.commands.main import main
from prune_bench.run.options import RunOptions
from prune_bench.run.run_id import run_id
from prune_bench.studies import fidelity

from prune_env.files import write_json


@pytest.fixture
def write_board(make_result):
    """The function that makes up a board whose runs end with these accuracies."""

    def write(folder, accuracies, keep_ratio=0.3, epochs=3):
        for agent, values in accuracies.items():
            for seed, value in enumerate(values):
                options = RunOptions(
                    env="a/b", agent=agent, keep_ratio=keep_ratio, epochs=epochs, seed=seed
                )
                result = make_result(options) | {"test_accuracy": {"last": value, "best": value}}
                write_json(folder / "runs" / f"{run_id(options)}.json", result)

    return write


def test_tau_of_orders():
    real = dict(a=[0.1], b=[0.2], c=[0.3], d=[0.4])
    assert fidelity.tau(real, real) == pytest.approx(1)
    assert fidelity.tau(
        real, {name: [-values[0]] for name, values in real.items()}
    ) == pytest.approx(-1)
    # one of the six pairs is the other way round
    assert fidelity.tau(real, dict(a=[0.1], b=[0.2], c=[0.4], d=[0.3])) == pytest.approx(4 / 6)


def test_the_interval_holds_what_runs_and_agents_leave_open():
    """The two that may change places are the only ones that are drawn in 6 of 27 cases."""
    real = dict(a=[0.1, 0.1], b=[0.2, 0.2], c=[0.3, 0.3])
    rung = dict(a=[0.1, 0.1], b=[0.2, 0.6], c=[0.39, 0.39])
    rng = np.random.default_rng(0)
    assert fidelity.interval(real, real, 100, rng) == pytest.approx((1, 1))
    assert fidelity.interval(real, rung, 500, rng) == pytest.approx((-1, 1))


def test_with_the_same_runs_in_every_order_agents_alone_make_an_interval():
    """Of ten agents with one run each, two of which are the other way round, tau is 43 / 45."""
    real = {f"a{i}": [0.1 * i] for i in range(10)}
    rung = real | {"a4": real["a5"], "a5": real["a4"]}
    assert fidelity.tau(real, rung) == pytest.approx(43 / 45)
    low, high = fidelity.interval(real, rung, 500, np.random.default_rng(0))
    assert 0.6 < low < 0.9
    assert high == pytest.approx(1)


@pytest.fixture
def only_replay(monkeypatch):
    """One rung, which takes no time."""
    monkeypatch.setattr(fidelity, "RUNGS", {"replay": ("prune_env/Replay-v0", {"trace": "digits"})})


def compare(folder, *arguments):
    main(["fidelity", "--board", str(folder), "--runs", "2", "--resamples", "20", *arguments])


def test_a_board_is_read_and_its_agents_run_on_every_rung(
    write_board, tmp_path, only_replay, capsys
):
    write_board(tmp_path, {"uncertainty": [0.9, 0.8], "full_short": [0.6], "static_random": [0.5]})
    out = tmp_path / "out.json"
    compare(tmp_path, "--out", str(out))
    result = json.loads(out.read_text())
    assert result["settings"] | {"rungs": None} == {
        "board": tmp_path.name,
        "keep_ratio": 0.3,
        "epochs": 3,
        "runs": 2,
        "seed": 0,
        "rungs": None,
    }
    assert result["accuracies"]["board"]["uncertainty"] == [0.9, 0.8]
    assert result["accuracies"]["replay"].keys() == {"uncertainty", "full_short", "static_random"}
    assert all(len(values) == 2 for values in result["accuracies"]["replay"].values())
    assert -1 <= result["tau"]["replay"]["low"] <= result["tau"]["replay"]["high"] <= 1
    shown = capsys.readouterr().out
    for text in ("keep 0.3, 3 rounds", "uncertainty", "85.0", "Kendall's tau", "95 % interval"):
        assert text in shown


def test_what_is_in_the_file_is_not_run_again(tmp_path, only_replay, monkeypatch, write_board):
    board = {"uncertainty": [0.9], "full_short": [0.6], "static_random": [0.5]}
    write_board(tmp_path, board)
    out = tmp_path / "out.json"
    compare(tmp_path, "--out", str(out))
    before = json.loads(out.read_text())
    ran = []
    monkeypatch.setattr(fidelity, "run_on_rung", lambda name, *_: ran.append(name) or [0.1, 0.2])
    compare(tmp_path, "--out", str(out))
    assert ran == []
    assert json.loads(out.read_text()) == before
    write_board(tmp_path, board | {"rs2": [0.55]})
    compare(tmp_path, "--out", str(out))
    assert ran == ["rs2"]
    assert json.loads(out.read_text())["accuracies"]["replay"]["rs2"] == [0.1, 0.2]


def test_a_policy_that_was_mended_since_is_run_again(
    tmp_path, only_replay, monkeypatch, write_board
):
    write_board(tmp_path, {"uncertainty": [0.9], "full_short": [0.6], "static_random": [0.5]})
    out = tmp_path / "out.json"
    compare(tmp_path, "--out", str(out))
    ran = []
    monkeypatch.setattr(fidelity, "run_on_rung", lambda name, *_: ran.append(name) or [0.1, 0.2])
    monkeypatch.setattr(prune_agents, "revision", lambda name: 1 + (name == "uncertainty"))
    write_board(tmp_path, {"uncertainty": [0.8]})  # under its new name
    compare(tmp_path, "--out", str(out))
    assert ran == ["uncertainty"]
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["versions"] == {"uncertainty": "revision 2"}
    assert result["accuracies"]["board"]["uncertainty"] == [0.8]  # its old runs do not count


def test_an_agent_that_a_rung_cannot_run_is_left_out(tmp_path, only_replay, capsys, write_board):
    board = {"uncertainty": [0.9], "full_short": [0.6], "static_random": [0.5], "grand": [0.7]}
    write_board(tmp_path, board)
    compare(tmp_path, "--out", str(tmp_path / "out.json"))
    result = json.loads((tmp_path / "out.json").read_text())
    assert "ReplayLearner cannot" in result["left_out"]["replay"]["grand"]
    assert result["accuracies"]["replay"].keys() == board.keys() - {"grand"}
    assert "left out: grand:" in " ".join(capsys.readouterr().out.split())


def test_fewer_than_three_agents_have_no_order():
    real = {"a": [0.1], "b": [0.2], "c": [0.3]}
    rng = np.random.default_rng(0)
    assert fidelity.fidelity(real, {"a": [0.1], "b": [0.2]}, 10, rng) is None
    assert fidelity.fidelity(real, real | {"d": [0.0]}, 10, rng) == {"tau": 1, "low": 1, "high": 1}


def test_agents_with_prior_runs_are_run(tmp_path):
    options = fidelity.FidelityOptions(board=tmp_path, runs=1)
    rung = ("prune_env/Replay-v0", {"trace": "digits"})
    assert 0 < fidelity.run_on_rung("el2n", options, 2, rung)[0] < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep-ratio", "0.5"], "has 0 agents at keep ratio 0.5, with no runs"),
        (["--board", "nowhere"], "nowhere does not exist; expected the folder of a board"),
        (["--runs", "0"], "runs is 0; allowed is a whole number from 1"),
        (["--seed", "1"], "out.json has a comparison with other settings"),
        (["--out", "half.json"], "half.json is not what this command wrote: it has no accuracies"),
    ],
)
def test_bad_input_ends_with_one_clear_error(
    tmp_path, capsys, monkeypatch, arguments, message, write_board
):
    monkeypatch.chdir(tmp_path)
    write_json(Path("half.json"), {"settings": {}})
    write_board(tmp_path, {"ucb": [0.5], "rs2": [0.6], "full_short": [0.4]})
    accuracies = {name: {} for name in fidelity.RUNGS}
    write_json(tmp_path / "out.json", {"settings": {}, "accuracies": accuracies})
    with pytest.raises(SystemExit) as end:
        compare(tmp_path, "--out", str(tmp_path / "out.json"), *arguments)
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.replace("\n", "").split())


def test_a_board_with_too_little_or_too_much(tmp_path, write_board):
    write_board(tmp_path, {"ucb": [0.5], "full": [0.6]})
    with pytest.raises(ValueError, match=r"has 2 agents at keep ratio 0\.3, with a/b, 3 epochs"):
        fidelity.read_board(tmp_path, 0.3)
    write_board(tmp_path, {"rs2": [0.5]}, epochs=4)
    with pytest.raises(ValueError, match=r"a/b, 3 epochs; a/b, 4 epochs"):
        fidelity.read_board(tmp_path, 0.3)
