"""Names, files and checkpoints of runs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from prune_bench.board import presets
from prune_bench.board.grid import Grid
from prune_bench.board.pins import Pins
from prune_bench.run import checkpoint
from prune_bench.run.episode import Episode, run
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.provenance import Provenance
from prune_bench.run.result import Result, check_folder, read_result, read_results, without_times
from prune_bench.run.run_id import run_id
from prune_bench.standings.model import Setting

from prune_env.files import Damaged, write_json

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
        {"network": "small"},
        {"recipe": {"peak_lr": 0.1}},
        {"feedback": "full"},
        {"refresh": 2},
        {"limit": 301},
        {"evaluate_every": 2},
        {"image_size": 16},
        {"skip_broken": True},
        {"label_noise": 0.2},
        {"imbalance": 50.0},
        {"env_kwargs": {"num_validation": 30}},
    ]
    assert {name for change in changes for name in change} == set(asdict(OPTIONS))
    names = {run_id(replace(OPTIONS, **change)) for change in changes}
    assert len(names | {run_id(OPTIONS)}) == len(changes) + 1


@pytest.fixture(scope="module")
def unvalidated() -> dict:
    """A run without a validation split that evaluates every second round of three."""
    options = {"epochs": 3, "evaluate_every": 2, "env_kwargs": {"num_validation": 0}}
    return run(replace(OPTIONS, **options), Place(threads=1))


def test_without_validation_all_samples_are_arms_and_tests_are_as_before(unvalidated):
    validated = run(replace(OPTIONS, epochs=3, evaluate_every=2), Place(threads=1))
    assert (unvalidated["num_arms"], validated["num_arms"]) == (300, 270)
    for result, has in ((unvalidated, False), (validated, True)):
        assert ("val_accuracy" in result) is has
        assert [("val_loss" in row) for row in result["history"]] == [has] * 3
        assert [("test_accuracy" in row) for row in result["history"]] == [False, True, True]
        assert "evaluated" not in result["history"][0]


def test_a_result_without_validation_is_read(unvalidated, tmp_path):
    path = tmp_path / "runs" / "one.json"
    path.parent.mkdir()
    write_json(path, unvalidated)
    assert read_result(path).last == unvalidated["test_accuracy"]["last"]


def test_an_agent_that_reads_validation_is_refused_where_there_is_none():
    options = replace(OPTIONS, agent="dvrl", env_kwargs={"num_validation": 0})
    with pytest.raises(ValueError, match=r"signals has val_loss, and num_validation is 0"):
        run(options)


def test_the_name_does_not_change_from_one_version_to_the_next():
    """Or every board that exists would be done again. Raise SCHEMA where that is due."""
    assert run_id(replace(OPTIONS, evaluate_every=1)) == "ucb-k0.3-s3-f2a958e4a0cb"
    assert run_id(OPTIONS) == "ucb-k0.3-s3-adca0019f02a"


@pytest.mark.parametrize("board", ["cifar10-cpu", "digits-policies"])
def test_presets_that_name_their_network_have_the_runs_of_the_boards_that_did_not(board):
    folder = Path(__file__).parents[3] / "benchmarks" / "results" / board / "runs"
    named = {"cifar10-cpu": ["cifar10-cpu", "cifar10-policies"]}.get(board, [board])
    grids = [
        Grid(**{field: v for field, v in presets.read(name).items() if field != "jobs"})
        for name in named
    ]
    there = {path.stem for path in folder.glob("*.json")}
    bars = {path.stem for path in folder.glob("full_short-*")}  # some at what other agents cost
    named_runs = {run_id(options) for grid in grids for options in grid.runs()}
    assert len(there) > 200
    assert there - bars <= named_runs
    assert len(bars & named_runs) >= 5


def test_to_name_the_network_that_is_the_usual_one_is_to_leave_it_out():
    """On a CPU. On a GPU none is ResNet-18, so that there it would be another run."""
    none, small, other = (
        RunOptions(env="prune_env/CIFAR10-v0", network=network)
        for network in (None, "small", "resnet18")
    )
    assert run_id(none) == run_id(small) != run_id(other)
    gpu = Provenance(device="cuda")
    assert len({run_id(none, gpu), run_id(small, gpu), run_id(other, gpu), run_id(none)}) == 4
    settings = [Setting.of(vars(options)) for options in (none, small, other)]
    assert settings[0] == settings[1]
    assert settings[2].title == "CIFAR10, network resnet18"
    on_gpu = Setting.of(vars(small) | {"device": "cuda"})
    assert on_gpu.title == "CIFAR10, device cuda, network small"
    for where in (Provenance(data="0123456789ab"), Provenance(device="cuda")):
        assert run_id(none, where) != run_id(small, where)
    assert run_id(replace(small, image_size=8)) != run_id(replace(none, image_size=8))  # an MLP
    new = Provenance.of(vars(none), None, {}, 1, "cpu", "fp32", network="cpu90")
    assert new.network == "cpu90"  # the default now; what the first boards left open stays small
    assert run_id(none, new) == run_id(replace(none, network="cpu90")) != run_id(none)
    assert Setting.of(vars(none) | new.of_setting()).title == "CIFAR10, network cpu90"
    assert Provenance.of(vars(none), None, {}, 1, "cpu", "fp32", network="small").network is None
    mlp = RunOptions(env="prune_env:prune_env/Digits-v0", network="mlp")
    assert run_id(mlp) == run_id(replace(mlp, network=None))


def test_an_import_path_makes_a_file_name():
    assert run_id(replace(OPTIONS, agent="../my.agents:Mine")).startswith("my-agents-Mine-k0.3")


def test_a_result_names_its_own_run():
    options = json.loads(json.dumps(run(OPTIONS, Place(threads=1))))["options"]
    assert run_id(RunOptions(**options)) == run_id(OPTIONS)


def test_a_writer_that_is_killed_leaves_the_old_file(tmp_path, make_result):
    path = tmp_path / "runs" / "a.json"
    write_json(path, make_result(OPTIONS))
    code = (
        "import os, sys; from pathlib import Path; from prune_env.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('{'); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    assert [result.id for result in read_results(tmp_path)] == ["a"]
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


def _set(path, value):
    """A change of one entry; ... removes it."""

    def change(result):
        *parents, last = path
        for name in parents:
            result = result[name]
        if value is ...:
            del result[last]
        else:
            result[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set(["options"], ...), "it has no options"),
        (_set(["options", "agent"], 7), "agent is 7; expected a str"),
        (_set(["options", "keep_ratio"], 0), "keep_ratio is 0; allowed is (0, 1]"),
        (_set(["options", "epochs"], None), "epochs is None; allowed is [1, inf)"),
        (_set(["options", "colour"], "red"), "unexpected keyword argument 'colour'"),
        (_set(["num_arms"], 0), "num_arms is 0; allowed is [1, inf)"),
        (_set(["num_arms"], True), "num_arms is True; allowed is [1, inf)"),
        (_set(["history"], []), "history is empty"),
        (_set(["history"], {}), "history is {}; expected a list"),
        (_set(["history", 2], None), "history[2] is None; expected a dict"),
        (_set(["history", 2, "passes"], "many"), "passes is 'many'; allowed is [0, inf)"),
        (_set(["history", 0, "val_loss"], float("nan")), "val_loss is nan; allowed is (-inf, inf)"),
        (_set(["history", 3, "test_accuracy"], ...), "history ends without a test_accuracy"),
        (_set(["history", 3, "test_accuracy"], 2), "test_accuracy is 2; allowed is [0, 1]"),
        (_set(["test_accuracy", "last"], 93.0), "last is 93.0; allowed is [0, 1]"),
        (_set(["test_accuracy"], "93 %"), "test_accuracy is '93 %'; expected a dict"),
        (_set(["seconds", "train"], "1 h"), "train is '1 h'; allowed is [0, inf)"),
        (_set(["passes", "charged"], ...), "passes has no charged"),
        (_set(["kept", "arms_by_pulls"], []), "arms_by_pulls is empty"),
        (_set(["place"], None), "place is None; expected a dict"),
        (_set(["place", "cores"], "2"), "cores is '2'; allowed is [0, inf)"),
        (_set(["place", "python"], ...), "place has no python"),
        (_set(["place", "versions", "torch"], 2), "torch is 2; expected a str"),
        (_set(["passes", "train"], 0), "train is 0; allowed is [1, inf)"),
        (_set(["env_options", "signals"], [[]]), "signals[0] is []; expected a str"),
        (_set(["history", 0, "regret"], None), "regret is None; allowed is (-inf, inf)"),
        (_set(["trained"], {"network": 3}), "network is 3; expected a str"),
    ],
)
def test_a_half_right_result_is_refused_by_name(tmp_path, make_result, change, message):
    (tmp_path / "runs").mkdir()
    path = tmp_path / "runs" / "odd.json"
    result = make_result(OPTIONS)
    change(result)
    path.write_text(json.dumps(result), encoding="utf-8")
    with pytest.raises(Damaged) as refused:
        check_folder(tmp_path)
    assert str(refused.value).startswith(f"{path} is not a result: ")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("failure", "message"),
    [({}, "it has no options"), ({"error": 7}, "error is 7"), ({"options": []}, "options is []")],
)
def test_a_half_right_failure_is_refused_by_name(tmp_path, failure, message):
    whole = {"options": vars(OPTIONS), "error": "ValueError: no"} if failure else {}
    path = tmp_path / "failed" / "odd.json"
    write_json(path, whole | failure)
    with pytest.raises(Damaged) as refused:
        check_folder(tmp_path)
    assert str(refused.value).startswith(f"{path} is not the failure of a run: {message}")


def test_committed_results_have_the_shape():
    folders = Path(__file__).parents[3] / "benchmarks" / "results"
    for folder in folders.glob("*/"):
        for path in sorted(folder.glob("runs/*.json"))[::25]:
            assert read_result(path).content["schema"] == 1


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


def test_a_result_answers_what_it_cost_and_kept(make_result):
    content = make_result(replace(OPTIONS, keep_ratio=0.5, epochs=4))
    content["kept"] |= {"arms_by_pulls": [500, 0, 0, 0, 500], "pulls_by_class": [300] * 10}
    result = Result(content, "a")
    assert (result.num_arms, result.rounds, result.full_passes) == (1000, 4, 12_000)
    assert (result.charged, result.cost) == (6_000, 0.5)
    assert not result.pays_evaluation  # 400 passes of evaluation are not among the 6,000
    assert result.seconds("seconds")["train"] == 12.0
    assert result.charged_seconds == pytest.approx(12.0 + 4 * 0.02 + 4 * 0.08)
    assert result.kept_shares.tolist() == [0.5] * 4
    assert result.pulls_by("class").tolist() == [3.0] * 10
    assert (result.never_kept, result.is_one_subset, result.is_even) == (0.5, True, False)
    content["kept"]["arms_by_pulls"] = [500, 500]  # once in four rounds
    assert (Result(content, "a").is_one_subset, Result(content, "a").is_even) == (False, True)
    assert result.curve["passes"].tolist() == [0.125, 0.25, 0.375, 0.5]
    another_seed = Result({**content, "options": {**content["options"], "seed": 4}})
    assert another_seed.fingerprint != Result(content).fingerprint
    assert result.hardware == "Made-up processor <b>bold</b>; cores 2, threads of a run 1"


@pytest.mark.parametrize("pays", [False, True])
def test_costs_begin_with_the_prior_run_and_have_the_evaluations_that_are_paid(make_result, pays):
    """A round takes 3.4 s of the processor, 0.3 of them for evaluation; a prior run took 5."""
    content = make_result(replace(OPTIONS, keep_ratio=0.5, epochs=4))
    content["passes"] |= {"prior": 3_000, "charged": 9_400 if pays else 9_000}
    content["cpu_seconds"]["prior"] = 5.0
    result, rounds = Result(content), np.arange(1, 5)
    assert result.pays_evaluation == pays
    assert result.curve["passes"] == pytest.approx((3_000 + 1_500 * rounds) / 12_000)
    assert result.curve["seconds"] == pytest.approx(5 + (3.4 if pays else 3.1) * rounds)
    assert result.charged_seconds == pytest.approx(5 + 12 + 4 * 0.1 + 4 * 0.3 * pays)
    assert result.pace == pytest.approx(12 / 6_000)  # of the training alone


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (("place", "threads", 30_000), r"threads is 30000; allowed is \[1, 1024\]"),
        (("seconds", "train", -1.0), r"train is -1.0; allowed is \[0, inf\)"),
        (("cpu_seconds", "select", -0.5), r"select is -0.5; allowed is \[0, inf\)"),
        (("history", 0, "seconds", -1.0), r"seconds is -1.0; allowed is \[0, inf\)"),
        (("history", 0, "cpu_seconds_evaluate", -1.0), r"cpu_seconds_evaluate is -1.0; allowed"),
    ],
)
def test_numbers_that_no_run_has_are_refused(unvalidated, tmp_path, steps, said):
    content = part = json.loads(json.dumps(unvalidated))
    for step in steps[:-2]:
        part = part[step]
    part[steps[-2]] = steps[-1]
    write_json(tmp_path / "result.json", content)
    with pytest.raises(Damaged, match=said):
        read_result(tmp_path / "result.json")


def test_a_run_has_no_more_threads_than_any_machine_has_cores():
    with pytest.raises(ValueError, match="threads is 30000; allowed is 1 <= threads <= 1024"):
        Place(threads=30_000)
    with pytest.raises(ValueError, match="threads is 30000; allowed is 1 <= threads <= 1024"):
        Pins(threads=30_000)
