"""What agents read of the network of a loop: its features, and the losses under its average."""

from __future__ import annotations

import gc
import math
import warnings
import weakref

import numpy as np
import pytest
import torch
from keeps import Keeps
from torch import nn
from torch.utils.data import DataLoader

from prune_env.notices import Notice
from prune_env.training import Pruned


def test_features_are_what_goes_into_the_last_layer(blobs):
    hidden = nn.Linear(2, 4)
    model = nn.Sequential(hidden, nn.Tanh(), nn.Linear(4, 3))
    agent = Keeps(6, 6, signals=("features",))
    pruned = Pruned(blobs, agent, epochs=2, model=model)
    for inputs, labels, arms in DataLoader(pruned.dataset, 4, sampler=pruned.sampler):
        pruned.loss(model(inputs), labels, arms)
    expected = torch.tanh(hidden(blobs.tensors[0][:6])).detach()
    np.testing.assert_allclose(agent.shown[1]["features"][:6], expected, rtol=1e-5)
    assert not agent.shown[1]["features"][6:].any()
    next(iter(pruned.sampler))
    with pytest.raises(ValueError, match=r"the last linear layer of the network saw nothing"):
        pruned.loss(torch.zeros(2, 3), torch.tensor([0, 1]), torch.tensor([0, 1]))


class Heads(nn.Module):
    """The first of its linear layers makes the logits; the last is called after it, or never."""

    def __init__(self, others=4, called=True, scale=1.0):
        super().__init__()
        self.head, self.trunk = nn.Linear(5, 3), nn.Linear(2, 5)
        self.rotation, self.called, self.scale = nn.Linear(5, others), called, scale

    def forward(self, inputs):
        self.hidden = torch.tanh(self.trunk(inputs))
        logits = self.head(self.hidden)
        self.extra = self.rotation(self.hidden + 1) if self.called else None
        return logits * self.scale


@pytest.mark.parametrize("called", [True, False])
def test_features_are_of_the_layer_that_has_a_number_for_each_class(called, blobs):
    agent, model = Keeps(6, 6, signals=("features",)), Heads(called=called)
    pruned = Pruned(blobs, agent, epochs=2, model=model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for inputs, labels, arms in DataLoader(pruned.dataset, 4, sampler=pruned.sampler):
            pruned.loss(model(inputs), labels, arms)
    model(blobs.tensors[0][:6])
    np.testing.assert_allclose(agent.shown[1]["features"][:6], model.hidden.detach(), rtol=1e-5)


@pytest.mark.parametrize("options", [{"others": 3}, {"scale": 2.0}])
def test_logits_that_are_not_the_output_of_that_layer_are_told_of_once(options, blobs):
    model = Heads(**options)
    pruned = Pruned(blobs, Keeps(6, 6, signals=("features",)), epochs=2, model=model)
    name = "rotation" if "others" in options else "head"
    batches = iter(DataLoader(pruned.dataset, 2, sampler=pruned.sampler))
    inputs, labels, arms = next(batches)
    with pytest.warns(Notice, match=f"goes into the linear layer '{name}', and the logits"):
        pruned.loss(model(inputs), labels, arms)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for inputs, labels, arms in batches:
            pruned.loss(model(inputs), labels, arms)


def test_the_layer_itself_may_be_given(blobs):
    model = Heads(others=3, called=False)
    agents = [Keeps(6, 6, signals=("features",)) for _ in range(2)]
    first, second = (
        Pruned(blobs, agent, epochs=2, model=given, quiet=True)
        for agent, given in zip(agents, (model, model.head), strict=True)
    )
    inputs, labels, arms = next(iter(DataLoader(first.dataset, 6, sampler=first.sampler)))
    with pytest.raises(ValueError, match=r"saw nothing; .*'rotation' does not make .* model="):
        first.loss(model(inputs), labels, arms)
    next(iter(second.sampler))
    second.loss(model(inputs), labels, arms)
    np.testing.assert_allclose(agents[1].shown[1]["features"][arms], model.hidden.detach())


def test_features_outlive_the_activations_that_they_are_a_view_of(blobs):
    class FirstToken(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Linear(2, 20), nn.Linear(4, 3)

        def forward(self, inputs):
            self.tokens = self.embed(inputs).view(-1, 5, 4)
            return self.head(self.tokens[:, 0])

    agent, model = Keeps(6, 6, signals=("features",)), FirstToken()
    pruned = Pruned(blobs, agent, epochs=2, model=model)
    expected = np.zeros((6, 4), np.float32)
    for inputs, labels, arms in DataLoader(pruned.dataset, 3, sampler=pruned.sampler):
        logits = model(inputs)
        expected[arms] = model.tokens[:, 0].detach()
        pruned.loss(logits, labels, arms)
        model.tokens.data.zero_()  # as what runs in place does, or a backward pass
    assert expected.any(axis=1).all()
    np.testing.assert_array_equal(agent.shown[1]["features"][:6], expected)


def test_the_reference_is_the_average_that_is_given(blobs, linear):
    model = linear()
    average = torch.optim.swa_utils.AveragedModel(model)
    with torch.no_grad():
        average.module.weight.zero_()
    agent = Keeps(6, 6, signals=("loss", "reference_loss"))
    pruned = Pruned(blobs, agent, epochs=2, model=model, reference=average)
    for inputs, labels, arms in DataLoader(pruned.dataset, 4, sampler=pruned.sampler):
        pruned.loss(model(inputs), labels, arms)
    assert agent.shown[1]["reference_loss"][:6].tolist() == pytest.approx([math.log(3)] * 6)
    assert agent.shown[1]["loss"][:6].std() > 0.01
    assert int(pruned.course.rounds.ledger.charged[0]) == 4 * 6  # a forward pass more


def normalised() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3))


