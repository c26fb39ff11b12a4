"""torchrun: several processes make one run, and one of them writes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import command_on_ranks
import numpy as np
import pytest
from on_ranks import on_ranks
from prune_bench.commands.main import main
from prune_bench.run.options import RunOptions
from prune_bench.run.result import Result
from prune_bench.run.run_id import run_id

WORDS = ["run", "--agent", "infobatch", "--limit", "150", "--epochs", "3", "--json"]
WORDS += ["--device", "cpu", "--threads", "1"]


def result_of(output: str) -> dict:
    return json.loads(output)


@pytest.fixture
def alone(capsys) -> dict:
    main(WORDS)
    return result_of(capsys.readouterr().out)


def assert_alike(found: dict, expected: dict) -> None:
    for mine, one in zip(found["history"], expected["history"], strict=True):
        times = {name for name in one if "seconds" in name}
        assert {n: mine[n] for n in mine.keys() - times} == pytest.approx(
            {n: one[n] for n in one.keys() - times}, abs=1e-5
        )
    assert found["passes"] == expected["passes"]
    assert found["kept"]["arms_by_pulls"] == expected["kept"]["arms_by_pulls"]


def test_two_make_the_run_of_one_and_write_it_once(alone, tmp_path):
    network, scores = tmp_path / "network.pt", tmp_path / "scores.csv"
    words = [*WORDS, "--save", str(network), "--scores", str(scores)]
    first, second = on_ranks(command_on_ranks.command, 2, words, group=False)
    assert first[0] == 0
    assert first[2] == "prune-env: limit=150 cuts the test split of digits too: 150 of 360 images\n"
    assert second == (0, "", "")
    found = result_of(first[1])
    assert_alike(found, alone)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["network.pt", "scores.csv"]
    with open(scores, encoding="utf-8") as file:
        pulls = np.array([int(row["pulls"]) for row in csv.DictReader(file)])
    assert np.bincount(pulls).tolist() == alone["kept"]["arms_by_pulls"]
    assert found["place"]["processes"] == 2
    names = [run_id(RunOptions(), Result(each).provenance) for each in (alone, found)]
    assert names[0] == run_id(RunOptions()) != names[1]


def test_one_dies_and_the_run_goes_on(alone, tmp_path):
    kept = tmp_path / "run.pt"
    words = [*WORDS, "--checkpoint", str(kept)]
    died = on_ranks(command_on_ranks.command, 2, words, 2, group=False)
    assert died[1] is None
    assert isinstance(died[0], RuntimeError)
    assert command_on_ranks.rounds_in(kept) == 2
    first, _ = on_ranks(command_on_ranks.command, 2, words, group=False)
    assert_alike(result_of(first[1]), alone)
    assert not kept.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--env", "prune_env/Synthetic-v0"], "trains no network that several processes"),
        (["run", "--device", "cuda:1"], "device is 'cuda:1'; with several processes allowed are"),
        (["run", "--priors", "here"], "priors is 'here'; with several processes allowed is none"),
        (
            ["board", "--agents", "ucb"],
            "torchrun is for prune-env run; boards have --jobs",
        ),
    ],
)
def test_what_several_cannot_do_is_said(words, said):
    for status, _, err in on_ranks(command_on_ranks.command, 2, words, group=False):
        assert status == 2
        assert said in " ".join(err.split())


@pytest.mark.slow
def test_torchrun_itself(alone):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command = [*torchrun, "--standalone", "-m", "prune_bench", *WORDS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert_alike(result_of(done.stdout), alone)
