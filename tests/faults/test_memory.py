"""Long runs do not grow, and a board that gets no memory says so and goes on when it does."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc

import gymnasium as gym
import prune_agents
import psutil
import pytest
from prune_bench.board.board import Board
from prune_bench.run.result import read_failure, read_results
from tally import count

import prune_env  # noqa: F401
from prune_env.driving import ask

pytestmark = pytest.mark.faults

EPOCHS = 300
RUNS = {
    "prune_env/Digits-v0": ("ucb", {"limit": 200}),
    "prune_env/Synthetic-v0": ("infobatch", {"num_arms": 500}),
    "prune_env/Replay-v0": ("exp3m", {"trace": "digits"}),
}
KEPT_OF_A_ROUND = 4096
"""Bytes: the info of a round is kept for the dashboard, and nothing else of it."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if "Digits" in name else ()) for name in RUNS],
)
def test_three_hundred_epochs_keep_no_more_than_their_history(name):
    agent_name, options = RUNS[name]
    agent = prune_agents.make(agent_name, keep_ratio=0.3)
    options = options | {"signals": ("seen", *agent.signals), "action": agent.action}
    env = gym.make(name, epochs=EPOCHS, **options)
    observation, _ = env.reset(seed=0)
    state, over, rounds, sizes = None, False, 0, {}
    tracemalloc.start()
    while not over:
        action, state = ask(agent, observation, state, env.unwrapped.learner.num_arms)
        observation, _, over, _, _ = env.step(action)
        rounds += 1
        if rounds in (50, EPOCHS):
            gc.collect()
            sizes[rounds] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert rounds == EPOCHS
    grown = sizes[EPOCHS] - sizes[50]
    count("epochs without growth", EPOCHS)
    assert grown < (EPOCHS - 50) * KEPT_OF_A_ROUND, f"{grown:,} bytes"


@pytest.mark.slow
def test_a_hundred_runs_in_one_process_take_no_more_memory_than_ten():
    from prune_bench.run.episode import run
    from prune_bench.run.options import Place, RunOptions

    def resident(runs):
        for seed in runs:
            run(RunOptions(agent="ucb", epochs=2, limit=100, seed=seed), Place(threads=1))
        gc.collect()
        return psutil.Process().memory_info().rss

    before = resident(range(10))
    grown = resident(range(10, 100)) - before
    count("runs in one process without growth", 90)
    assert grown < 90 * 200_000, f"{grown:,} bytes"


BOUNDED = """
import resource, sys
from prune_bench.commands import main
from prune_bench.report import page
page.write_report = lambda folder, standings: {}
if len(sys.argv) > 2 and __name__ == "__mp_main__":  # in the processes of runs
    import prune_bench.run.episode as episode
    make_env = episode.make_env
    def bounded(options, *arguments, **more):
        if options.agent == "ucb":
            used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[2]), -1))
            bytearray(1 << 30)
        return make_env(options, *arguments, **more)
    episode.make_env = bounded
if __name__ == "__main__":
    main.main(["board", "--out", sys.argv[1], "--agents", "ucb", "--keep-ratios", "0.3", "--seeds",
           "1", "--epochs", "2", "--limit", "100", "--threads-per-job", "1", "--retry-failed"])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux, whose limits on memory these are")
def test_a_board_without_memory_files_what_failed_and_does_it_when_there_is_some(tmp_path):
    script = tmp_path / "bounded.py"
    script.write_text(BOUNDED, encoding="utf-8")

    def board(*limit):
        command = [sys.executable, str(script), str(tmp_path / "board"), *limit]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    folder = Board(tmp_path / "board")
    assert board(str(1 << 28)).returncode == 1
    ended, failed = folder.ended()
    assert len(ended) == 5
    assert len(failed) == 1
    (name,) = failed
    assert read_failure(folder.failure_path(name)).error.startswith("MemoryError")
    assert board().returncode == 0
    assert {r.id for r in read_results(folder.folder)} == set(folder.runs())
    count("runs without memory")
    count("runs lost by that", len(folder.runs()) - len(list(read_results(folder.folder))))
