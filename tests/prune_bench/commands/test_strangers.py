"""A folder from a stranger runs no code: what it names is not imported, wherever it lies."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from prune_bench.board.board import Board
from prune_bench.commands.main import main
from prune_bench.run.options import RunOptions
from prune_bench.run.run_id import run_id
from prune_bench.run.sources import agent_source, env_source
from prune_bench.standings.build import read_standings
from prune_bench.studies import fidelity

HOSTILE = """
import pathlib
pathlib.Path(__file__).with_name("CODE-RAN").touch()
from dataclasses import dataclass
import prune_agents

@dataclass(frozen=True, kw_only=True)
class Mine(prune_agents.find("random_dynamic")):
    "Random."
"""
ZOO = Path(__file__).parents[3] / "agents" / "zoo"
AGENT, ENV, REWARD = "hostile_module:Mine", "hostile_module:hostile/Env-v0", "timm:reward"
NETWORK, OPTIMIZER = "hostile_module:make", "hostile_module:adamw"


@pytest.fixture
def stranger(tmp_path, monkeypatch, make_result):
    """The working directory: a board whose every file names code, and that code beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("hostile_module", "timm", "ray", "tensorboard"):
        Path(f"{name}.py").write_text(HOSTILE, encoding="utf-8")
    grids = [
        {"agents": [AGENT, "no_such_module:Agent"], "seeds": 1, "epochs": 1, "limit": 100},
        {"env": [ENV], "agents": [AGENT], "seeds": 1, "epochs": 1},
        {"seeds": 1, "epochs": 1, "env_kwargs": {"reward": REWARD}},
        {"seeds": 1, "epochs": 1, "network": NETWORK, "recipe": {"optimizer": OPTIMIZER}},
    ]
    pins = {"sources": {"no_such_module:Agent": "0"}}
    Path("board.yaml").write_text(yaml.safe_dump({"grids": grids, "pins": pins}), encoding="utf-8")
    for folder in ("runs", "failed"):
        Path(folder).mkdir()
    for agent in (AGENT, "ucb", "full_short", "static_random"):
        options = RunOptions(env=ENV, agent=agent, keep_ratio=0.3, epochs=2)
        text = json.dumps(make_result(options))
        Path("runs", f"{run_id(options)}.json").write_text(text, encoding="utf-8")
    failure = {"options": asdict(RunOptions(env=ENV, agent="hostile_module:Other")), "error": "x"}
    Path("failed", "hostile.json").write_text(json.dumps(failure), encoding="utf-8")
    yield tmp_path
    assert "hostile_module" not in sys.modules or Path("CODE-RAN").exists()
    sys.modules.pop("hostile_module", None)


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([*arguments])
    assert end.value.code == 2
    return " ".join(capsys.readouterr().err.split())


def test_a_report_imports_nothing(stranger, capsys):
    main(["report", "."])
    assert (stranger / "report.html").exists()
    assert not (stranger / "CODE-RAN").exists()
    assert str(stranger) not in sys.path


def test_standings_without_a_board_import_nothing(stranger):
    (stranger / "board.yaml").unlink()
    standings = read_standings(stranger)
    assert AGENT in [row.agent for row in standings.comparisons[0].rows]
    assert not (stranger / "CODE-RAN").exists()


