"""Accelerate prepares a loop over a `Pruned`, saves it and goes on."""

from __future__ import annotations

import prune_agents
import pytest
import torch
from torch.utils.data import DataLoader

from prune_env.training import Pruned

accelerate = pytest.importorskip("accelerate", reason="pip install prune_env[transformers]")

from prune_env.training.accelerate import prepare  # noqa: E402


class Script:
    """A loop as Accelerate has it."""

    def __init__(self, blobs, linear, agent):
        self.pruned = Pruned(blobs, agent, epochs=3, seed=2, quiet=True)
        self.accelerator = accelerate.Accelerator(cpu=True)
        self.accelerator.register_for_checkpointing(self.pruned)
        model = linear()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        scheduler = self.pruned.scheduler(optimizer, lambda progress: 1 - progress)
        self.loader = prepare(
            DataLoader(self.pruned.dataset, batch_sampler=self.pruned.batch_sampler(16)),
            self.accelerator,
        )
        self.model, self.optimizer, self.scheduler = self.accelerator.prepare(
            model, optimizer, scheduler
        )
        self.arms: list[list[int]] = []

    def run(self, steps=10**9):
        while not self.pruned.over:
            for inputs, labels, arms in self.loader:
                loss = self.pruned.loss(self.model(inputs), labels, arms)
                self.optimizer.zero_grad()
                self.accelerator.backward(loss)
                self.optimizer.step()
                self.scheduler.step()
                self.arms.append(arms.tolist())
                if len(self.arms) == steps:
                    return self
        return self


def test_it_goes_on_from_a_saved_state(blobs, linear, taking, tmp_path):
    agent = taking(16, 64, 40)
    whole = Script(blobs, linear, agent).run()
    assert [len(arms) for arms in whole.arms] == [16] + [16] * 4 + [13, 13, 14]
    assert whole.optimizer.param_groups[0]["lr"] == 0
    for steps in (3, 5):
        stopped = Script(blobs, linear, agent).run(steps)
        stopped.accelerator.save_state(str(tmp_path / str(steps)))
        resumed = Script(blobs, linear, agent)
        resumed.accelerator.load_state(str(tmp_path / str(steps)))
        assert resumed.run().arms == whole.arms[steps:]
        assert torch.equal(resumed.model.weight, whole.model.weight)


def test_it_trains_what_a_plain_loop_trains(blobs, linear, train_run):
    agent = prune_agents.make("ucb")
    script = Script(blobs, linear, agent).run()
    plain, model = Pruned(blobs, agent, epochs=3, seed=2, quiet=True), linear()
    trained = train_run(plain, model, batch_sampler=plain.batch_sampler(16))
    assert script.arms == trained
    assert torch.equal(script.model.weight, model.weight)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("accelerator", "loader", "^loader is a Accelerator; expected DataLoader$"),
        ("pruned", "accelerator", "^loader is a Pruned; expected DataLoader$"),
        ("loader", "pruned", "^accelerator is a Pruned; expected Accelerator$"),
    ],
)
def test_what_is_no_loader_and_accelerator_is_refused(first, second, message, blobs, linear):
    script = Script(blobs, linear, None)
    with pytest.raises(ValueError, match=message):
        prepare(getattr(script, first), getattr(script, second))
