"""What a loop is told while nothing is wrong with its code."""

from __future__ import annotations

import pytest
import torch

from prune_env.notices import Notice
from prune_env.training import Pruned


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (
            [50.0, 2e4, 9e4, 99.0],
            r"in epoch 0 2 of 4 losses are below 0 or above 100, and look like 0 or 100 to the "
            r"agent, all alike: record them smaller, pruned\.record\(arms, losses / 1000\) \* 1000",
        ),
        ([-1.0, 5.0, 5.0, 5.0], "in epoch 0 1 of 4 losses are below 0 or .*, all alike$"),
    ],
)
def test_losses_that_an_agent_cannot_tell_apart(losses, message):
    pruned = Pruned(range(4), epochs=2)
    arms = torch.tensor(list(pruned.sampler))
    with pytest.warns(Notice, match=message):
        pruned.record(arms, torch.tensor(losses)[arms])


def test_what_is_recorded_smaller_is_trained_on_as_it_is():
    """As the note says; and the agent tells the losses apart."""
    pruned = Pruned(range(4), epochs=2)
    arms = torch.tensor(list(pruned.sampler))
    losses = torch.tensor([50.0, 2e4, 9e4, 99.0])
    loss = pruned.record(arms, losses[arms] / 1000) * 1000
    assert loss.item() == pytest.approx(losses.mean().item())
    assert pruned.columns()["loss"] == pytest.approx([0.05, 20, 90, 0.099])


def test_drop_last_leaves_the_last_epoch_open_and_is_told_so(blobs, linear, train_epoch, taking):
    """Its summary does not come; with fewer samples than a batch nothing is trained on at all."""
    pruned, model = Pruned(blobs, taking(100, 8), epochs=2), linear()
    train_epoch(pruned, model, drop_last=True)
    with pytest.warns(Notice, match="a last epoch of which some are left never ends, and prints"):
        assert train_epoch(pruned, model, drop_last=True) == []
    assert (pruned.epoch, pruned.over) == (1, False)
    train_epoch(pruned, model, drop_last=True)  # one may have been read ahead
    with pytest.warns(Notice, match=r"all 8 .* where drop_last=True drops so few, take batch_samp"):
        train_epoch(pruned, model, drop_last=True)
    train_epoch(pruned, model, batch_sampler=pruned.batch_sampler(16))
    assert pruned.over
