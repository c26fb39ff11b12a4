"""Agents with options on a board: `--agents ucb:c=0.5 ucb:c=2`."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path

import prune_agents
import pytest
from prune_bench.board.board import Board
from prune_bench.board.grid import Grid
from prune_bench.commands.main import main
from prune_bench.run.episode import run
from prune_bench.run.options import RunOptions
from prune_bench.run.pairs import split_agent
from prune_bench.run.run_id import run_id
from prune_bench.standings.build import read_standings
from prune_bench.studies.branch import BranchOptions
from prune_bench.studies.inspect import InspectOptions, inspect

from prune_env.files import write_json

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


@pytest.mark.parametrize(
    ("text", "agent", "options"),
    [
        ("ucb", "ucb", {}),
        ("ucb:c=0.5", "ucb", {"c": 0.5}),
        ("ucb:c=2,alpha=0.9", "ucb", {"c": 2, "alpha": 0.9}),
        ("ucb:c=.5,d=Trues", "ucb", {"c": 0.5, "d": "Trues"}),
        ("mine:a=True,b=None,c=inf", "mine", {"a": True, "b": None, "c": inf}),
        ("my.agents:Mine", "my.agents:Mine", {}),
        ("my.agents:Mine:depth=3,name=a=b", "my.agents:Mine", {"depth": 3, "name": "a=b"}),
        ("agents/zoo/mine", "agents/zoo/mine", {}),
        ("C:/zoo/a=b", "C:/zoo/a=b", {}),
        (
            'meta_bandit:policies=["ucb", "rs2"], c=1',
            "meta_bandit",
            {"policies": ["ucb", "rs2"], "c": 1},
        ),
    ],
)
def test_options_follow_a_name(text, agent, options):
    assert split_agent(text) == (agent, options)
    run = RunOptions(agent=text)
    assert (run.agent, run.agent_options) == (agent, options)
    assert run_id(run) == run_id(RunOptions(agent=agent, agent_options=options))


def test_a_run_of_an_agent_by_its_path_is_no_option_to_a_shell():
    assert run_id(RunOptions(agent="./zoo/my_ppo")).startswith("zoo-my_ppo-k0.3-s0-")


@pytest.mark.parametrize("folder", ["cifar10-cpu", "digits-policies"])
def test_committed_runs_keep_their_names(folder):
    paths = sorted((RESULTS / folder / "runs").glob("*.json"))
    for path in paths:
        options = RunOptions(**json.loads(path.read_text(encoding="utf-8"))["options"])
        assert options.label == options.agent
        if prune_agents.revision(options.agent, options.agent_options) == 1:
            assert run_id(options) == path.stem
    assert len(paths) > 200


def test_a_sweep_is_a_row_for_each_value(tmp_path, make_result):
    board = Board(tmp_path)
    board.add(Grid(agents=("ucb:c=0.5", "ucb:c=2", "ucb"), keep_ratios=(0.5,), seeds=2, epochs=4))
    runs = board.runs()
    options = {json.dumps(run.agent_options) for run in runs.values() if run.agent == "ucb"}
    assert options == {'{"c": 0.5}', '{"c": 2}', "{}"}
    for name, run_ in runs.items():
        write_json(board.result_path(name), make_result(run_))
    [comparison] = read_standings(tmp_path).comparisons
    agents = {row.agent: len(row.runs) for row in comparison.rows}
    assert {"ucb": 2, "ucb c=0.5": 2, "ucb c=2": 2}.items() <= agents.items()


def test_a_run_has_its_options():
    result = run(RunOptions(env="prune_env/Synthetic-v0", agent="ucb:c=0.25", epochs=1))
    assert result["options"]["agent"] == "ucb"
    assert result["agent_options"]["c"] == 0.25


def test_policies_with_options_are_inspected_side_by_side():
    watched = inspect(InspectOptions(agents=("ucb:c=0", "ucb:c=9"), epochs=6))
    assert [one.agent for one in watched] == ["ucb c=0", "ucb c=9"]
    assert (watched[0].kept[-1] != watched[1].kept[-1]).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--agent", "ucb:d=1"], "unknown option of agent 'ucb' 'd'"),
        (["run", "--agent", "ucb:keep_ratio=1"], "keep_ratio is an option of the run"),
        (["run", "--agent-options", "seed=1"], "seed is an option of the run"),
        (["run", "--agent", "ucb:c=1", "--agent-options", "c=2"], "both give c"),
        (["run", "--agent-options", "name=x"], "unknown option of agent 'ucb' 'name'"),
        (["board", "--agents", "ucb:c=high", "--out", "never"], "c is 'high'; expected float"),
    ],
)
def test_bad_options_are_refused(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Grid(agents="ucb"), "agents is 'ucb'; expected a list of str"),
        (lambda: Grid(agents=["ucb", 1]), r"agents is \('ucb', 1\); expected a list of str"),
        (lambda: Grid(keep_ratios=0.3), "keep_ratios is 0.3; expected a list of float"),
        (lambda: InspectOptions(agents="ucb"), "agents is 'ucb'; expected a list of str"),
        (lambda: BranchOptions(choices="ucb"), "choices is 'ucb'; expected a list of str"),
        (lambda: BranchOptions(by=("los",)), "expected a list of 'loss' or 'class' or 'kind'"),
        (lambda: RunOptions(epochs="3"), "epochs is '3'; expected int"),
        (lambda: prune_agents.make("meta_bandit", policies="ucb"), "policies is 'ucb'; expected a"),
    ],
)
def test_a_text_is_no_list_of_letters(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_list_is_as_good_as_a_tuple():
    assert Grid(agents=["ucb"]) == Grid(agents=("ucb",))
    assert InspectOptions(agents=["ucb"]).agents == ("ucb",)
