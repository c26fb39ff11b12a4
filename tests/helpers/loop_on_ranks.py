"""A training script over `Pruned` as several processes run it, for `on_ranks`."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import prune_agents
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

from prune_env.training import Pruned

NUM_ARMS, EPOCHS = 91, 4


def points() -> TensorDataset:
    rng = torch.Generator().manual_seed(1)
    return TensorDataset(torch.randn(NUM_ARMS, 2, generator=rng), torch.arange(NUM_ARMS) % 3)


def network() -> nn.Module:
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))


class Script:
    """Trains with batches of 12 over all ranks."""

    def __init__(self, agent: str, equal: bool = False, seed: int = 5, **options: Any) -> None:
        self.size = dist.get_world_size() if dist.is_initialized() else 1
        rank = dist.get_rank() if dist.is_initialized() else 0
        self.rank = rank
        made = prune_agents.make(agent, keep_ratio=0.4)
        self.pruned = Pruned(points(), made, epochs=EPOCHS, seed=seed, quiet=True, **options)
        self.model = network()
        self.forward = DistributedDataParallel(self.model) if self.size > 1 else self.model
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.5)
        self.batch = 12 // self.size
        how: dict[str, Any] = (
            {"batch_sampler": self.pruned.batch_sampler(self.batch)}
            if equal
            else {"batch_size": self.batch, "sampler": self.pruned.sampler}
        )
        self.loader = DataLoader(self.pruned.dataset, **how)
        self.arms: list[list[int]] = []
        self.losses: list[float] = []
        self.lengths: list[int] = []

    def run(self, save: Path | None = None, every: int = 5, die: tuple[int, int] = (9, 9)) -> Any:
        """To the end, unless this is the rank `die[0]`, which dies after so many steps.

        A batch that is looked at is a step too.
        """

        def step(arms: torch.Tensor) -> None:
            self.arms.append(arms.tolist())
            if (self.rank, len(self.arms)) == die:
                os.kill(os.getpid(), signal.SIGKILL)
            if save and len(self.arms) % every == 0:
                self.save(save)

        while not self.pruned.over:
            self.pruned.sampler.set_epoch(self.pruned.epoch)
            self.lengths.append(len(self.loader))
            for inputs, labels, arms in self.loader:
                loss = self.pruned.loss(self.forward(inputs), labels, arms)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                self.losses.append(loss.item())
                step(arms)
            with torch.no_grad():
                for inputs, labels, arms in DataLoader(
                    self.pruned.dataset, self.batch, sampler=self.pruned.rest
                ):
                    self.pruned.look(self.model(inputs), labels, arms)
                    step(arms)
            if self.pruned.course.phase == "validate":
                self.pruned.validated(0.5 + 0.1 * self.rank, 0.5)
        return self.found()

    def save(self, path: Path) -> None:
        state = {"pruned": self.pruned.state_dict(), "model": self.model.state_dict()}
        if self.rank == 0:
            torch.save(state | {"steps": len(self.arms)}, path)

    def load(self, path: Path) -> int:
        state = torch.load(path, weights_only=True)
        self.pruned.load_state_dict(state["pruned"])
        self.model.load_state_dict(state["model"])
        return state["steps"]

    def found(self) -> dict[str, Any]:
        history = self.pruned.course.history
        columns = self.pruned.columns()
        return {
            "arms": self.arms,
            "losses": self.losses,
            "lengths": self.lengths,
            "kept": [self.pruned.course.kept_in(epoch) for epoch in range(len(history))],
            "loss": columns["loss"],
            "pulls": columns["pulls"],
            "last_seen": columns["last_seen"],
            "passes": self.pruned.summary().passes,
            "weights": np.concatenate([p.detach().flatten() for p in self.model.parameters()]),
        }


def train(cases: list[tuple[str, bool, dict[str, Any]]]) -> list[dict[str, Any]]:
    """What came out of each case."""
    return [Script(agent, equal, **options).run() for agent, equal, options in cases]


def train_and_die(case: tuple[str, bool, dict[str, Any]], path: Path, die: tuple[int, int]) -> None:
    agent, equal, options = case
    Script(agent, equal, **options).run(path, die=die)


def resume(case: tuple[str, bool, dict[str, Any]], path: Path) -> tuple[int, dict[str, Any]]:
    agent, equal, options = case
    script = Script(agent, equal, **options)
    return script.load(path), script.run()


def choose_differently() -> None:
    Script("ucb", seed=dist.get_rank()).run()


def keep_one(num_kept: int) -> dict[str, Any]:
    """A run that keeps a few arms."""
    script = Script("ucb")
    script.pruned = Pruned(
        points(), prune_agents.make("ucb", keep_ratio=num_kept / NUM_ARMS), epochs=2, quiet=True
    )
    script.loader = DataLoader(script.pruned.dataset, 1, sampler=script.pruned.sampler)
    return script.run()


def pass_twice(agent: str) -> tuple[list[float], list[float], int]:
    """The losses of an epoch, those of a second pass over it after its end, and epochs by then."""
    script = Script(agent)
    batches = list(script.loader)
    first, second = (
        [script.pruned.loss(script.model(x), labels, arms).item() for x, labels, arms in batches]
        for _ in range(2)
    )
    return first, second, script.pruned.epoch


def train_by_accelerate(agent: str) -> dict[str, Any]:
    """The same script by Accelerate, which makes the process group itself."""
    from accelerate import Accelerator

    from prune_env.training.accelerate import prepare

    accelerator = Accelerator(cpu=True)
    script = Script(agent, equal=True)
    script.forward, script.optimizer = accelerator.prepare(script.model, script.optimizer)
    script.loader = prepare(script.loader, accelerator)
    return script.run()
