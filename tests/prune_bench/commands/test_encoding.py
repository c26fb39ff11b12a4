"""The command where the terminal and the locale know no UTF-8, with names that are not ASCII."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from prune_bench.report.terminal import Terminal, spell_out
from prune_bench.run.result import without_times

AGENT = '''
from prune_agents.policies.controls import RandomDynamic

class Größe(RandomDynamic):
    """Zufällig, 随机, −0.5 ± 1 …"""
'''

PLACES = {
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "cp1252": {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "LC_ALL": "C.UTF-8"},
    "ascii": {"PYTHONIOENCODING": "ascii", "LC_ALL": "C.UTF-8"},
    "UTF-8": {"PYTHONUTF8": "1"},
}
"""Environments of a process; `C` has ASCII for everything, the paths too."""


def prune_env(where, folder, *arguments):
    """What the command says in such a place, as bytes."""
    environment = os.environ | {"COLUMNS": "200"} | PLACES[where]
    environment.pop("PYTHONIOENCODING", None) if where in ("C", "UTF-8") else None
    command = [
        sys.executable,
        "-c",
        "from prune_bench.commands.main import main; main()",
        *arguments,
    ]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, timeout=120)
    assert b"Traceback" not in done.stderr
    return done


@pytest.fixture
def folder(tmp_path):
    """A folder whose name is not ASCII, with an agent whose name is not."""
    folder = tmp_path / "dätä 随"
    folder.mkdir()
    (folder / "mine.py").write_text(AGENT, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ("C", rb"Zuf\xe4llig, \u968f\u673a, -0.5 +- 1 ..."),
        ("ascii", rb"Zuf\xe4llig, \u968f\u673a, -0.5 +- 1 ..."),
        ("cp1252", "Zufällig, \\u968f\\u673a, -0.5 ± 1 …".encode("cp1252")),
        ("UTF-8", "Zufällig, 随机, −0.5 ± 1 …".encode()),
    ],
)
def test_what_an_encoding_lacks_is_spelled(where, shown, folder):
    done = prune_env(where, folder, "agents", "mine:Größe")
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


def test_a_board_is_the_same_in_every_locale(folder):
    out = folder / "Brett ü"
    words = ["board", "--env", "prune_env/Synthetic-v0", "--agents", "mine:Größe", "--seeds", "1"]
    words += ["--keep-ratios", "0.5", "--epochs", "1", "--out", str(out)]
    done = prune_env("C", folder, *words)
    assert done.returncode == 0, done.stderr
    assert rb"mine:Gr\xf6\xdfe" in done.stdout
    tables = (out / "board.md").read_text(encoding="utf-8")
    assert "mine:Größe" in tables
    again = prune_env("cp1252", folder, "board", "--out", str(out))  # finds all that is there
    assert again.returncode == 0, again.stderr
    assert "6 runs, 6 of them done" in again.stdout.decode("cp1252")
    assert "mine:Größe" in again.stdout.decode("cp1252")
    assert (out / "board.md").read_text(encoding="utf-8") == tables


def test_images_in_folders_that_are_not_ascii(folder):
    from PIL import Image

    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 2)):
        for label in ("Größe", "中文"):
            (folder / "bilder" / split / label).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 255, (8, 8, 3), np.uint8)
                Image.fromarray(pixels).save(folder / "bilder" / split / label / f"ü{number}.png")
    words = ["run", "--env", "prune_env/Images-v0", "--data", str(folder / "bilder"), "--json"]
    results = [
        json.loads(prune_env(where, folder, *words, "--epochs", "1").stdout)
        for where in ("C", "cp1252")
    ]
    assert results[0]["num_arms"] == 11
    assert without_times(results[0]) == without_times(results[1])


def test_an_error_names_the_path(folder):
    done = prune_env("ascii", folder, "run", "--data", "dätä", "--env", "prune_env/Images-v0")
    assert done.returncode == 2
    assert rb"d\xe4t\xe4 does not exist" in done.stderr


def test_a_terminal_is_told_before_it_writes(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", stream)
    spell_out()
    Terminal(width=80).print("−1 ± 2 … 中")
    stream.flush()
    assert stream.buffer.getvalue().decode("cp1252") == "-1 ± 2 … \\u4e2d\n"
