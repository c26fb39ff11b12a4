"""Small data, and an ordinary loop over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@pytest.fixture
def blobs() -> TensorDataset:
    """120 points in the plane around three corners: (x, y), class."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(120) % 3
    corners = torch.tensor([[0.0, 2.0], [2.0, 0.0], [-2.0, -2.0]])
    return TensorDataset(corners[labels] + torch.randn(120, 2, generator=rng), labels)


@pytest.fixture
def linear() -> Callable[[], nn.Linear]:
    """Makes the same untrained classifier of points in three classes."""

    def make() -> nn.Linear:
        model = nn.Linear(2, 3)
        with torch.no_grad():
            model.weight.copy_(torch.tensor([[0.1, -0.2], [0.3, 0.1], [-0.1, 0.2]]))
            model.bias.zero_()
        return model

    return make


@pytest.fixture
def train_epoch() -> Callable[..., list[list[int]]]:
    """An ordinary epoch; returns the arms of its batches."""

    def run(pruned: Any, model: nn.Module, lr: float = 0.1, **loading: Any) -> list[list[int]]:
        if "batch_sampler" not in loading:
            loading = {"batch_size": 16, "sampler": pruned.sampler} | loading
        optimizer = torch.optim.SGD(model.parameters(), lr)
        batches = []
        for inputs, labels, arms in DataLoader(pruned.dataset, **loading):
            loss = pruned.loss(model(inputs), labels, arms)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            batches.append(arms.tolist())
        return batches

    return run


@pytest.fixture
def train_run() -> Callable[..., list[list[int]]]:
    """An ordinary run, whose learning rate falls to 0; returns the arms of its batches."""

    def run(pruned: Any, model: nn.Module, **loading: Any) -> list[list[int]]:
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        scheduler = pruned.scheduler(optimizer, lambda progress: 1 - progress)
        batches, loader = [], DataLoader(pruned.dataset, **loading)
        while not pruned.over:
            for inputs, labels, arms in loader:
                loss = pruned.loss(model(inputs), labels, arms)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                scheduler.step()
                batches.append(arms.tolist())
        return batches

    return run


class Taking:
    """Keeps the first so many arms, another number in every epoch."""

    signals = ("seen",)

    def __init__(self, *counts: int) -> None:
        self.counts = counts

    def predict(self, observation: Any, state: Any = None) -> tuple[Any, Any]:
        epoch = 0 if state is None else int(state["epoch"])
        mask = np.arange(len(observation["seen"])) < self.counts[epoch]
        return mask.astype(np.int8), {"epoch": np.array(epoch + 1)}


@pytest.fixture
def taking() -> type[Taking]:
    """The class itself: an agent whose epochs are as long as a test says."""
    return Taking
