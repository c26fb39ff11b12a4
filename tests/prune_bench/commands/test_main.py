"""The command prune-env, as a user types it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import prune_agents
import pytest
import torch
from prune_agents.policies import GROUPS
from prune_bench.commands.main import COMMANDS, main, parse_command
from prune_bench.standings.model import PHASES

from prune_env import notices


def run(*arguments):
    main(["run", "--limit", "300", "--threads", "1", *arguments])


def test_json_is_one_object(capsys):
    run("--agent", "ucb", "--keep-ratio", "0.5", "--epochs", "2", "--seed", "7", "--json")
    result = json.loads(capsys.readouterr().out)
    assert result["options"]["agent"] == "ucb"
    assert result["options"]["seed"] == 7
    assert result["agent_options"] == {
        "keep_ratio": 0.5,
        "period": 1,
        "full_rounds": 0,
        "seed": 7,
        "alpha": 0.8,
        "c": 1.0,
    }
    assert [row["round"] for row in result["history"]] == [1, 2]
    assert [row["kept"] for row in result["history"]] == [135, 135]  # half of 300 less a tenth
    parts = {"train": 810, "refresh": 0, "evaluate": 0, "prior": 0}  # the last one is free
    assert result["passes"] == {"charged": 810, **parts}
    assert set(result["seconds"]) == set(PHASES)
    for split in ("val_accuracy", "test_accuracy"):
        assert 0 <= result[split]["last"] <= result[split]["best"] <= 1
    assert result["place"]["device"] == "cpu"
    assert result["place"]["versions"]["torch"]


def test_tiny_images_are_trained_on_one_thread(capsys):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        main(["run", "--limit", "300", "--epochs", "1", "--json"])
    finally:
        torch.set_num_threads(before)
    assert json.loads(capsys.readouterr().out)["place"]["threads"] == 1


def test_one_seed_one_result(capsys):
    results = []
    for _ in range(2):
        run("--agent", "epsilon_greedy", "--epochs", "2", "--json")
        result = json.loads(capsys.readouterr().out)
        times = ("seconds", "cpu_seconds", "seconds_evaluate", "cpu_seconds_evaluate")
        history = [{k: v for k, v in row.items() if k not in times} for row in result["history"]]
        results.append((history, result["test_accuracy"], result["kept"]))
    assert results[0] == results[1]


def test_full_short_costs_what_the_others_cost(capsys):
    run("--agent", "full_short", "--keep-ratio", "0.3", "--epochs", "5", "--json")
    result = json.loads(capsys.readouterr().out)
    assert [row["kept"] for row in result["history"]] == [270, 135]
    assert result["passes"]["charged"] == 3 * 270 * 1.5


def test_the_terminal_shows_rounds_and_a_summary(capsys):
    run("--epochs", "2")
    out = capsys.readouterr().out
    for word in ("val accuracy", "81 (30%)", "test accuracy", "30.0%", "seed     0"):
        assert word in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--feedback", "full"), "% for losses of what is not kept"),
        (("--agent", "el2n"), "% for the run before"),
        (("--agent", "dvrl"), "% for the validation that the agent reads"),
        ((), None),
    ],
)
def test_the_summary_says_what_was_paid_beside_training(words, said, capsys):
    run("--epochs", "2", *words)
    line = re.search(r"^with +\d+\.\d(.*)$", capsys.readouterr().out, re.MULTILINE)
    assert (line and line[1]) == said


def test_without_a_validation_split_nothing_is_said_of_one(capsys):
    run("--epochs", "2", "--env-kwargs", "num_validation=0")
    out = capsys.readouterr().out
    assert "90 (30%)" in out  # of all 300
    assert "test accuracy" in out
    assert "val" not in out.replace("evaluat", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--agent", "dvrl", "--env-kwargs", "num_validation=0"],
            "signals has val_loss, and num_validation is 0: there is no validation split",
        ),
        (["--agent", "tests"], "unknown agent 'tests'; the folder tests holds none; "),
        (["--agent", "ucbb"], "unknown agent 'ucbb' (did you mean ucb"),
        (["--agent", "no_such_module:Agent"], "cannot import agent"),
        (
            ["--env", "prune_env/Digit-v0"],
            "'prune_env/Digit-v0' (did you mean prune_env/Digits-v0",
        ),
        (["--keep-ratio", "1.5"], "keep_ratio is 1.5; allowed is 0 < keep_ratio <= 1"),
        (["--keep-ratio", "0"], "keep_ratio is 0.0"),
        (["--keep-ratio", "nan"], "keep_ratio is nan"),
        (["--agent-options", "d=1"], "unknown option of agent 'ucb' 'd'; allowed are"),
        (["--agent-options", "c=high"], "c is 'high'; expected float"),
        (
            ["--env", "Digits-v0"],
            "environment 'Digits-v0' (did you mean prune_env/Digits-v0",
        ),
        (["--env", "prune_env/Digits-Rules-v0"], "run agents on prune_env/Digits-v0"),
        (["--env", "prune_env/Synthetic-v0"], "Synthetic-v0 reads no data; leave out --limit"),
        (["--env", "CartPole-v1"], "CartPole-v1 is no environment of arms, or takes other options"),
        (["ucb"], "nothing takes 'ucb'; options come with their names, as in --agent ucb;"),
        (["--lr", "0.1"], "a recipe has --recipe peak_lr=... or --recipe final_lr=... or"),
        (["--batch-size", "8"], "a recipe has --recipe batch_size=...; `prune-env run"),
        (["--agnt", "ucb"], "unknown option '--agnt' (did you mean --agent"),
        (["--recipe", "peak_lr=nan"], "recipe peak_lr is nan; allowed is 0 or more"),
        (["--recipe", "peak_lr=high"], "recipe peak_lr is 'high'; expected float"),
        (
            ["--recipe", "momentun=1"],
            "unknown field of the recipe 'momentun' (did you mean momentum?",
        ),
        (["--network", "resnt18"], "unknown network 'resnt18' (did you mean resnet18"),
        (["--epochs", "0"], "epochs is 0"),
        (["--threads", "0"], "threads is 0; allowed is 1 <= threads <= 1024"),
        (["--device", "cuda:99"], "'cuda:99' is not there; this machine has"),
        (["--env", "prune_env/CIFAR10-v0", "--data", "nowhere"], "nowhere does not exist"),
    ],
)
def test_bad_input_ends_with_one_clear_error(capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    assert end.value.code == 2
    printed = capsys.readouterr()
    assert message in " ".join(printed.err.split())
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep-ratio", "1.5"], "keep_ratio is 1.5; allowed is 0 < keep_ratio <= 1"),
        (["--keep-ratio", "nan"], "keep_ratio is nan"),
        (["--seed", "-1"], "seed is -1; allowed is 0 or more"),
        (["--limit", "0"], "limit is 0; allowed is 1 or more"),
        (["--image-size", "0"], "image_size is 0; allowed is 1 or more"),
        (["--label-noise", "1"], "label_noise is 1.0; allowed is 0 <= label_noise < 1"),
        (["--evaluate-every", "0"], "evaluate_every is 0; allowed is 1 or more"),
    ],
)
def test_an_option_out_of_its_range_is_told_before_anything_is_loaded(arguments, message):
    with pytest.raises(ValueError, match=message):
        parse_command(["run", *arguments])


@pytest.mark.parametrize("content", ["empty", "text"])
def test_a_folder_that_is_no_dataset(capsys, tmp_path, content):
    if content == "text":
        (tmp_path / "notes.txt").write_text("no images here")
    with pytest.raises(SystemExit) as end:
        run("--env", "prune_env/CIFAR10-v0", "--data", str(tmp_path))
    assert end.value.code == 2
    assert "is not a dataset" in " ".join(capsys.readouterr().err.split())


def test_agents_and_envs_have_one_line_each(capsys):
    main(["agents", "controls"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "full            All data, every round; keep_ratio plays no part."
    main(["envs"])
    lines = capsys.readouterr().out.splitlines()
    assert "prune_env/CIFAR10-v0    CIFAR-10, 32x32 photos of 10 classes" in lines


@pytest.mark.parametrize("width", [80, 60, 40])
def test_the_list_of_agents_fits_a_terminal(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    main(["agents"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24 * 80 / width
    assert max(map(len, lines)) <= width
    words = " ".join(lines).replace(",", "").split()
    order = [words.index(name) for name in ("controls", "dynamic", "bandits", "static", "learned")]
    assert order == sorted(order)
    assert {*prune_agents.names()} <= {*words}


def test_the_groups_are_those_of_the_page_about_policies():
    page = (Path(__file__).parents[3] / "docs" / "policies.md").read_text(encoding="utf-8")
    sections = page.partition("## Not here")[0].split("\n## ")[1:]
    rows = [[line.split("|") for line in section.splitlines()] for section in sections]
    here = [re.findall(r"`(\w+)`", " ".join(r[3] for r in row if len(r) > 4)) for row in rows]
    assert here == [list(names) for names in GROUPS.values()]


def test_an_agent_is_explained_with_its_options(capsys):
    main(["agents", "ucb"])
    out = capsys.readouterr().out
    assert out.startswith("The seed paper's upper confidence bound")
    assert "It reads loss." in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "c weight of the variance; in [0, inf); by default 1.0" in lines
    assert any(line.startswith("keep_ratio share") for line in lines)  # of its base
    main(["agents", "infobatch"])
    assert "it plays no part here" in capsys.readouterr().out


def test_an_agent_of_ones_own_is_explained(capsys, tmp_path, monkeypatch):
    (tmp_path / "my_own.py").write_text(
        'class Mine:\n    "Keeps *all* [arms]."\n'
        "    def __init__(self, depth=3): ...\n    def predict(self): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    main(["agents", "my_own:Mine"])
    out = capsys.readouterr().out
    assert "Keeps *all* [arms]." in out
    assert "depth  by default 3" in out.splitlines()


def test_an_unknown_agent_cannot_be_explained(capsys):
    with pytest.raises(SystemExit) as end:
        main(["agents", "ubc"])
    assert end.value.code == 2
    assert "agent 'ubc' (did you mean ucb" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(SystemExit):
        main(["agents", "bandit"])
    assert "unknown group or agent 'bandit' (did you mean bandits" in capsys.readouterr().err


def test_the_data_can_be_named_by_a_variable(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PRUNE_ENV_DATA", str(tmp_path / "missing"))
    with pytest.raises(SystemExit):
        run("--env", "prune_env/CIFAR10-v0")
    assert "missing does not exist" in " ".join(capsys.readouterr().err.split())


def test_the_real_cifar10(capsys, cifar10_path):
    run(
        *("--env", "prune_env/CIFAR10-v0", "--data", str(cifar10_path)),
        *("--epochs", "1", "--keep-ratio", "0.1", "--json"),
    )
    result = json.loads(capsys.readouterr().out)
    assert result["num_arms"] == 270
    assert result["history"][0]["kept"] == 27


def test_help_needs_nothing_heavy():
    environment = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    code = "from prune_bench.commands.main import main; main(['--help'])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert all(f"\n{name} " in done.stdout for name in COMMANDS)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"tyro", "prune_bench.commands.main"} <= imported
    heavy = {"torch", "torchvision", "stable_baselines3", "sklearn", "matplotlib", "scipy"}
    assert not imported & (heavy | {"pandas", "pyarrow", "PIL", "altair", "ray"})


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("run --agnt ucb", "unknown option '--agnt' (did you mean --agent?); "),
        ("run --agent_option c=1", "unknown option '--agent_option' (did you mean --agent-options"),
        ("verify no.zip", "no.zip: No such file or directory\n"),
        ("bord", "unknown command 'bord' (did you mean board?); allowed are run, "),
        ("run --epochs x", "--epochs is 'x'; expected int or None; `prune-env run --help`"),
        ("run --seed x", "--seed is 'x'; expected int; "),
        ("run --imbalance x", "--imbalance is 'x'; expected float; "),
        ("run --evaluate-every x", "--evaluate-every is 'x'; expected int or 'auto'; "),
        ("board --keep-ratios 0.1 1.5", "keep_ratio is 1.5; allowed is 0 < keep_ratio <= 1"),
        ("board --keep-ratios 0.1 x", "--keep-ratios is '0.1 x'; expected a list of float; "),
        (
            "run --threads 0",
            "threads is 0; allowed is 1 <= threads <= 1024; `prune-env run --help` explains",
        ),
        ("agents a b", "nothing takes 'b'; `prune-env agents --help` explains them"),
        ("report", "PATH is missing: folder of the board; `prune-env report --help` explains"),
        ("board --out typo", "typo is no board: there is no typo/board.yaml; `prune-env board` "),
        ("report bord", "bord is no board: there is no bord/board.yaml (did you mean board?); "),
    ],
)
def test_a_mistake_is_one_line_and_makes_nothing(arguments, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "report bord" in arguments:
        (tmp_path / "board").mkdir()
        (tmp_path / "board" / "board.yaml").write_text("grids: []", encoding="utf-8")
    before = list(tmp_path.iterdir())
    with pytest.raises(SystemExit) as end:
        main(arguments.split())
    assert end.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"prune-env: {line}")
    assert printed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == before


@pytest.mark.parametrize("words", [["--json"], []])
def test_a_run_that_diverges_is_no_success(capsys, words):
    with pytest.raises(SystemExit) as end:
        run("--epochs", "2", "--recipe", "peak_lr=1e30", *words)
    assert end.value.code == 1
    out = capsys.readouterr().out
    assert json.loads(out)["diverged"] if words else "the run diverged" in out


def test_regret_is_shown_where_the_environment_tells_it(capsys):
    main(["run", "--env", "prune_env/Synthetic-v0", "--epochs", "2", "--json"])
    told = [f"{row['regret']:.3g}" for row in json.loads(capsys.readouterr().out)["history"]]
    main(["run", "--env", "prune_env/Synthetic-v0", "--epochs", "2"])
    _, *lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[-2] == "regret"
    assert [line.split()[-2] for line in lines[1:3]] == told
    assert f"regret   {told[-1]}" in lines


def test_a_path_with_markup_is_shown_as_it_is(capsys):
    with pytest.raises(SystemExit):
        run("--env", "prune_env/CIFAR10-v0", "--data", "a[/b]:smile:\x1b[31m")
    err = capsys.readouterr().err
    assert r"a[/b]:smile:\x1b[31m does not exist" in err
    assert "\x1b" not in err


@pytest.mark.parametrize("folder", ["runs", "failed"])
def test_a_board_with_a_broken_file_is_refused_before_any_work(tmp_path, capsys, folder):
    path = tmp_path / folder / "odd.json"
    path.parent.mkdir()
    path.write_text('{"schema": 1}', encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        main(["board", "--seeds", "1", "--out", str(tmp_path)])
    assert end.value.code == 2
    kind = {"runs": "a result", "failed": "the failure of a run"}[folder]
    assert capsys.readouterr().err == f"prune-env: {path} is not {kind}: it has no options\n"
    assert [file.name for file in tmp_path.iterdir()] == [folder]


def test_a_notice_is_a_line_of_the_command(monkeypatch):
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    notices.as_lines()
    told = (notices.Notice("the disk is full"), notices.Notice, "a.py", 7)
    assert warnings.formatwarning(*told) == "prune-env: the disk is full\n"
    other = (UserWarning("old"), UserWarning, "a.py", 7, "")
    assert warnings.formatwarning(*other) == "a.py:7: UserWarning: old\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "there is not enough memory"), ("Unable to allocate 9 TiB", "Unable to allocate 9 TiB")],
)
def test_no_memory_is_a_line_and_no_traceback(capsys, monkeypatch, text, said):
    monkeypatch.setattr(
        "prune_bench.run.episode.make_env", lambda *_: (_ for _ in ()).throw(MemoryError(text))
    )
    with pytest.raises(SystemExit) as end:
        run("--agent", "ucb")
    assert end.value.code == 2
    assert capsys.readouterr().err == f"prune-env: {said}\n"


def test_an_error_in_code_of_ones_own_says_where(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "places.py").write_text(
        "from prune_agents import Agent\nimport numpy as np\n\n"
        "class Mine(Agent):\n"
        "    def scores(self, state, observation, rng):\n"
        "        return observation['seen'] @ np.ones((3, 4))\n"
    )
    with pytest.raises(SystemExit):
        main(["run", "--env", "prune_env/Synthetic-v0", "--agent", "places:Mine", "--epochs", "2"])
    assert capsys.readouterr().err.endswith("is different from 1000) (places.py, line 6)\n")
