"""Where single samples cannot be skipped, shards can: streams of files, as webdataset reads them.

python examples/shards.py

An arm is a shard, its loss the mean over its samples. `Pruned` needs no data for that, only how
many shards there are; a stream reads those that are kept and says of each sample which one it is
from. With webdataset: `wds.WebDataset([urls[shard] for shard in shards])`, and `__url__` says it.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import prune_agents
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from prune_env.training import Pruned

Sample = tuple[NDArray[np.float32], int, int]
"""Pixels, class, and the shard that it is from."""

EPOCHS, KEEP_RATIO, SHARD_SIZE, BUFFER = 20, 0.4, 20, 200


class Stream(IterableDataset[Sample]):
    """The samples of some shards in random order, as far as a buffer allows."""

    def __init__(self, files: list[Path], shards: list[int], seed: int) -> None:
        self.files, self.shards, self.seed = files, shards, seed

    def __iter__(self) -> Iterator[Sample]:
        worker = get_worker_info()
        mine = self.shards[worker.id :: worker.num_workers] if worker else self.shards
        rng = np.random.default_rng((self.seed, worker.id if worker else 0))
        buffer: list[Sample] = []
        for shard in mine:
            with np.load(self.files[shard]) as data:
                buffer += [(x, y, shard) for x, y in zip(data["x"], data["y"], strict=True)]
            while len(buffer) > BUFFER:
                yield buffer.pop(int(rng.integers(len(buffer))))
        yield from (buffer[place] for place in rng.permutation(len(buffer)))


def write_shards(folder: str | Path) -> tuple[list[Path], Tensor, Tensor]:
    """The first 1,400 digits, in the order in which they were written; the others test."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    files: list[Path] = []
    for first in range(0, 1_400, SHARD_SIZE):
        files.append(Path(folder) / f"{first:04}.npz")
        part = slice(first, first + SHARD_SIZE)
        np.savez(files[-1], x=images[part], y=labels[part])
    return files, torch.tensor(images[1_400:]), torch.tensor(labels[1_400:])


def run(
    name: str, folder: str | Path, seed: int = 0, workers: int = 0
) -> tuple[float, NDArray[np.int64]]:
    """The test accuracy, and how often each shard was read."""
    files, test_images, test_labels = write_shards(folder)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    agent = prune_agents.make(name, keep_ratio=KEEP_RATIO, seed=seed)
    pruned = Pruned(files, agent, epochs=EPOCHS, seed=seed)
    scheduler = pruned.scheduler(optimizer, lambda progress: 1 - progress)
    while not pruned.over:
        shards = list(pruned.sampler)
        total, count = torch.zeros(2, len(files)).unbind()
        stream = Stream(files, shards, seed=pruned.epoch)
        for images, labels, of in DataLoader(stream, batch_size=32, num_workers=workers):
            losses = nn.functional.cross_entropy(model(images), labels, reduction="none")
            optimizer.zero_grad()
            losses.mean().backward()
            optimizer.step()
            total.index_add_(0, of, losses.detach())
            count.index_add_(0, of, torch.ones(len(of)))
        pruned.record(torch.tensor(shards), (total / count)[shards])  # and the next are chosen
        scheduler.step()
    right = model(test_images).argmax(1) == test_labels
    return right.float().mean().item(), pruned.columns()["pulls"]


if __name__ == "__main__":
    for name in ("ucb", "random_dynamic"):
        with tempfile.TemporaryDirectory() as folder:
            accuracy, pulls = run(name, folder)
        print(f"{name}: {100 * accuracy:.1f} % of test digits right\n")
