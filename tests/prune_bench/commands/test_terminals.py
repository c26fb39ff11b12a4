"""What the command writes to a pipe, to a terminal, and to one that wants no colours."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from importlib.metadata import version

import pytest

from prune_env import __version__

COMMAND = [sys.executable, "-m", "prune_bench"]
RUN = ("run", "--limit", "100", "--epochs", "1", "--threads", "1")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")
CURSOR = re.compile(r"\x1b\[[\d;?]*[A-KSThl]")


def environment(**more):
    without = ("NO_COLOR", "FORCE_COLOR", "PRUNE_ENV_LOG", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    usual = {name: value for name, value in os.environ.items() if name not in without}
    return usual | {"TERM": "xterm-256color", "COLUMNS": "100"} | more


def in_a_pipe(*words, **more):
    return subprocess.run(
        [*COMMAND, *words], env=environment(**more), capture_output=True, text=True, timeout=120
    )


def in_a_terminal(*words, **more):
    """All that is written to a terminal, its escape sequences too."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *words], env=environment(**more), stdout=theirs, stderr=theirs, stdin=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 1 << 16):
            shown += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait(timeout=120) in (0, 2)
    return shown.decode()


def test_the_version_is_one_line_for_a_report_of_a_fault():
    done = in_a_pipe("--version")
    assert re.fullmatch(
        rf"prune-env {__version__}( \(\S+\))?, Python 3\.\d+\.\S+, gymnasium "
        rf"{re.escape(version('gymnasium'))}, torch \S+, numpy \S+, stable-baselines3 \S+\n",
        done.stdout,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_shell_completes_commands_and_options(tmp_path):
    script = tmp_path / "complete.sh"
    script.write_text(in_a_pipe("--tyro-print-completion", "bash").stdout, encoding="utf-8")
    ask = f"source {script}; complete -p prune-env"
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("complete")
    function = re.search(r"-F (\S+)", done.stdout)[1]
    for words, expected in (
        ("prune-env bo", ["board"]),
        ("prune-env run --feedback s", ["semi"]),
        ("prune-env run --ag", ["--agent", "--agent-options"]),  # their explanations have two lines
    ):
        typed = words.split()
        ask = (
            f"source {script}; COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; "
            f'{function} prune-env "{typed[-1]}" "{typed[-2]}"; echo "${{COMPREPLY[@]}}"'
        )
        done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, timeout=60)
        assert done.stdout.split() == expected


@pytest.mark.parametrize("words", [("agents",), ("--help",), ("agents", "ubc")])
def test_a_pipe_gets_text(words):
    done = in_a_pipe(*words)
    assert "\x1b" not in done.stdout + done.stderr
    assert len(done.stdout + done.stderr) > 30


def test_help_fits_80_columns():
    styled = in_a_terminal("--help", COLUMNS="80")
    assert "\x1b[1mrun\x1b[0m" in styled
    shown = re.sub(r"\x1b\[[\d;]*m", "", styled).splitlines()
    assert "run       Run one agent once, with a live progress display and a summary." in shown
    assert max(map(len, shown)) <= 80


def test_an_explanation_of_several_lines_is_one_paragraph():
    """Where the source breaks it is no matter: after `so`, here."""
    shown = re.sub(r"\x1b\[[\d;]*m", "", in_a_terminal("board", "--help", COLUMNS="80"))
    assert "change the last bits of what comes out, so all runs" in shown


def test_a_terminal_gets_colours():
    assert COLOUR.search(in_a_terminal("agents", "ubc"))


def test_a_mistake_is_shown_in_whole_words():
    shown = in_a_terminal("run", "--keep-ratio", "30%", "--agent", "ucb", COLUMNS="50")
    lines = re.sub(r"\x1b\[[\d;]*m", "", shown).splitlines()
    assert [line.rstrip() for line in lines] == [
        "prune-env: --keep-ratio is '30%'; expected float;",
        "`prune-env run --help` explains them",
    ]


def test_a_live_view_has_no_colours_either():
    shown = in_a_terminal(*RUN, NO_COLOR="1")
    assert CURSOR.search(shown)
    assert not COLOUR.search(shown)


@pytest.mark.parametrize("words", [("agents",), ("--help",), ("agents", "ubc")])
def test_no_color_is_respected(words):
    shown = in_a_terminal(*words, NO_COLOR="1")
    assert not COLOUR.search(shown)
    assert len(shown) > 30


def test_who_reads_may_stop_reading():
    process = subprocess.Popen(
        [*COMMAND, "agents", "ucb"], env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 141  # as of a process that SIGPIPE ended


def test_a_level_that_there_is_not_is_a_mistake():
    done = in_a_pipe("agents", PRUNE_ENV_LOG="loud")
    assert done.stderr == (
        "prune-env: unknown level in PRUNE_ENV_LOG 'loud'; allowed are debug, info, warning, "
        "error\n"
    )


@pytest.mark.parametrize("width", ["0", "5", "19"])
def test_a_width_in_which_nothing_fits_is_none(width):
    assert (
        in_a_pipe("agents", "ucb", COLUMNS=width).stdout
        == in_a_pipe("agents", "ucb", COLUMNS="").stdout
    )
    shown = in_a_pipe("run", "--help", COLUMNS=width)
    assert (shown.returncode, len(shown.stdout.splitlines()) > 30) == (0, True)


@pytest.mark.parametrize(
    ("words", "closed", "status"),
    [
        (("run", "--nosuch"), ">&-", 2),
        (("agents", "ucb"), "<&- >&- 2>&-", 0),
        ((*RUN, "--save", "network.pt"), "<&-", 0),
    ],
)
def test_a_shell_may_close_what_it_wants(words, closed, status, tmp_path):
    typed = f"{shlex.join([*COMMAND, *words])} {closed}"
    done = subprocess.run(
        ["sh", "-c", typed], env=environment(), cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == status
    assert len(done.stderr.splitlines()) <= 3
    assert "Traceback" not in done.stderr
