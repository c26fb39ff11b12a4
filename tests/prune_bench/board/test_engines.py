"""Boards that really run: failures, deaths, two boards over one folder, Ray."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pytest
import torch
from prune_bench.board import claims, engines
from prune_bench.board.board import Board
from prune_bench.board.grid import Grid
from prune_bench.board.pinning import hold
from prune_bench.board.work import do_run
from prune_bench.commands import main
from prune_bench.run.episode import run
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.result import read_results, without_times
from tally import count

from prune_env.files import write_json

AGENTS = '''
import os, signal, time
from dataclasses import dataclass
from pathlib import Path

import prune_agents

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class FirstArms(prune_agents.Agent):
    """The first arms of the table; leaves a line for each run that is begun."""

    def start(self, num_runs, num_arms):
        with open(HERE / "begun.txt", "a") as file:
            file.write(f"{self.keep_ratio} {self.seed}\\n")
        return {}

    def choose(self, state, observation, k, rng):
        chosen = observation["seen"] > 2
        chosen[:, :k] = True
        return chosen


class Fails(FirstArms):
    """Has no answer, unless there is a file `answer`."""

    def choose(self, state, observation, k, rng):
        if not (HERE / "answer").exists():
            raise RuntimeError("no <answer>")
        return super().choose(state, observation, k, rng)


class DiesOnce(FirstArms):
    """Takes its process with it in the third round, the first time."""

    def choose(self, state, observation, k, rng):
        if state["round"][0] == 2 and not (HERE / "died").exists():
            (HERE / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().choose(state, observation, k, rng)


class Waits(FirstArms):
    """Says that it is in its third round, and does not go on."""

    def choose(self, state, observation, k, rng):
        if state["round"][0] == 2:
            (HERE / "waits").touch()
            time.sleep(60)
        return super().choose(state, observation, k, rng)


def kill(options):
    os.kill(os.getpid(), signal.SIGKILL)


def show_threads(options):
    return os.environ["OMP_NUM_THREADS"]


def show_gpu(options):
    time.sleep(0.2)  # so that every process gets a run
    return os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")


def die_once(options):
    """As show_gpu, but the first run for seed 1 takes its process along."""
    died = HERE / "gpu_died"
    if options.seed == 1 and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return show_gpu(options)
'''

WITHOUT_REPORT = (
    "from prune_bench.commands import main; from prune_bench.report import page; "
    "page.write_report = lambda f, s: {}; main.main()"
)
SMALL = ("--limit", "300", "--epochs", "4", "--keep-ratios", "0.3", "--threads-per-job", "1")


@pytest.fixture
def own_agents(tmp_path, monkeypatch):
    """A folder with agents of one's own, in which a user types commands."""
    (tmp_path / "own_agents.py").write_text(AGENTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "prune_bench.report.page.write_report", lambda folder, standings: {}
    )  # takes its time
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("own_agents", None)


def bare(folder, agent, seed=0):
    """What `run` says of the run of a board in a folder."""
    board = Board(folder)
    (options,) = (o for o in board.runs().values() if o.agent == agent and o.seed == seed)
    expected = json.loads(json.dumps(run(options, Place(threads=1))))
    return board.name(options), without_times(expected)


@pytest.mark.xdist_group("board")
def test_what_fails_and_what_dies_harms_nothing_else(own_agents, capsys):
    board = ("board", *SMALL, "--seeds", "1", "--jobs", "2", "--out", "board")
    agents = ("--agents", "own_agents:Fails", "own_agents:DiesOnce")
    with pytest.raises(SystemExit) as end:
        main.main([*board, *agents, "--checkpoint-seconds", "0"])
    assert end.value.code == 1
    out = capsys.readouterr().out
    assert "own_agents:Fails keep 0.3 seed 0: FAILED, RuntimeError: no <answer>" in out
    assert "--retry-failed" in out

    folder = own_agents / "board"
    results = {result.id: result for result in read_results(folder)}
    assert [result.options["agent"] for result in results.values()] == [
        "full",
        "full_short",
        "own_agents:DiesOnce",
        "random_dynamic",
        "rs2",
        "static_random",
    ]
    (failure,) = (json.loads(path.read_text()) for path in (folder / "failed").iterdir())
    assert failure["options"]["agent"] == "own_agents:Fails"
    assert failure["error"] == "RuntimeError: no <answer>"
    assert "own_agents.py" in failure["traceback"]
    # The one that died went on where it was: its agent was begun once, with the same result.
    begun = (own_agents / "begun.txt").read_text().splitlines()
    assert begun == ["0.3 0"] * 2
    name, expected = bare(folder, "own_agents:DiesOnce")
    assert without_times(results[name].content) == expected
    assert list((folder / "work").iterdir()) == []

    # Failures stay until somebody asks.
    with pytest.raises(SystemExit):
        main.main(["board", "--out", "board"])
    capsys.readouterr()
    (own_agents / "answer").touch()
    main.main(["board", "--out", "board", "--retry-failed", "--trust"])
    out = capsys.readouterr().out
    assert "7 runs, 6 of them done" in out
    assert "7/7 own_agents:Fails keep 0.3 seed 0:" in out
    assert list((folder / "failed").iterdir()) == []


