"""Engines: what does the runs of a board, processes of this machine or a Ray cluster.

An engine is a context manager that gives a function `submit`: one run goes in, a future comes out.
`work_off` feeds it. Each process loads PyTorch once and does one run after another; when it dies,
its run is submitted again and goes on from the checkpoint that `prune_bench.board.work` has left.
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import connection, resource_tracker
from typing import TypeVar

from prune_bench.board.board import Board
from prune_bench.board.work import Outcome, file_failure, file_result
from prune_bench.run import stopping
from prune_bench.run.options import RunOptions
from prune_env import notices
from prune_env.files import patiently
from prune_env.text import number

DEATHS = 3
"""So many processes may die over a run before it counts as failed."""

PAUSE = 3.0
"""Seconds between two questions to a disk that is full or fails."""

GRACE = 10.0
"""Seconds that a process has to keep the last round of its run when the board is stopped."""

Do = Callable[[RunOptions], Outcome]
Submit = Callable[[RunOptions], "Future[Outcome]"]
Task = TypeVar("Task")
Done = TypeVar("Done")


def work_off(board: Board, submit: Submit, on_tick: Callable[[str], None]) -> None:
    """Have all open runs of a board done.

    Args:
        board: which one.
        submit: begins a run sometime soon.
        on_tick: called about once a second with what the board waits for, usually "".
    """
    runs, deaths, pause, told = board.runs(), Counter[str](), Pause(board), set[str]()
    while missing := _open(board, runs):
        pending = {submit(runs[name]): name for name in missing}
        while pending or pause.waiting:
            for future in _ended(pending):
                name = pending.pop(future)
                # An error of the run itself has been filed; an exception here is a dead process.
                if (error := future.exception()) is None:
                    pause.note(name, future.result())
                    continue
                deaths[name] += 1
                if deaths[name] < DEATHS:
                    pending[submit(runs[name])] = name
                    continue
                try:
                    message = f"{type(error).__name__}, {DEATHS} times: {error}"
                    file_failure(board, name, runs[name], message)
                except OSError as full:
                    pause.note(name, Outcome("paused", str(full)))
            pending |= {submit(runs[name]): name for name in pause.over()}
            patiently(partial(on_tick, pause.message))
        # Another process works on the runs that are still open; if it dies, this one takes over.
        if elsewhere := _open(board, runs):
            if not told.issuperset(elsewhere):
                told.update(elsewhere)
                count = number(len(elsewhere), "run")
                what = f"{count} that another process does, or whose prior run it makes"
                patiently(partial(on_tick, what))
            time.sleep(1.0)
    patiently(partial(on_tick, ""))
    patiently(board.sweep)


def _open(board: Board, runs: Iterable[str]) -> list[str]:
    """The runs that are neither done nor failed."""
    return patiently(lambda: list(filter(board.is_open, runs)))


def _ended(pending: Collection[Future[Outcome]]) -> set[Future[Outcome]]:
    """The runs that have ended; returns after a second at most."""
    if not pending:
        time.sleep(1.0)
    return wait(pending, timeout=1.0, return_when=FIRST_COMPLETED).done if pending else set()


class Pause:
    """Runs that wait for a disk that is full or fails, and results that it has not taken yet."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.waiting: dict[str, Outcome] = {}
        """By the names of the runs."""
        self._next = 0.0

    def note(self, name: str, outcome: Outcome) -> None:
        """Take in what became of a run."""
        if outcome.kind == "paused":
            if not self.waiting:
                self._next = time.monotonic() + PAUSE
            self.waiting[name] = outcome

    @property
    def message(self) -> str:
        """What is waited for, or ""."""
        return next((f"the disk: {of.message}" for of in self.waiting.values()), "")

    def over(self) -> list[str]:
        """The runs to begin again, as soon as the disk takes files."""
        if not self.waiting or time.monotonic() < self._next:
            return []
        self._next = time.monotonic() + PAUSE
        try:
            self.board.try_disk()
            for name, outcome in self.waiting.items():
                if outcome.result is not None and self.board.is_open(name):
                    file_result(self.board, name, outcome.result)
        except OSError:
            return []
        names = [name for name in self.waiting if self.board.is_open(name)]
        self.waiting.clear()
        return names


@contextmanager
def processes(
    do: Callable[[Task], Done], jobs: int, threads: int, gpus: Sequence[str] = ()
) -> Iterator[Callable[[Task], Future[Done]]]:
    """Processes of this machine, one run at a time in each.

    Every process has a pool of its own, so that its death costs its own run and no other.

    Args:
        do: what to do with a run, or another task; must be picklable.
        jobs: how many processes.
        threads: of BLAS and OpenMP in each. Without a limit they fight: two threads each on two
            busy cores made small models 15 times slower.
        gpus: as CUDA_VISIBLE_DEVICES names them; the processes see one each, in turn. None: all
            see all.
    """
    places = itertools.count()
    mine, ending = threading.local(), threading.Event()
    pools: list[ProcessPoolExecutor] = []

    def do_in_process(task: Task) -> Done:
        if not hasattr(mine, "place"):
            mine.place = next(places)
        if not hasattr(mine, "pool"):
            if hasattr(signal, "pthread_sigmask"):  # inherited, so before `_begin` too
                signal.pthread_sigmask(signal.SIG_BLOCK, stopping.FROM_TERMINAL)
                resource_tracker.ensure_running()  # a process too; having begun, it unblocks some
                signal.pthread_sigmask(signal.SIG_BLOCK, stopping.FROM_TERMINAL)
            context = multiprocessing.get_context("spawn")
            gpu = gpus[mine.place % len(gpus)] if gpus else None
            mine.pool = ProcessPoolExecutor(1, context, initializer=_begin, initargs=(gpu,))
            pools.append(mine.pool)
        try:
            future = mine.pool.submit(do, task)
            if ending.is_set():  # its process was begun too late to be ended with the others
                _end([mine.pool])
            return future.result()
        except BrokenProcessPool:
            del mine.pool
            raise

    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    variables = dict.fromkeys(names, str(threads))
    with _variables_set(variables), ThreadPoolExecutor(jobs) as dispatcher:
        try:
            yield lambda task: dispatcher.submit(do_in_process, task)
        finally:
            dispatcher.shutdown(wait=False, cancel_futures=True)
            ending.set()
            _end(pools)


@contextmanager
def _variables_set(variables: dict[str, str]) -> Iterator[None]:
    """Set variables of the environment, which processes inherit, until the end of the block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _end(pools: list[ProcessPoolExecutor]) -> None:
    """End the processes; a run that goes on in one keeps its last round first."""
    ending = [process for pool in pools for process in (pool._processes or {}).values()]
    for process in ending:
        process.terminate()
    for pool in pools:
        pool.shutdown(wait=False, cancel_futures=True)
    try:
        deadline = time.monotonic() + GRACE
        for process in ending:
            connection.wait([process.sentinel], max(0.0, deadline - time.monotonic()))
    finally:  # at the second Ctrl-C at once
        for process in ending:
            process.kill()


def _begin(gpu: str | None) -> None:
    """Let this process end with the board's process, which alone shows notices of the data.

    CUDA reads which GPU is its own when it is first used, which is later than this.
    """
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    warnings.simplefilter("ignore", notices.DataNotice)
    for from_terminal in stopping.FROM_TERMINAL:  # it sends them to all; the board decides
        signal.signal(from_terminal, signal.SIG_IGN)
    stopping.listen_once(signal.SIGTERM)
    notices.as_lines()
    notices.log_to_stderr()
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
