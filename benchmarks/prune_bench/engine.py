"""Engines: who does the runs of a board. Processes of this machine, or a Ray cluster.

An engine is a context manager that gives a function `submit`: one run goes in, a future comes out.
`work_off` feeds it. Each process loads PyTorch once and does one run after another; when it dies,
its run is submitted again and goes on from the checkpoint that `prune_bench.work` has left.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from unittest.mock import patch

from prune_bench.board import Board
from prune_bench.runner import RunOptions
from prune_bench.work import Outcome, file_failure

DEATHS = 3
"""So many processes may die over a run before it counts as failed."""

Do = Callable[[RunOptions], Outcome]
Submit = Callable[[RunOptions], "Future[Outcome]"]


def work_off(board: Board, submit: Submit, on_tick: Callable[[], None]) -> None:
    """Have all open runs of a board done.

    Args:
        board: which one.
        submit: begins a run sometime soon.
        on_tick: called about once a second.
    """
    runs, deaths = board.runs(), Counter[str]()
    while missing := list(filter(board.is_open, runs)):
        pending = {submit(runs[name]): name for name in missing}
        while pending:
            ended, _ = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in ended:
                name = pending.pop(future)
                # Whatever a run itself raises is filed by then: this is a process that died.
                if (error := future.exception()) is not None:
                    deaths[name] += 1
                    if deaths[name] < DEATHS:
                        pending[submit(runs[name])] = name
                    else:
                        message = f"{type(error).__name__}, {DEATHS} times: {error}"
                        file_failure(board, runs[name], message)
            on_tick()
        # What is open now, another board is at. Should that die, it is for us.
        if any(map(board.is_open, runs)):
            time.sleep(1.0)
    on_tick()
    board.sweep()


@contextmanager
def processes(do: Do, jobs: int, threads: int) -> Iterator[Submit]:
    """So many processes of this machine.

    Every process has a pool of its own, so that its death costs its own run and no other.

    Args:
        do: what to do with a run; must be picklable.
        jobs: how many processes.
        threads: of BLAS and OpenMP in each. Without a limit they fight: two threads each on two
            busy cores made small models 15 times slower.
    """
    mine = threading.local()
    pools: list[ProcessPoolExecutor] = []

    def do_in_process(options: RunOptions) -> Outcome:
        if not hasattr(mine, "pool"):
            context = multiprocessing.get_context("spawn")
            mine.pool = ProcessPoolExecutor(1, context, initializer=_end_with_parent)
            pools.append(mine.pool)
        try:
            return mine.pool.submit(do, options).result()
        except BrokenProcessPool:
            del mine.pool
            raise

    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = patch.dict(os.environ, dict.fromkeys(names, str(threads)))
    with environment, ThreadPoolExecutor(jobs) as dispatcher:
        try:
            yield lambda options: dispatcher.submit(do_in_process, options)
        finally:
            dispatcher.shutdown(wait=False, cancel_futures=True)
            for pool in pools:
                for process in list((pool._processes or {}).values()):
                    process.terminate()
                pool.shutdown()


def _end_with_parent() -> None:
    """Let this process end when the board is killed; it would wait for work forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def ray_cluster(
    do: Do, jobs: int, threads: int, address: str | None, gpus_per_run: float
) -> Iterator[Submit]:
    """A Ray cluster, which decides what runs where.

    Args:
        do: what to do with a run; must be picklable.
        jobs: how many runs at a time on a cluster that is started here.
        threads: CPUs that a run takes.
        address: of a cluster that is there already, such as "auto"; None starts one here.
        gpus_per_run: GPUs that a run takes, such as 0.25.
    """
    try:
        import ray
    except ImportError as error:
        raise ImportError('--engine ray needs Ray: pip install "prune_env[ray]"') from error

    cpus = None if address else jobs * threads
    ray.init(address, num_cpus=cpus, log_to_driver=False, logging_level=logging.WARNING)

    @ray.remote(num_cpus=threads, num_gpus=gpus_per_run, max_retries=0)
    def do_on_ray(options: RunOptions) -> Outcome:
        return do(options)

    try:
        yield lambda options: do_on_ray.remote(options).future()
    finally:
        ray.shutdown()
