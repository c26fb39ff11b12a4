"""examples/cifar_plain.py, and cifar_pruned.py with several agents: accuracy, seconds, samples.

Each run is the script itself in a process of its own, with another agent in its one line; what it
prints is read. A run that is done is a file of the folder and is not run again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from prune_bench.standings.statistics import mean_of

from prune_env.files import read_json, replacing, write_json

EXAMPLES = Path(__file__).parents[2] / "examples"
ONE_LINE = 'make("ucb"), epochs=args.epochs'
"""The agent of cifar_pruned.py."""
EPOCH = re.compile(r"epoch \d+: loss (.+), (.+) s, test accuracy (.+) %")
SAVED = re.compile(r"samples: (.+)% of them trained on")
CHOOSING = re.compile(r"choosing took (.+) s,")


@dataclass(frozen=True)
class Compare:
    """Test accuracy, seconds and share of samples of the plain script, and of agents in the other.

    `full` is the plain script, `full_short` the same with keep_ratio of the epochs.
    """

    data: Path
    """folder of the parquet files of CIFAR-10"""
    out: Path = Path("plain_script")
    """folder of the results, a file a run; those that are there are not run again"""
    agents: tuple[str, ...] = ("full", "infobatch", "ucb", "random_dynamic", "full_short")
    """`full`, `full_short`, or names of agents"""
    keep_ratio: float = 0.3
    """share of the samples; infobatch decides itself"""
    epochs: int = 30
    width: int = 32
    """channels of the network's first layer"""
    limit: int | None = None
    """images of each split; None: all"""
    workers: int = 2
    """processes that load, of each run; with none, seconds on a CPU are those of the process"""
    amp: bool = False
    """autocast to bfloat16"""
    seeds: tuple[int, ...] = (0, 1, 2)
    jobs: int = 1
    """runs at a time"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: as the scripts decide"""
    deadline: float = float("inf")
    """seconds after which runs that are not done are ended"""

    def run(self) -> None:
        """Run what is missing, the first seed first, and print the table."""
        if self.device == "cuda" and not torch.cuda.is_available():
            raise SystemExit("device is 'cuda', and torch.cuda.is_available() is False")
        end = time.monotonic() + self.deadline
        missing = [
            Run(self, name, seed)
            for seed in self.seeds
            for name in self.agents
            if not Run(self, name, seed).path.exists()
        ]
        with ThreadPoolExecutor(self.jobs) as pool:
            for said in pool.map(lambda run: run.go(end), missing):
                print(said, flush=True)
        results = [
            read_json(run.path)
            for seed in self.seeds
            for name in self.agents
            if (run := Run(self, name, seed)).path.exists()
        ]
        if results:
            text = table(results)
            with replacing(self.out / "table.md") as temporary:
                temporary.write_text(text + "\n", encoding="utf-8")
            print(text)


