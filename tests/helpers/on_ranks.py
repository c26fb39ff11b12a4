"""Functions that run in several processes at once, which gloo connects, as torchrun starts them."""

from __future__ import annotations

import multiprocessing
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

PATIENCE = 240.0
"""Seconds that a busy machine may take."""
HEAVY = ("prune_env.training", "prune_agents", "torch._dynamo", "prune_bench.run.episode")
"""What is imported once, and not by every process."""


def on_ranks(function: Callable[..., Any], size: int, *args: Any, group: bool = True) -> list[Any]:
    """What a function returns on each rank; an error that it raises; None where a rank died.

    Args:
        function: of a module that can be imported by its name, such as those beside this one.
        size: ranks.
        args: of the function, the same on all.
        group: whether the process group is made; without it the variables of torchrun tell how.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(HEAVY))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pipes = [context.Pipe(duplex=False) for _ in range(size)]
    processes = [
        context.Process(target=_enter, args=(theirs, port, rank, size, group, function, args))
        for rank, (_, theirs) in enumerate(pipes)
    ]
    for process, (_, theirs) in zip(processes, pipes, strict=True):
        process.start()
        theirs.close()
    found = [_answer(mine) for mine, _ in pipes]
    for process in processes:
        process.join(PATIENCE)
        process.kill()
    return found


def _answer(pipe: Connection) -> Any:
    try:
        return pipe.recv() if pipe.poll(PATIENCE) else TimeoutError()
    except EOFError:
        return None


def _enter(
    pipe: Connection,
    port: int,
    rank: int,
    size: int,
    group: bool,
    function: Callable[..., Any],
    args: tuple[Any, ...],
) -> None:
    import os

    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in told.items()}
    os.environ["MASTER_ADDR"] = "127.0.0.1"
    if group:
        dist.init_process_group("gloo")
    try:
        answer = function(*args)
    except Exception as error:
        answer = error
    pipe.send(answer)
    if dist.is_initialized():
        dist.destroy_process_group()
