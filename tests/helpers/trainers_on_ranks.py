"""Scripts over `Pruned` by Accelerate, HuggingFace and Lightning, for `on_ranks`."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import prune_agents
import torch
import torch.nn.functional as F
from loop_on_ranks import network, points
from torch import nn
from torch.utils.data import DataLoader

from prune_env.learners.ranks import Ranks
from prune_env.training import Pruned

BATCH = 12
"""Samples a step, of all ranks together."""


def make_pruned(dataset: Any, agent: str, feedback: Any) -> Pruned:
    made = prune_agents.make(agent, keep_ratio=0.4)
    return Pruned(dataset, made, epochs=3, seed=5, feedback=feedback, quiet=True)


def found(pruned: Pruned, model: nn.Module) -> dict[str, Any]:
    """What came out of a run."""
    return {
        "over": pruned.over,
        "kept": [pruned.course.kept_in(epoch) for epoch in range(3)],
        "last_seen": pruned.columns()["last_seen"],
        "loss": pruned.columns()["loss"],
        "pulls": pruned.columns()["pulls"],
        "weights": np.concatenate([p.detach().flatten() for p in model.parameters()]),
    }


def train(name: str) -> list[dict[str, Any]]:
    """What comes out of weights by InfoBatch, and of full feedback."""
    by = {"accelerate": by_accelerate, "huggingface": by_huggingface, "lightning": by_lightning}
    return [by[name]("infobatch", "semi"), by[name]("ucb", "full")]


def by_accelerate(agent: str, feedback: str) -> dict[str, Any]:
    from accelerate import Accelerator

    from prune_env.training.accelerate import prepare

    accelerator = Accelerator(cpu=True)
    assert accelerator.num_processes == Ranks.here().size
    pruned, model = make_pruned(points(), agent, feedback), network()
    size = BATCH // accelerator.num_processes
    batches = DataLoader(pruned.dataset, batch_sampler=pruned.batch_sampler(size))
    loader = prepare(batches, accelerator)
    forward, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), 0.5))
    scheduler = accelerator.prepare(pruned.scheduler(optimizer, lambda progress: 1 - progress))
    while not pruned.over:
        for inputs, labels, arms in loader:
            optimizer.zero_grad()
            accelerator.backward(pruned.loss(forward(inputs), labels, arms))
            optimizer.step()
            scheduler.step()
        rest = DataLoader(pruned.dataset, 5, sampler=pruned.rest)
        with torch.no_grad():
            for inputs, labels, arms in prepare(rest, accelerator):
                pruned.look(forward(inputs), labels, arms)
    return found(pruned, model)


def by_huggingface(agent: str, feedback: str) -> dict[str, Any]:
    from datasets import Dataset
    from transformers import PretrainedConfig, TrainingArguments
    from transformers.modeling_outputs import SequenceClassifierOutput

    from prune_env.training.huggingface import PrunedTrainer

    class Net(nn.Module):
        config = PretrainedConfig()

        def __init__(self) -> None:
            super().__init__()
            self.inside = network()

        def forward(self, points: Any, labels: Any = None) -> Any:
            logits = self.inside(points)
            loss = None if labels is None else F.cross_entropy(logits, labels)
            return SequenceClassifierOutput(loss=loss, logits=logits)

    inputs, labels = points().tensors
    rows = Dataset.from_dict({"points": inputs.tolist(), "label": labels.tolist()})
    pruned, model = make_pruned(rows, agent, feedback), Net()
    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            folder,
            per_device_train_batch_size=BATCH // Ranks.here().size,
            learning_rate=0.5,
            optim="sgd",
            max_grad_norm=0.0,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
        )
        assert args.world_size == Ranks.here().size
        PrunedTrainer(model, args, pruned=pruned).train()
    return found(pruned, model)


def by_lightning(agent: str, feedback: str, dealt_twice: bool = False) -> dict[str, Any]:
    import lightning.pytorch as pl

    from prune_env.training.lightning import PruningCallback

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.inside = network()

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            inputs, labels, arms = batch
            return pruned.loss(self.inside(inputs), labels, arms)

        def look_step(self, batch: Any, index: int) -> None:
            inputs, labels, arms = batch
            pruned.look(self.inside(inputs), labels, arms)

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), 0.5)
            schedule = pruned.scheduler(optimizer, lambda progress: 1 - progress)
            return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    size = Ranks.here().size
    pruned, module = make_pruned(points(), agent, feedback), Module()
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=size,
        strategy="ddp" if size > 1 else "auto",
        use_distributed_sampler=dealt_twice,
        max_epochs=-1,
        callbacks=PruningCallback(pruned),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    batches = pruned.batch_sampler(BATCH // size)
    loading = {"sampler": pruned.sampler} if dealt_twice else {"batch_sampler": batches}
    trainer.fit(module, DataLoader(pruned.dataset, **loading))
    return found(pruned, module)


def refused_by_lightning() -> dict[str, Any]:
    return by_lightning("infobatch", "semi", dealt_twice=True)