def test_the_reference_draws_nothing(blobs):
    """So the dropout of the network itself is the same, whether or not an agent reads it."""
    weights = []
    for signals in ((), ("reference_loss",)):
        model, agent = normalised(), Keeps(60, 60, signals=("loss", *signals))
        average = torch.optim.swa_utils.AveragedModel(model)
        pruned = Pruned(blobs, agent, epochs=2, model=model, reference=average, quiet=True)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for inputs, labels, arms in DataLoader(pruned.dataset, 20, sampler=pruned.sampler):
            pruned.loss(model(inputs), labels, arms).backward()
            optimizer.step()
        weights.append(model[0].weight)
    assert torch.equal(*weights)


def test_the_reference_normalises_as_the_network_does_and_gets_its_modes_back(blobs):
    model, agent = normalised(), Keeps(60, 60, signals=("loss", "reference_loss"))
    average = torch.optim.swa_utils.AveragedModel(model)
    average.module[0].eval()
    modes = [module.training for module in average.modules()]
    model[2].p = 0.0
    pruned = Pruned(blobs, agent, epochs=2, model=model, reference=average, feedback="full")
    for inputs, labels, arms in DataLoader(pruned.dataset, 20, sampler=pruned.sampler):
        pruned.loss(model(inputs), labels, arms)
    model.eval()
    for inputs, labels, arms in DataLoader(pruned.dataset, 20, sampler=pruned.rest):
        pruned.look(model(inputs), labels, arms)
    shown = agent.shown[1]
    np.testing.assert_array_equal(shown["reference_loss"], shown["loss"])
    assert [module.training for module in average.modules()] == modes


def test_a_network_forgets_a_loop_that_is_gone(blobs, linear):
    """Neither hooks nor the last batch nor the average stay with it."""
    model, reference = linear(), linear()
    of_average = weakref.ref(reference)
    signals = ("features", "reference_loss")
    pruned = Pruned(blobs, epochs=2, model=model, reference=reference, signals=signals, quiet=True)
    assert model._forward_hooks
    assert model._forward_pre_hooks
    model(blobs.tensors[0])
    del pruned, reference
    gc.collect()
    assert not model._forward_hooks
    assert not model._forward_pre_hooks
    assert of_average() is None
