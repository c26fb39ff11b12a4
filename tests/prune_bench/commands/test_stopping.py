"""Ctrl-C before a command has begun its work: no traceback, and nothing is said that is not so."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import tyro
from prune_bench.commands import board, main

INTERRUPTED = """
import os, signal, sys

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "prune_bench.commands.main":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
signal.signal(signal.SIGINT, signal.default_int_handler)
from prune_bench.__main__ import main
main()
"""


def test_while_it_is_imported_it_ends_as_any_program_does():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def interrupt(*args, **kwargs):
    signal.raise_signal(signal.SIGINT)


def stopped(capsys, *words):
    """What the command says."""
    with pytest.raises(SystemExit) as stop:
        main.main([*words])
    assert stop.value.code == 128 + signal.SIGINT
    return capsys.readouterr().err


def test_while_options_are_read_it_is_no_mistake_in_them(capsys, monkeypatch):
    monkeypatch.setattr(tyro, "cli", interrupt)
    assert stopped(capsys, "run") == "prune-env: stopped\n"


def test_a_run_goes_on_from_a_checkpoint_only_if_it_is_one_of_this_run(
    capsys, monkeypatch, tmp_path
):
    """Before the file was read it may be damaged, or of another run, and would be refused."""
    file, words = tmp_path / "run.pt", ["run", "--limit", "100", "--epochs", "2", "--threads", "1"]
    file.write_bytes(b"no checkpoint")
    words += ["--checkpoint", str(file)]
    monkeypatch.setattr("prune_bench.run.checkpoint.load", interrupt)
    assert stopped(capsys, *words).endswith("prune-env: stopped; nothing had begun\n")
    file.unlink()
    monkeypatch.setattr("prune_bench.run.episode.Episode.step", interrupt)
    assert stopped(capsys, *words).endswith(f"the same command goes on from {file}\n")


@pytest.mark.parametrize("command", ["board", "regimes"])
def test_before_a_folder_is_there_nothing_goes_on(command, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(board.Board, "main", interrupt)
    monkeypatch.setattr("prune_bench.studies.regimes.Map", interrupt)
    agents = ["--agents", "ucb"] if command == "board" else []
    assert stopped(capsys, command, *agents) == "prune-env: stopped; nothing had begun\n"
    out = tmp_path / command
    out.mkdir()
    (out / "board.yaml").write_text("grids: []\npins: {}\n", encoding="utf-8")
    said = "prune-env: stopped; the same command goes on where it was\n"
    assert stopped(capsys, command, *agents) == said