@pytest.mark.faults
@pytest.mark.xdist_group("board")
def test_two_boards_over_one_folder_do_nothing_twice(own_agents):
    command = (sys.executable, "-c", WITHOUT_REPORT, "board", *SMALL)
    agents = ("--agents", "own_agents:FirstArms", "--seeds", "4", "--out", "board")
    boards = [
        subprocess.Popen([*command, *agents], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    outs = [board.communicate(timeout=200)[0] for board in boards]
    assert [board.returncode for board in boards] == [0, 0]
    for out in outs:
        assert "24/24" in out  # each waits for the other's runs and shows the whole board
    begun = (own_agents / "begun.txt").read_text().splitlines()
    count("boards side by side over one folder", 2)
    count("runs lost by that, or done twice", abs(len(begun) - 4))
    assert sorted(begun) == ["0.3 0", "0.3 1", "0.3 2", "0.3 3"]
    assert len(list(read_results(own_agents / "board"))) == 24


def test_a_run_that_always_kills_its_process_fails_in_the_end(own_agents):
    from own_agents import kill

    board = Board(own_agents / "board")
    board.add(Grid(agents=(), keep_ratios=(0.3,), seeds=1))
    name = next(iter(board.runs()))
    for other in list(board.runs())[1:]:
        board.result_path(other).parent.mkdir(exist_ok=True)
        board.result_path(other).touch()
    with engines.processes(kill, jobs=1, threads=1) as submit:
        engines.work_off(board, submit, lambda pause: None)
    error = json.loads(board.failure_path(name).read_text())["error"]
    assert error.startswith("BrokenProcessPool, 3 times: ")


@pytest.mark.xdist_group("board")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_board_that_is_stopped_keeps_the_last_round_of_its_runs(own_agents, make_result, number):
    """As by a terminal, which sends the signal to all processes of the command."""
    board = Board(own_agents / "board")
    grid = Grid(agents=("own_agents:Waits",), keep_ratios=(0.3,), seeds=1, epochs=4, limit=300)
    hold(board, grid, Place(threads=1), None)
    *controls, name = board.runs()
    for control in controls:
        write_json(board.result_path(control), make_result(board.runs()[control]))
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_REPORT, "board", "--out", "board", "--trust"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # the tests may ignore it
    )
    deadline = time.monotonic() + 300
    while not (own_agents / "waits").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, number)
    out = process.communicate(timeout=300)[0]
    assert process.returncode == 128 + number
    assert out.splitlines()[-1] == "prune-env: stopped; the same command goes on where it was"
    content = torch.load(board.checkpoint_path(name), weights_only=True)
    assert len(content["state"]["history"]) == 2
    assert [path.name for path in board.work.iterdir()] == [f"{name}.pt"]


def test_threads_are_set_for_the_processes_and_nobody_else(own_agents, monkeypatch):
    from own_agents import show_threads

    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with engines.processes(show_threads, jobs=1, threads=3) as submit:
        assert submit(RunOptions()).result(timeout=60) == "3"
    assert os.environ["OMP_NUM_THREADS"] == "7"


BLOCKED = """
import signal
from functools import partial
from prune_bench.board import engines

if __name__ == "__main__":
    with engines.processes(partial(signal.pthread_sigmask, signal.SIG_BLOCK), 1, 1) as submit:
        blocked = [submit([]).result() for _ in range(2)]
    print([signal.SIGINT in of for of in blocked])
"""


def test_no_process_is_interrupted_while_it_begins(tmp_path):
    """Not the first either, with which Python begins a process of its own beside."""
    script = tmp_path / "script.py"
    script.write_text(BLOCKED, encoding="utf-8")
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[True, True]\n"


def test_gpus_go_round_the_processes(own_agents, monkeypatch):
    from own_agents import show_gpu

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    with engines.processes(show_gpu, jobs=4, threads=1, gpus=["2", "5"]) as submit:
        seen = [run.result(timeout=120) for run in [submit(RunOptions()) for _ in range(8)]]
    gpu_of = dict(seen)  # by process
    assert len(set(seen)) == len(gpu_of)  # a process keeps its own
    assert sorted(gpu_of.values()) == ["2", "2", "5", "5"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2,5"


def test_a_process_that_takes_a_dead_ones_place_has_its_gpu(own_agents):
    from own_agents import die_once

    with engines.processes(die_once, jobs=1, threads=1, gpus=["7"]) as submit:
        with pytest.raises(engines.BrokenProcessPool):
            submit(RunOptions(seed=1)).result(timeout=60)
        assert submit(RunOptions(seed=1)).result(timeout=60)[1] == "7"


@pytest.mark.slow
def test_ray_with_two_workers_one_of_which_is_killed(own_agents):
    pytest.importorskip("ray")
    board = Board(own_agents / "board")
    grid = Grid(agents=("own_agents:FirstArms",), keep_ratios=(0.3,), seeds=3, epochs=60, limit=900)
    hold(board, grid, Place(threads=1), None)
    do = partial(do_run, folder=board.folder, place=Place(threads=1), checkpoint_seconds=0.2)
    killed = []

    def kill_one_in_the_middle():
        """SIGKILL to the worker of a run that has left a checkpoint."""
        while not killed:
            for path in board.work.glob("*.claim"):
                name = path.name.rsplit(".", 2)[0]
                if board.checkpoint_path(name).exists() and claims.is_alive(path):
                    pid = json.loads(path.read_text())["pid"]
                    os.kill(pid, signal.SIGKILL)
                    killed.append((name, pid))
                    return
            time.sleep(0.05)

    killer = threading.Thread(target=kill_one_in_the_middle, daemon=True)
    killer.start()
    with engines.ray_cluster(do, jobs=2, threads=1, address=None, gpus_per_run=0.0) as submit:
        engines.work_off(board, submit, lambda pause: None)
    ((name, pid),) = killed
    assert pid != os.getpid()
    assert not list(board.folder.glob("failed/*"))
    results = {result.id: result.content for result in read_results(board.folder)}
    assert len(results) == 18
    expected = run(board.runs()[name], Place(threads=1))
    assert without_times(results[name]) == without_times(json.loads(json.dumps(expected)))
