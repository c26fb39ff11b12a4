"""What a loop is told while nothing is wrong with its code."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import prune_agents
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from prune_env.learners.ranks import Ranks
from prune_env.notices import Notice
from prune_env.training import Pruned
from prune_env.training.visit import MOST_UNRECORDED


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (
            [50.0, 2e4, 9e4, 99.0],
            r"losses below 0 or above 100 look like 0 or 100 to the agent, all alike: record them "
            r"smaller, pruned\.record\(arms, losses / 1000\) \* 1000",
        ),
        ([-1.0, 5.0, 5.0, 5.0], "losses below 0 or above 100 .*, all alike$"),
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


def test_epochs_that_are_cut_off_are_told_of_once(blobs, linear, train_epoch):
    pruned, model = Pruned(blobs, epochs=5), linear()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(5):
            train_epoch(pruned, model, drop_last=True)
    assert ["were never recorded" in str(each.message) for each in told] == [True]
    assert pruned.epoch == 4


def test_drop_last_leaves_the_last_epoch_open_and_is_told_so(blobs, linear, train_epoch, taking):
    """Its summary does not come; with fewer samples than a batch nothing is trained on at all."""
    pruned, model = Pruned(blobs, taking(100, 8), epochs=2), linear()
    train_epoch(pruned, model, drop_last=True)
    with pytest.warns(Notice, match="a last epoch of which some are left never ends, and is mis"):
        assert train_epoch(pruned, model, drop_last=True) == []
    assert (pruned.epoch, pruned.over) == (1, False)
    train_epoch(pruned, model, drop_last=True)  # one may have been read ahead
    with pytest.warns(Notice, match=r"all 8 .* where drop_last=True drops so few, take batch_samp"):
        train_epoch(pruned, model, drop_last=True)
    train_epoch(pruned, model, batch_sampler=pruned.batch_sampler(16))
    assert pruned.over


def test_a_generator_that_goes_on_for_ever_is_stopped_beyond_the_end(blobs, linear, train_epoch):
    pruned = Pruned(blobs, epochs=1)
    train_epoch(pruned, linear())
    loader = DataLoader(pruned.dataset, 16, sampler=pruned.sampler)
    forever = (batch for _ in iter(int, 1) for batch in loader)
    with (
        pytest.warns(Notice, match="the run is over after 1 epoch"),
        pytest.raises(ValueError, match="the run is over after 1 epoch: there are no more samples"),
    ):
        next(forever)


@pytest.mark.parametrize(
    ("options", "epochs", "loading", "line"),
    [
        ({"epochs": 5}, 3, {}, "after 3 of 5 epochs: the agent and pruned.scheduler go by epochs"),
        (
            {"epochs": 2},
            2,
            {"drop_last": True},
            "after 1 of 2 epochs and a part of the next: the a",
        ),
        (
            {"budget": 4.0},
            3,
            {},
            "after 75% of its budget: the agent and pruned.scheduler go by bu",
        ),
        ({"epochs": 3}, 3, {}, None),
        ({"epochs": 3}, 0, {}, None),
        ({"epochs": 5, "quiet": True}, 3, {}, None),
        ({"epochs": 5, "keep_traces": True}, 3, {}, None),
    ],
)
@pytest.mark.filterwarnings("ignore::prune_env.notices.Notice")
def test_a_loop_that_ends_before_its_run_is_told_so(
    options, epochs, loading, line, blobs, linear, train_epoch, capsys
):
    pruned = Pruned(blobs, **options)
    for _ in range(epochs):
        train_epoch(pruned, linear(), **loading)
    capsys.readouterr()
    del pruned
    shown = capsys.readouterr().out.splitlines()
    if line is None:
        assert shown == []
    else:
        assert shown[0].startswith(f"the loop has ended {line}")
        assert "of 120 samples: " in shown[1]
        assert ("drop_last=True has left it open" in shown[0]) == bool(loading)


@pytest.mark.parametrize(("passes", "rank", "times"), [(0, 0, 0), (1, 0, 1), (1, 1, 0)])
def test_a_loop_that_recorded_nothing_is_told_so_at_its_end(
    passes, rank, times, blobs, monkeypatch
):
    """One pass may be for something else; who never goes on has forgotten pruned.loss."""
    with monkeypatch.context() as patch:
        patch.setattr(Ranks, "here", lambda: Ranks(rank, 1))
        pruned = Pruned(blobs, epochs=passes + 1, quiet=True)
    loader = DataLoader(pruned.dataset, 16, sampler=pruned.sampler)
    for _ in range(passes):
        assert sum(len(arms) for _, _, arms in loader) == 120
    del loader
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        del pruned
    expected = "all 120 samples of an epoch were drawn and none was recorded, so no other epoch"
    assert [str(of.message).startswith(expected) for of in told] == [True] * times


def test_a_loop_that_waits_for_the_end_and_records_nothing_is_stopped(blobs):
    pruned = Pruned(blobs, epochs=2, quiet=True)
    loader = DataLoader(pruned.dataset, 60, sampler=pruned.sampler)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        for _ in range(MOST_UNRECORDED + 1):
            assert len(list(loader)) == 2
            assert not pruned.over
    with pytest.raises(ValueError, match="none was recorded, so no other epoch follows: call pru"):
        list(loader)


def test_a_run_that_failed_is_not_told_how_it_ended(
    blobs, linear, train_epoch, capsys, monkeypatch
):
    """As where a script ends because of an error."""
    pruned = Pruned(blobs, epochs=3)
    train_epoch(pruned, linear())
    monkeypatch.setattr(sys, "last_value", ValueError(), raising=False)
    del pruned
    assert capsys.readouterr().out == ""


def test_other_classes_in_the_loop_than_in_the_data_set_are_noted(blobs, linear):
    """As after a target_transform, or where the last tensor numbers the samples."""
    inputs, labels = blobs.tensors
    numbered = TensorDataset(inputs, labels, torch.arange(120) + 3)
    pruned = Pruned(numbered, epochs=1, quiet=True)
    inputs, labels, _, arms = next(iter(DataLoader(pruned.dataset, 8, sampler=pruned.sampler)))
    with pytest.warns(Notice, match="8 of 8 samples of the first batch have another class in the"):
        pruned.loss(linear()(inputs), labels, arms)
    told = Pruned(numbered, epochs=1, labels=blobs.tensors[1], quiet=True)
    inputs, labels, _, arms = next(iter(DataLoader(told.dataset, 8, sampler=told.sampler)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told.loss(linear()(inputs), labels, arms)


def test_ratings_are_no_classes():
    """Of losses above log 6 all would be the highest reward, so that nothing was learned of any."""
    stars, losses = torch.arange(200) % 5 + 1, 2 + torch.arange(200) / 20
    rated = TensorDataset(torch.zeros(200, 3), stars)

    def rewards(**options):
        agent = prune_agents.make("ucb1", keep_ratio=1.0)
        pruned = Pruned(rated, agent, epochs=2, quiet=True, **options)
        arms = torch.tensor(list(pruned.sampler))
        pruned.record(arms, losses[arms])
        return pruned.columns()["agent_sum"]

    with pytest.warns(
        Notice, match=r"are taken for 6 classes, .* loses, 1.79; pass labels=\[0\] \* 2"
    ):
        np.testing.assert_array_equal(rewards(), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(rewards(labels=[0] * 200), losses / losses.max(), rtol=1e-6)
        np.testing.assert_array_equal(rewards(num_classes=6), 1)


def test_a_loss_without_gradients_counts_as_trained_on_and_is_told_so(blobs, linear):
    """As where one function goes through the data to train and to evaluate."""
    pruned, model = Pruned(blobs, epochs=2), linear()
    (inputs, labels, arms), *_ = DataLoader(pruned.dataset, 16, sampler=pruned.sampler)
    with torch.no_grad(), pytest.warns(Notice, match="has a gradient, as under torch.no_grad, and"):
        pruned.loss(model(inputs), labels, arms)


def test_logits_may_be_detached_where_another_loss_is_trained_on(blobs, linear):
    pruned, model = Pruned(blobs, epochs=2), linear()
    (inputs, labels, arms), *_ = DataLoader(pruned.dataset, 16, sampler=pruned.sampler)
    logits = model(inputs)
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        pruned.loss(logits.detach(), labels, arms, losses).backward()


def test_a_data_set_that_grows_is_told_of(linear, train_epoch):
    class Growing(list):
        targets = None

    data = Growing((torch.zeros(2), i % 3) for i in range(32))
    pruned = Pruned(data, epochs=2, num_classes=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        train_epoch(pruned, linear())
    data.append((torch.zeros(2), 0))
    with pytest.warns(Notice, match="the data set has 33 samples, and had 32 when Pruned was made"):
        train_epoch(pruned, linear())
