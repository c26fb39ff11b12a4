"""Names, files and checkpoints of runs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from prune_bench import checkpoint
from prune_bench.results import read_results, run_id, without_times
from prune_bench.runner import Episode, Place, RunOptions, run

from prune_env.files import write_json

OPTIONS = RunOptions(agent="ucb", epochs=4, limit=300, seed=3)


def test_a_name_is_what_determines_the_run():
    assert run_id(OPTIONS) == run_id(replace(OPTIONS))
    assert run_id(OPTIONS).startswith("ucb-k0.3-s3-")
    changes = [
        {"env": "prune_env/CIFAR10-v0"},
        {"agent": "ucb1"},
        {"keep_ratio": 0.31},
        {"epochs": 5},
        {"seed": 4},
        {"agent_options": {"c": 2.0}},
        {"network": "mlp"},
        {"recipe": {"peak_lr": 0.1}},
        {"feedback": "full"},
        {"refresh": 2},
        {"limit": 301},
        {"evaluate_every": 2},
        {"image_size": 16},
        {"skip_broken": True},
        {"env_kwargs": {"num_validation": 30}},
    ]
    assert {name for change in changes for name in change} == set(asdict(OPTIONS))
    names = {run_id(replace(OPTIONS, **change)) for change in changes}
    assert len(names | {run_id(OPTIONS)}) == len(changes) + 1


def test_the_name_does_not_change_from_one_version_to_the_next():
    """Or every board that exists would be done again. Raise SCHEMA where that is due."""
    assert run_id(OPTIONS) == "ucb-k0.3-s3-f2a958e4a0cb"


def test_an_import_path_makes_a_file_name():
    assert run_id(replace(OPTIONS, agent="../my.agents:Mine")).startswith("---my-agents-Mine-k0.3")


def test_a_result_names_its_own_run():
    options = json.loads(json.dumps(run(OPTIONS, Place(threads=1))))["options"]
    assert run_id(RunOptions(**options)) == run_id(OPTIONS)


def test_a_writer_that_is_killed_leaves_the_old_file(tmp_path):
    path = tmp_path / "runs" / "a.json"
    write_json(path, {"schema": 1, "old": True})
    code = (
        "import os, sys; from pathlib import Path; from prune_env.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('{'); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    assert list(read_results(tmp_path)) == [{"schema": 1, "old": True, "id": "a"}]
    assert len(list(path.parent.iterdir())) == 2  # and a temporary one that nobody reads


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"not JSON": object()})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ['{"schema": 0}', "{", "[]"])
def test_a_file_that_is_no_result_is_named(tmp_path, text):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "odd.json").write_text(text)
    with pytest.raises(ValueError, match=r"odd\.json"):
        list(read_results(tmp_path))


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    state = {
        "array": np.arange(6, dtype=np.float32).reshape(2, 3),
        "mask": np.array([True, False]),
        "zero-dimensional": np.array(7),
        "scalar": np.int64(5),
        "transposed": np.arange(6).reshape(2, 3).T,
        "tensor": torch.arange(3),
        "big": 2**127 + 1,
        "nested": [{"deep": (1, 2.5, None, "text", True)}],
    }
    checkpoint.save(tmp_path / "a.pt", state, {})
    loaded = checkpoint.load(tmp_path / "a.pt", {})
    assert list(loaded) == list(state)
    for name in ("array", "mask", "zero-dimensional", "transposed"):
        assert isinstance(loaded[name], np.ndarray)
        assert loaded[name].dtype == state[name].dtype
        assert loaded[name].shape == state[name].shape
        np.testing.assert_array_equal(loaded[name], state[name])
    assert isinstance(loaded["scalar"], np.int64)
    assert torch.equal(loaded["tensor"], state["tensor"])
    for name in ("scalar", "big", "nested"):
        assert loaded[name] == state[name]


@pytest.mark.parametrize("agent", ["ucb", "epsilon_greedy", "rs2", "static_random", "full_short"])
def test_a_run_goes_on_from_a_checkpoint_as_if_nothing_had_happened(tmp_path, agent):
    options, place = replace(OPTIONS, agent=agent), Place(threads=1)
    cut_off = Episode(options, place)
    cut_off.step()
    checkpoint.save(tmp_path / "a.pt", cut_off.state_dict(), {})
    cut_off.step()
    resumed = Episode(options, place)
    resumed.load_state_dict(checkpoint.load(tmp_path / "a.pt", {}))
    while not resumed.terminated:
        resumed.step()
    assert without_times(resumed.result()) == without_times(run(options, place))
