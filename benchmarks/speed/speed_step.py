"""What selection costs: `env.step` against a loop that does nothing but train.

`python -m speed.speed_step --data cifar10/` alternates three epochs on the same
network and data and prints medians and ratios:

loop   a hand-written training loop: no signals, no arm table, no environment
step   `env.step` with every arm kept
kept   `agent.predict` and `env.step` with a share of the arms kept

and a large product and a convolution, whose speeds are the machine's peaks. Evaluations are left
out: they have a price of their own, which results report apart. `--device cuda` measures the same
on a GPU, where wall-clock counts; CPU seconds are the host's there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import prune_agents
import tyro
from numpy.typing import NDArray
from prune_bench.run.provenance import commit, processor_name
from rich.console import Console
from rich.table import Table

import prune_env  # noqa: F401
from prune_env.data.augment import draw_noise

SIDE = {"cpu": 768, "cuda": 8192}
"""Of the square matrices of the product."""


@dataclass(frozen=True)
class Options:
    """What is measured."""

    data: str | None = None
    """folder of CIFAR-10; by default the variable PRUNE_ENV_DATA"""
    limit: int | None = None
    """training images, validation included; by default all"""
    repeats: int = 5
    """how often each is measured, after a round that is not"""
    agent: str = "ucb"
    """who chooses"""
    keep_ratio: float = 0.3
    """share of the arms it keeps"""
    threads: int = 1
    """threads of PyTorch"""
    device: str = "cpu"
    """cpu, cuda or cuda:1"""
    network: str | None = None
    """by default that of the device"""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """what the network is computed in"""
    cuda_graph: bool | None = None
    """whether `env.step` launches its steps as CUDA graphs; the loop never does"""
    out: Path | None = None
    """append the table in Markdown to this file"""


def untrained(learner: Any) -> tuple[Any, Any]:
    """A network like a learner's, and its optimizer, whose rates are those of a fifth of a run."""
    import torch

    from prune_env import networks

    model = learner.make_model().to(learner.device).to(memory_format=torch.channels_last)
    optimizer = networks.make_optimizer(model, learner.recipe)
    networks.set_rates(optimizer, learner.recipe, 0.2)
    return model, optimizer


def loss_of(learner: Any, model: Any, index: Any, shift: Any, flip: Any) -> Any:
    """() what training makes small, on (B,) arms, cropped and mirrored."""
    import torch
    import torch.nn.functional as F

    images = learner.arm_inputs.augmented(index, shift, flip)
    with torch.autocast(learner.device.type, torch.bfloat16, learner.precision == "bf16"):
        logits = model(images)
    labels, smoothing = learner._arm_labels[index], learner.recipe.label_smoothing
    return F.cross_entropy(logits.float(), labels, label_smoothing=smoothing)