@pytest.mark.parametrize(
    "agent",
    [
        f"class_quota:policy={AGENT}",
        f"pods:policy={AGENT}",
        f'meta_bandit:policies=["ucb", "{AGENT}"]',
    ],
)
def test_an_option_of_an_agent_imports_nothing(stranger, capsys, monkeypatch, agent):
    """Not even where the module could be found."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(stranger)])
    text = yaml.safe_dump({"grids": [{"agents": [agent], "seeds": 1, "epochs": 1}]})
    (stranger / "board.yaml").write_text(text, encoding="utf-8")
    error = refused(capsys, "board", "--out", ".")
    assert f"is '{AGENT}'; inside another agent allowed are the names that" in error
    main(["report", "."])
    assert not (stranger / "CODE-RAN").exists()


def test_a_board_to_be_finished_imports_nothing_unasked(stranger, capsys):
    before = (stranger / "board.yaml").read_text(encoding="utf-8")
    error = refused(capsys, "board", "--out", ".")
    assert "board.yaml names code that is imported only where it is typed" in error
    for name in (AGENT, ENV, REWARD, NETWORK, OPTIMIZER):
        assert name in error
    assert "--trust" in error
    assert not (stranger / "CODE-RAN").exists()
    assert (stranger / "board.yaml").read_text(encoding="utf-8") == before
    assert not list(stranger.glob("runs/full-*"))


@pytest.mark.parametrize("words", [["--seeds", "2"], ["--agents", "ucb", "--network", "mlp"], []])
def test_what_is_not_typed_comes_from_the_folder_and_imports_nothing(stranger, capsys, words):
    """The first grid of the folder stands in for it, and names code."""
    before = Path("board.yaml").read_bytes()
    with pytest.raises(SystemExit) as caught:
        main(["board", "--out", ".", *words])
    assert caught.value.code == 2
    assert "--trust" in capsys.readouterr().err
    assert str(stranger) not in sys.path
    assert "" not in sys.path
    assert Path("board.yaml").read_bytes() == before


def test_a_name_that_was_typed_does_not_trust_the_others(stranger, capsys):
    (stranger / "mine.py").write_text(HOSTILE.replace("CODE-RAN", "MINE"), encoding="utf-8")
    words = ["--agents", "mine:Mine", "--seeds", "1", "--limit", "100", "--out", "."]
    assert AGENT in refused(capsys, "board", *words)
    assert not (stranger / "CODE-RAN").exists()


def test_a_finished_board_imports_nothing(stranger, capsys, make_result, monkeypatch):
    monkeypatch.setattr(
        "prune_bench.report.page.write_report", lambda folder, standings: {}
    )  # see above
    (stranger / "board.yaml").write_text(
        yaml.safe_dump({"grids": [{"agents": [AGENT], "seeds": 1, "epochs": 2}]}), encoding="utf-8"
    )
    source = agent_source(AGENT)
    text = (stranger / "board.yaml").read_text(encoding="utf-8")
    (stranger / "board.yaml").write_text(text + f"pins:\n  sources: {{{AGENT}: '{source}'}}\n")
    board = Board(stranger)
    for name, options in board.runs().items():
        result = make_result(options) | {"sources": {options.agent: source}}
        if options.agent != AGENT:
            del result["sources"]
        board.result_path(name).write_text(json.dumps(result), encoding="utf-8")
    main(["board", "--out", "."])
    assert "report: file://" in capsys.readouterr().out
    assert not (stranger / "CODE-RAN").exists()
    # what has changed since is noticed all the same, by reading it
    (stranger / "hostile_module.py").write_text(HOSTILE + "# changed", encoding="utf-8")
    agent_source.cache_clear()
    assert "--trust" in refused(capsys, "board", "--out", ".")
    assert not (stranger / "CODE-RAN").exists()


@pytest.mark.parametrize("words", [[], ["--data", "here"]])
def test_a_finished_board_does_not_make_its_environments(
    stranger, capsys, make_result, monkeypatch, words
):
    """Not even to see whether the data are the same."""
    monkeypatch.setattr("prune_bench.report.page.write_report", lambda folder, standings: {})
    monkeypatch.setenv("PRUNE_ENV_DATA", str(stranger))
    grids = [
        {"env": [ENV], "agents": [], "seeds": 1, "epochs": 2},
        {"agents": [], "seeds": 1, "epochs": 2, "env_kwargs": {"reward": REWARD}},
    ]
    sources = {name: env_source(name) for name in (ENV, REWARD)}
    text = yaml.safe_dump({"grids": grids, "pins": {"sources": sources}})
    (stranger / "board.yaml").write_text(text, encoding="utf-8")
    board = Board(stranger)
    for name, options in board.runs().items():
        result = make_result(options) | {"sources": sources}
        board.result_path(name).write_text(json.dumps(result), encoding="utf-8")
    main(["board", "--out", ".", *words])
    assert "report: file://" in capsys.readouterr().out
    assert not (stranger / "CODE-RAN").exists()


def test_trust_imports_it(stranger, monkeypatch):
    monkeypatch.setattr("prune_bench.report.page.write_report", lambda folder, standings: {})
    monkeypatch.setattr("prune_bench.board.engines.work_off", lambda board, submit, tick: None)
    grid = {"agents": [AGENT], "keep_ratios": [0.5], "seeds": 1, "epochs": 1, "limit": 60}
    (stranger / "board.yaml").write_text(yaml.safe_dump({"grids": [grid]}), encoding="utf-8")
    main(["board", "--out", ".", "--trust"])
    assert (stranger / "CODE-RAN").exists()
    assert agent_source(AGENT) in (stranger / "board.yaml").read_text(encoding="utf-8")


def test_the_working_directory_is_no_place_to_import_from_unless_code_is_typed(stranger, capsys):
    words = ["run", "--epochs", "1", "--limit", "100", "--json", "--device", "cpu"]
    main([*words, "--agent", "ucb:c=0.5"])
    assert str(stranger) not in sys.path
    main([*words, "--agent", AGENT])
    assert str(stranger) in sys.path
    assert (stranger / "CODE-RAN").exists()


def test_fidelity_imports_nothing_unasked(stranger, monkeypatch):
    monkeypatch.setattr(fidelity, "RUNGS", {"replay": ("prune_env/Replay-v0", {"trace": "digits"})})
    main(["fidelity", "--boards", ".", "--runs", "1", "--resamples", "9", "--out", "fidelity.json"])
    found = json.loads((stranger / "fidelity.json").read_text(encoding="utf-8"))
    assert found["left_out"]["replay"] == {AGENT: "it is not of this project; --trust imports it"}
    assert found["runs"]["replay"]["keep 0.3, 2 rounds"].keys() == {
        "ucb",
        "full_short",
        "static_random",
    }
    assert not (stranger / "CODE-RAN").exists()
    assert str(stranger) not in sys.path


@pytest.mark.parametrize("kind", ["reward", "env"])
def test_a_preset_imports_nothing_unasked(stranger, capsys, kind):
    env = "hostile_module:prune_env/Synthetic-v0" if kind == "env" else "prune_env/Synthetic-v0"
    preset = {
        "env": env,
        "env_wrapper": [{"LinearScores": {}}, {"SummaryObservation": {}}],
        "env_kwargs": {"reward": REWARD} if kind == "reward" else {},
    }
    text = yaml.safe_dump({"prune_env/Synthetic-Scores-v0": preset})
    (stranger / "preset.yml").write_text(text, encoding="utf-8")
    words = ["--env", "prune_env/Synthetic-Scores-v0", "--preset", "preset.yml", "--out", "mine"]
    error = refused(capsys, "train", *words)
    assert "preset.yml names code that would be imported: " + (
        REWARD if kind == "reward" else env
    ) in (error)
    assert not (stranger / "CODE-RAN").exists()


@pytest.mark.parametrize("env", ["prune_env/Probe-v0", "hostile_module:prune_env/Probe-v0"])
def test_an_agent_in_a_strangers_folder_imports_nothing(stranger, env):
    shutil.copytree(ZOO / "ppo-probe", "theirs")
    preset = yaml.safe_load(Path("theirs/preset.yaml").read_text(encoding="utf-8"))
    preset |= {"env": env, "env_kwargs": {"reward": REWARD}}
    Path("theirs/preset.yaml").write_text(yaml.safe_dump(preset), encoding="utf-8")
    main(["run", "--agent", "theirs/", "--limit", "100", "--epochs", "1", "--json"])
    assert not (stranger / "CODE-RAN").exists()
    assert str(stranger) not in sys.path
