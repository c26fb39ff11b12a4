"""Engines: who does the runs of a board. Processes of this machine, or a Ray cluster.

Both take runs in order, do many in a process that has loaded PyTorch once, and try a run again when
its process dies. What is done is in `prune_bench.work`; a dead process leaves a checkpoint there.
"""

from __future__ import annotations

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
from dataclasses import replace

from prune_bench.board import Board
from prune_bench.runner import Place, RunOptions
from prune_bench.work import Outcome, do_run, file_failure

DEATHS = 3
"""So many processes may die over a run before it counts as failed."""

Submit = Callable[[RunOptions], "Future[Outcome]"]


def work_off(board: Board, submit: Submit, on_tick: Callable[[], None]) -> None:
    """Have all open runs of a board done.

    Args:
        board: which one.
        submit: begins a run sometime soon.
        on_tick: called about once a second.
    """
    deaths: Counter[str] = Counter()
    while runs := {name: o for name, o in board.runs().items() if board.is_open(name)}:
        pending = {submit(options): name for name, options in runs.items()}
        held = 0
        while pending:
            finished, _ = wait(pending, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in finished:
                name = pending.pop(future)
                try:
                    held += future.result() == "held"
                except ProcessDied as error:
                    deaths[name] += 1
                    if deaths[name] == DEATHS:
                        file_failure(board, runs[name], f"{error}, {DEATHS} times")
            on_tick()
        if held:  # another board is at these; should it die, they are for us
            time.sleep(2.0)


class ProcessDied(RuntimeError):
    """The process of a run has ended in the middle: killed, or out of memory."""


# -- processes of this machine ------------------------------------------------------------------


@contextmanager
def processes(board: Board, place: Place, jobs: int) -> Iterator[Submit]:
    """An engine of so many processes, each of which does one run after another.

    Every process has a pool of its own, so that its death costs its own run and no other.
    """
    place = replace(place, threads=place.threads or max(1, (os.cpu_count() or 1) // jobs))
    mine = threading.local()
    pools: list[ProcessPoolExecutor] = []

    def one_process() -> ProcessPoolExecutor:
        if not hasattr(mine, "pool"):
            context = multiprocessing.get_context("spawn")
            mine.pool = ProcessPoolExecutor(1, context, initializer=_end_with_parent)
            pools.append(mine.pool)
        return mine.pool

    def do(options: RunOptions) -> Outcome:
        try:
            return one_process().submit(do_run, board.folder, options, place).result()
        except BrokenProcessPool as error:
            del mine.pool
            raise ProcessDied("the process of the run died (killed, or out of memory)") from error

    with threads_of_libraries(place.threads), ThreadPoolExecutor(jobs) as dispatcher:
        try:
            yield lambda options: dispatcher.submit(do, options)
        finally:
            dispatcher.shutdown(wait=False, cancel_futures=True)
            for pool in pools:
                for process in (pool._processes or {}).values():
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
def threads_of_libraries(threads: int | None) -> Iterator[None]:
    """Let processes that begin meanwhile use so many threads, in BLAS and OpenMP too.

    Two threads each on two busy cores made small models 15 times slower.
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(threads)) if threads else {})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


# -- a Ray cluster --------------------------------------------------------------------------------