@dataclass(frozen=True)
class Run:
    """One run of one script."""

    of: Compare = field(repr=False)
    agent: str
    seed: int

    @property
    def epochs(self) -> int:
        """How many the script goes through."""
        short = self.agent == "full_short"
        return max(1, round(self.of.keep_ratio * self.of.epochs)) if short else self.of.epochs

    @property
    def path(self) -> Path:
        """Where its result lies: every option that decides it is in the name."""
        of, limit = self.of, "" if self.of.limit is None else f"-{self.of.limit}-images"
        kept = f"{of.keep_ratio:g}-{of.epochs}-epochs-width-{of.width}{limit}{'-amp' * of.amp}"
        return of.out / f"{self.agent}-{kept}-{self.seed}.json"

    def source(self) -> str:
        """The script, whose clock is CPU time where one process on a CPU does everything."""
        of, plain = self.of, self.agent in ("full", "full_short")
        script = EXAMPLES / ("cifar_plain.py" if plain else "cifar_pruned.py")
        source = script.read_text(encoding="utf-8")
        if of.device == "cpu" and not of.workers:
            source = source.replace("time.perf_counter()", "time.process_time()")
        if plain:
            return source
        assert source.count(ONE_LINE) == 1
        other = f'make("{self.agent}", keep_ratio={of.keep_ratio}), epochs=args.epochs'
        return source.replace(ONE_LINE, other)

    def go(self, end: float) -> str:
        """Run it, keep its result, and say in a line how it went.

        Args:
            end: when it has to be over, of `time.monotonic`.

        Raises:
            SystemExit: the script has failed.
        """
        of, name = self.of, f"{self.agent}, seed {self.seed}"
        if time.monotonic() > end:
            return f"{name}: not begun by the deadline"
        options = {"data": of.data, "epochs": self.epochs, "width": of.width, "seed": self.seed}
        options |= {"workers": of.workers} | ({} if of.limit is None else {"limit": of.limit})
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if of.device == "cpu" else {}
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / f"{self.agent}.py"
            script.write_text(self.source(), encoding="utf-8")
            command = [sys.executable, str(script)]
            command += [part for n, value in options.items() for part in (f"--{n}", str(value))]
            command += ["--amp"] * of.amp
            child = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"} | hidden,
            )
            try:
                left = None if end == float("inf") else max(0.0, end - time.monotonic())
                printed, errors = child.communicate(timeout=left)
            except subprocess.TimeoutExpired:
                return f"{name}: not done by the deadline"
            finally:
                child.kill()
        if child.returncode:
            raise SystemExit(f"{name}: {errors}")
        write_json(self.path, self.read(printed))
        return f"{name}: {printed.splitlines()[-1]}"

    def read(self, printed: str) -> dict[str, Any]:
        """The result, from what the script has printed."""
        epochs = [tuple(map(float, found)) for found in EPOCH.findall(printed)]
        assert len(epochs) == self.epochs, printed
        saved, choosing = SAVED.search(printed), CHOOSING.search(printed)
        losses, seconds, accuracies = zip(*epochs, strict=True)
        device = printed.partition(" images, ")[2].split()[0]
        on = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {os.cpu_count()} cores"
        return {
            "agent": self.agent,
            "seed": self.seed,
            "share": float(saved[1]) / 100 if saved else self.epochs / self.of.epochs,
            "choosing": float(choosing[1]) if choosing else 0.0,
            "loss": losses,
            "seconds": seconds,
            "test_accuracy": accuracies,
            "device": on,
            "torch": torch.__version__,
            "options": {n: str(value) for n, value in asdict(self.of).items()},
        }


def table(results: list[dict[str, Any]]) -> str:
    """The results in Markdown: means over seeds, with 95 % t-intervals of the accuracy.

    Seconds are those of training: of all epochs, without evaluation and without what is between.
    """
    agents = list(dict.fromkeys(r["agent"] for r in results))
    of_agent = {name: [r for r in results if r["agent"] == name] for name in agents}
    whole = np.mean([sum(r["seconds"]) for r in of_agent.get("full", [])] or [np.nan])
    first = results[0]
    lines = [
        f"{first['device']}, torch {first['torch']}, {first['options']['epochs']} epochs, "
        f"{first['options']['jobs']} runs at a time",
        "",
        "| agent | seeds | test accuracy, % | training, s | of `full` | samples | choosing, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, runs in of_agent.items():
        found = mean_of([r["test_accuracy"][-1] for r in runs])
        interval = "" if found.low is None else f" [{found.low:.2f}, {found.high:.2f}]"
        seconds = np.mean([sum(r["seconds"]) for r in runs])
        share, choosing = (np.mean([r[n] for r in runs]) for n in ("share", "choosing"))
        lines.append(
            f"| `{name}` | {len(runs)} | {found.value:.2f}{interval} | {seconds:.1f} | "
            f"{seconds / whole:.1%} | {share:.1%} | {choosing:.1f} |"
        )
    return "\n".join(lines)