def bare_epoch(
    learner: Any, model: Any, optimizer: Any, number: int, arms: int | None = None
) -> None:
    """The epoch that one would write by hand: shuffle, augment, forward, backward, step.

    Args:
        learner: whose data and recipe are taken, and nothing else.
        model: from `untrained`.
        optimizer: the same.
        number: of the epoch, which decides the order.
        arms: the first so many are trained on; all if None.
    """
    import torch

    recipe, device = learner.recipe, learner.device
    noise = draw_noise(learner.num_arms, recipe.padding, recipe.flip, 0, number)
    kept = noise.order[noise.order < (arms or learner.num_arms)]
    order, shift, flip = (
        torch.from_numpy(array).to(device) for array in (kept, noise.shift, noise.flip)
    )
    model.train()
    for index in order.tensor_split(-(-len(kept) // recipe.batch_size)):
        loss = loss_of(learner, model, index, shift[:, index], flip[index])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    loss.item()  # a GPU is done


def operations(learner: Any) -> float:
    """Floating-point operations of training on one image, forward and backward."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    model, count = untrained(learner)[0], min(learner.num_arms, 64)
    index = torch.arange(count, device=learner.device)
    with FlopCounterMode(display=False) as counter:
        loss_of(learner, model, index, torch.zeros_like(index).expand(2, -1), index < 0).backward()
    return counter.get_total_flops() / count


def product(learner: Any) -> Callable[[], Any]:
    """A product of large matrices, in the precision of a learner."""
    import torch

    side = SIDE[learner.device.type]
    dtype = torch.bfloat16 if learner.precision == "bf16" else torch.float32
    left, right = (torch.ones(side, side, device=learner.device, dtype=dtype) for _ in range(2))
    return lambda: left @ right


def convolution(learner: Any) -> Callable[[], Any]:
    """The convolution that CPUs are best at: 3 x 3, 128 channels, 64 images of 16 x 16."""
    import torch

    dtype = torch.bfloat16 if learner.precision == "bf16" else torch.float32
    layer = torch.nn.Conv2d(128, 128, 3, padding=1, bias=False).requires_grad_(False)
    images = torch.ones(64, 128, 16, 16)
    layer, images = (
        one.to(learner.device, dtype, memory_format=torch.channels_last) for one in (layer, images)
    )
    return lambda: layer(images)


def peak(call: Callable[[], Any]) -> tuple[Callable[[], None], float]:
    """What calls it twenty times and waits for the end; the operations of that."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        call()

    def work() -> None:
        for _ in range(20):
            out = call()
        out.flatten()[0].item()

    return work, 20 * float(counter.get_total_flops())


def measure(options: Options) -> tuple[dict[str, NDArray[np.float64]], dict[str, float], str]:
    """CPU and wall seconds of each repeat, (repeats, 2) by name; operations; what was measured."""
    import torch

    torch.set_num_threads(options.threads)
    agent = prune_agents.make(options.agent, keep_ratio=options.keep_ratio)
    env: Any = gym.make(
        "prune_env/CIFAR10-v0",
        data=options.data,
        limit=options.limit,
        device=options.device,
        network=options.network,
        recipe={"precision": options.precision, "cuda_graph": options.cuda_graph},
        epochs=2 * options.repeats + 2,
        evaluate_every=10**6,
        test=False,
        reward="kept_loss",
        signals=("seen", *agent.signals),
    ).unwrapped
    learner, state = env.learner, None
    bare = untrained(learner)
    peaks = {"product": peak(product(learner)), "convolution": peak(convolution(learner))}
    everything = np.ones(learner.num_arms, np.int8)
    observation, _ = env.reset(seed=0)
    done = {"step": learner.num_arms * operations(learner)}
    done |= {name: operations for name, (_, operations) in peaks.items()}

    seconds: dict[str, list[tuple[float, float]]] = {
        name: [] for name in ("loop", "step", "kept", *peaks)
    }
    for repeat in range(options.repeats + 1):
        names = list(seconds) if repeat % 2 == 0 else list(seconds)[::-1]
        for name in names:
            cpu, wall = time.process_time(), time.perf_counter()
            if name == "loop":
                bare_epoch(learner, *bare, repeat)
            elif name == "step":
                observation = env.step(everything)[0]
            elif name == "kept":
                action, state = agent.predict(observation, state)
                observation = env.step(action)[0]
            else:
                peaks[name][0]()
            seconds[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    gpu = torch.cuda.get_device_name(learner.device) if learner.device.type == "cuda" else None
    what = (
        f"{learner.network}, {learner.precision}, {learner.num_arms:,} arms, batches of "
        f"{learner.recipe.batch_size}, CUDA graphs {'on' if learner._graphs else 'off'}; "
        f"{gpu or f'{options.threads} thread(s)'}, {processor_name()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.0f}, torch {torch.__version__}, commit {commit()}"
    )
    return {name: np.array(pairs[1:]) for name, pairs in seconds.items()}, done, what


def report(options: Options, seconds: dict[str, NDArray[np.float64]]) -> list[tuple[str, ...]]:
    """Rows of the table: what, median CPU seconds, ratio of medians, the same for wall-clock."""
    cpu, wall = ({n: float(np.median(s[:, i])) for n, s in seconds.items()} for i in (0, 1))
    rows = (
        ("hand-written loop, every arm", "loop", "loop"),
        ("env.step, every arm", "step", "loop"),
        (f"{options.agent} and env.step, keep {options.keep_ratio:g}", "kept", "step"),
    )
    return [
        (
            title,
            f"{cpu[name]:.2f}",
            f"{cpu[name] / cpu[base]:.4f} of {base}",
            f"{wall[name]:.2f}",
            f"{wall[name] / wall[base]:.4f} of {base}",
        )
        for title, name, base in rows
    ]


def share_of_peak(
    device: str, seconds: dict[str, NDArray[np.float64]], done: dict[str, float]
) -> str:
    """How fast `env.step` computes, and what share that is of the two peaks."""
    clock = 0 if device == "cpu" else 1
    speed = {n: 1e-9 * done[n] / float(np.median(seconds[n][:, clock])) for n in done}
    of = [f"{speed['step'] / speed[n]:.0%} of a {n}'s {speed[n]:,.0f}" for n in list(done)[1:]]
    return f"env.step computes {speed['step']:,.0f} GFLOP/s: {' and '.join(of)}"


def main() -> None:
    """Measure and print."""
    options = tyro.cli(Options)
    seconds, done, what = measure(options)
    rows, share = report(options, seconds), share_of_peak(options.device, seconds, done)
    titles = ("one epoch", "CPU s", "ratio", "wall s", "ratio ")
    table = Table(title=f"medians of {options.repeats} alternating repeats", box=None)
    for title in titles:
        table.add_column(title, justify="left" if title == "one epoch" else "right")
    for row in rows:
        table.add_row(*row)
    console = Console()
    console.print(what, table, share)
    if options.out:
        lines = [titles, ("---",) * len(titles), *rows]
        with options.out.open("a", encoding="utf-8") as file:
            file.write(f"\n{what}; medians of {options.repeats}:\n\n")
            file.writelines(f"| {' | '.join(line)} |\n" for line in lines)
            file.write(f"\n{share}.\n")


if __name__ == "__main__":
    main()
