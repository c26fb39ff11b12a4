"""A loop on a CUDA device, without a GPU: no step waits for it, and what an epoch copies."""

from __future__ import annotations

import numpy as np
import prune_agents
import pytest
import torch
from fake_cuda import Watch, fake_cuda

from prune_env.training import Pruned
from prune_env.training import pruned as module


@pytest.mark.parametrize(
    ("agent", "weights"),
    [("ucb", 0), ("infobatch", 3)],  # infobatch's go to the device, one copy a batch
)
def test_an_epoch_waits_for_the_device_once(agent, weights, monkeypatch):
    labels = torch.arange(90) % 3
    pruned = Pruned(range(90), prune_agents.make(agent, keep_ratio=1), epochs=3, labels=labels)
    batches = list(pruned.batch_sampler(30))
    # a fake device makes of the arms, which are on the host, a tensor without values
    monkeypatch.setattr(module, "on_host", lambda arms, size, num_arms: np.array(arms))
    with fake_cuda():
        logits = torch.zeros(30, 3, device="cuda", requires_grad=True)
        targets = torch.zeros(30, dtype=torch.int64, device="cuda")
        with Watch() as watch:
            for number, arms in enumerate(batches, 1):
                loss = pruned.loss(logits, targets, arms)
                assert (loss.device.type, loss.shape) == ("cuda", ())
                # the labels of the first batch are compared with those of the data set
                assert watch.copies["cuda to cpu"] == 1 + (number == 3)
    assert pruned.epoch == 1
    assert watch.copies["cpu to cuda"] == weights
