"""The examples work as they stand."""

from __future__ import annotations

import difflib
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_by_hand_what_ucb_keeps_teaches_more_than_one_random_choice():
    run = runpy.run_path(str(EXAMPLES / "by_hand.py"))["run"]
    scores = {name: [run(name, seed) for seed in range(3)] for name in ("ucb", "static_random")}
    assert min(scores["ucb"]) > max(scores["static_random"]) > 0.9


def test_a_training_finds_the_labels_that_are_wrong_and_gains_without_them():
    noisy, cleaned, at_random = runpy.run_path(str(EXAMPLES / "clean_labels.py"))["compare"](
        0
    ).values()
    assert cleaned > max(noisy, at_random) + 0.02


def test_six_lines_prune_an_ordinary_script():
    plain, pruned = (
        (EXAMPLES / f"cifar_{name}.py").read_text(encoding="utf-8").splitlines()
        for name in ("plain", "pruned")
    )
    assert plain[3] == pruned[3] == '"""'
    plain, pruned = plain[4:], pruned[4:]
    changed = [line[2:] for line in difflib.ndiff(plain, pruned) if line.startswith("+ ")]
    assert len([line for line in changed if line]) <= 6
    assert len(plain) < 100


@pytest.mark.parametrize("name", ["plain", "pruned"])
def test_the_scripts_train_on_real_images(name, cifar10_path, monkeypatch, capsys):
    size = ["--limit", "256", "--epochs", "2", "--width", "8", "--workers", "0"]
    monkeypatch.setattr(sys, "argv", ["script", "--data", str(cifar10_path), *size])
    script = runpy.run_path(str(EXAMPLES / f"cifar_{name}.py"))
    shown = capsys.readouterr().out
    assert shown.count("test accuracy") == 2
    if name == "pruned":
        assert "2 epochs of 256 samples: 30.1% of them trained on, 30.1% of the passes" in shown
        pulls = script["pruned"].columns()["pulls"]
        assert (pulls.sum(), pulls.max()) == (2 * 77, 1)  # none twice before all were seen


def test_lightning_trains_on_real_images(cifar10_path, tmp_path, monkeypatch, capsys):
    pytest.importorskip("lightning", reason="pip install prune_env[lightning]")
    size = ["--limit", "256", "--epochs", "2", "--width", "8", "--workers", "0"]
    monkeypatch.setattr(sys, "argv", ["script", "--data", str(cifar10_path), *size])
    monkeypatch.chdir(tmp_path)
    script = runpy.run_path(str(EXAMPLES / "cifar_lightning.py"))
    shown = capsys.readouterr().out
    assert "2 epochs of 256 samples: 30.1% of them trained on, 30.1% of the passes" in shown
    assert "ucb: test accuracy" in shown
    assert script["trainer"].global_step == 2  # 77 images are one batch
    assert script["trainer"].optimizers[0].param_groups[0]["lr"] == 0
    assert script["pruned"].columns()["pulls"].sum() == 2 * 77


@pytest.mark.parametrize("name", ["cifar_lightning", "ag_news_trainer"])
def test_every_file_of_a_split_is_read(name, cifar10_path, tmp_path, monkeypatch):
    """Whole data sets on the hub lie in several."""
    pytest.importorskip("lightning" if name == "cifar_lightning" else "transformers")
    parquet = pytest.importorskip("pyarrow.parquet")
    real = cifar10_path if name == "cifar_lightning" else cifar10_path.parent / "ag_news"
    if not real.is_dir():
        pytest.skip(f"no {real}")
    for split, rows in (("train", 40), ("test", 20)):
        table = parquet.read_table(next(real.glob(f"{split}-*.parquet")))
        for number in range(2):
            part = table.slice(number * rows, rows)
            parquet.write_table(part, tmp_path / f"{split}-0000{number}-of-00002.parquet")
    size = ["--epochs", "1", "--width", "8", "--agent", "full"]
    size += ["--workers", "0"] if name == "cifar_lightning" else ["--output", str(tmp_path / "o")]
    monkeypatch.setattr(sys, "argv", ["script", "--data", str(tmp_path), *size])
    monkeypatch.chdir(tmp_path)  # Lightning writes checkpoints to where it is
    script = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    splits = ("trainset", "testset") if name == "cifar_lightning" else ("train", "test")
    assert [len(script[split]) for split in splits] == [80, 40]


def ag_news(cifar10_path, monkeypatch, tmp_path, *options):
    pytest.importorskip("transformers", reason="pip install prune_env[transformers]")
    data = cifar10_path.parent / "ag_news"
    if not data.is_dir():
        pytest.skip("no AG News beside CIFAR-10")
    size = ["--output", str(tmp_path / "run"), *options]
    monkeypatch.setattr(sys, "argv", ["script", "--data", str(data), *size])
    return runpy.run_path(str(EXAMPLES / "ag_news_trainer.py"))


def test_a_transformer_trains_on_news(cifar10_path, tmp_path, monkeypatch, capsys):
    size = ["--limit", "200", "--width", "16", "--epochs", "2"]
    whole = ag_news(cifar10_path, monkeypatch, tmp_path, *size)
    assert "2 epochs of 200 samples: 30.0% of them trained on, 30.0%" in capsys.readouterr().out
    assert whole["trainer"].state.global_step == 4
    assert whole["trainer"].optimizer.param_groups[0]["lr"] == 0
    assert whole["pruned"].columns()["pulls"].sum() == 120
    texts = whole["train"]["text"]  # a run that goes on in another process has the same tokens
    first, second = (whole["tokenizer_of"](texts).get_vocab() for _ in range(2))
    assert first == second


@pytest.mark.slow
def test_a_transformer_learns_all_the_news(cifar10_path, tmp_path, monkeypatch, capsys):
    """Guessing gives 25 %."""
    script = ag_news(cifar10_path, monkeypatch, tmp_path, "--epochs", "5")
    shown = capsys.readouterr().out
    assert "5 epochs of 6,000 samples: 30.0% of them trained on, 30.0% of the passes" in shown
    assert script["accuracy"] > 0.7


def test_shards_are_arms(tmp_path, capsys):
    run = runpy.run_path(str(EXAMPLES / "shards.py"))["run"]
    accuracy, pulls = run("ucb", tmp_path)
    assert accuracy > 0.85
    assert (len(pulls), pulls.sum()) == (70, 20 * 28)
    assert pulls.max() > pulls.min() + 3  # by loss, not by turns
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "20 epochs of 70 samples: 40.0% of them trained on, 40.0% of the passes"


def test_a_policy_of_ones_own_keeps_what_waited_and_learns():
    example = runpy.run_path(str(EXAMPLES / "own_policy.py"))
    policy = example["LongestWait"](keep_ratio=0.5, patience=1.0)
    arms = {"loss": np.array([[2, 1, 0.5, 0]]), "age": np.array([[0, 0, 0, 3]])}
    assert policy.scores({}, arms, None).tolist() == [[2, 1, 0.5, 3]]
    assert example["accuracy_of"](example["LongestWait"]()) > 0.95
