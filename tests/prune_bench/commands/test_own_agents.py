"""Agents of one's own on the command line: they run, or one line says what to do."""

import json
import sys
from pathlib import Path

import pytest
from prune_bench.board.grid import Grid
from prune_bench.commands.main import main
from prune_bench.run.options import RunOptions
from prune_bench.run.run_id import run_id

MODULE = """
import numpy as np
from dataclasses import dataclass, field
import prune_agents
from prune_env.core.selection import best_k

class Bare:
    def predict(self, observation, state=None):
        count = np.zeros(1) if state is None else state["count"] + 1
        return (observation["loss"] >= np.median(observation["loss"])).tolist(), {"count": count}

class Counts(Bare):
    def predict(self, observation, state=None):
        return super().predict(observation)[0], {"count": 1}

class Numbers(Bare):
    def predict(self, observation, state=None):
        return np.argsort(observation["loss"])[-5:], None

bare = Bare()

@prune_agents.register("oldest_first")
@dataclass(frozen=True, kw_only=True)
class OldestFirst(prune_agents.Agent):
    signals = ("age",)
    table: object = field(default_factory=lambda: np.zeros(3))

    def choose(self, state, observation, k, rng):
        return best_k(observation["age"], k, rng)
"""

RUN = ["--env", "prune_env:prune_env/Synthetic-v0", "--epochs", "3", "--keep-ratio", "0.5"]


@pytest.fixture(autouse=True)
def my_module(tmp_path, monkeypatch):
    (tmp_path / "agents_of_mine.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    from prune_agents import registry

    registry.names()  # those of this package stay when the test is over
    monkeypatch.setattr(registry, "_REGISTERED", dict(registry._REGISTERED))
    yield
    sys.modules.pop("agents_of_mine", None)


@pytest.mark.parametrize("agent", ["Bare", "bare", "OldestFirst", "oldest_first"])
def test_an_agent_of_ones_own_runs(agent, capsys):
    main(["run", "--agent", f"agents_of_mine:{agent}", *RUN, "--json"])
    result = json.loads(capsys.readouterr().out)
    arms = result["num_arms"]
    assert [row["kept"] >= arms / 2 for row in result["history"]] == [True] * 3
    assert result["options"]["env"] == "prune_env/Synthetic-v0"
    options = {"keep_ratio": 0.5, "period": 1, "full_rounds": 0, "seed": 0, "table": "ndarray"}
    assert result["agent_options"] == (options if "ld" in agent else {})


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        ("Counts", "the state of Counts has 'count', which is int 1; allowed is None or a plain"),
        ("Numbers", "if these are the numbers of the arms to keep, answer mask ="),
        ("Nobody", "unknown agent in agents_of_mine 'Nobody'"),
    ],
)
def test_one_that_cannot_be_run_is_answered_in_one_line(agent, message, capsys):
    with pytest.raises(SystemExit) as end:
        main(["run", "--agent", f"agents_of_mine:{agent}", *RUN, "--json"])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_it_is_on_a_board_beside_everyone_else(capsys):
    """In another process, which is told the module by the agent's name."""
    agents = ["agents_of_mine:bare", "agents_of_mine:oldest_first"]
    main(["board", "--agents", *agents, *RUN[:4], "--keep-ratios", "0.5", "--seeds", "1"])
    kept = {}
    for path in Path("board/runs").glob("*.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        kept[result["options"]["agent"]] = result["options"]["keep_ratio"]
    assert kept["agents_of_mine:bare"] == 1.0  # it reads no keep ratio
    assert kept["agents_of_mine:oldest_first"] == 0.5


def test_an_id_has_one_name_with_and_without_its_module():
    """Else the same run would be done twice, under two names."""
    with_module, without = (
        Grid(env=(f"{module}prune_env/Digits-v0",)) for module in ("prune_env:", "")
    )
    assert with_module == without
    assert run_id(RunOptions(env="prune_env:prune_env/Digits-v0")) == run_id(RunOptions())
