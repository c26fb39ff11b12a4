"""What is refused before anything is trained, in a line that says what is allowed."""

from __future__ import annotations

import math

import numpy as np
import prune_agents
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from prune_env.training import Collate, Pruned


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 2, "seed": -1}, "seed is -1; allowed is 0 or more"),
        ({}, "epochs is None and budget is None; expected one of them"),
        ({"epochs": 0}, "epochs is 0; allowed is 1 or more"),
        ({"epochs": 2, "num_classes": 2}, "num_classes is 2; allowed is 3 or more"),
        ({"epochs": "3"}, "epochs is '3'; expected int"),
        ({"budget": math.nan}, "budget is nan; allowed is above 0"),
        ({"epochs": 2, "num_validation": -3}, "num_validation is -3; allowed is 0 or more"),
        (
            {"epochs": 2, "labels": np.full(120, 2**63, np.uint64)},
            r"labels are uint64 of shape \(120,\); expected .*, 0 or more, below 2\*\*63",
        ),
        (
            {"epochs": 2, "labels": [0.5] * 120},
            r"labels are float64 of shape \(120,\); expected \(120,\) integers, 0 or more",
        ),
        ({"epochs": 2, "agent": "ucb"}, "agent is 'ucb'; expected an object with predict"),
        (
            {"epochs": 2, "agent": prune_agents.Agent},
            r"agent is <class .*Agent'>; expected an object .*; make one: Agent\(\)",
        ),
        ({"epochs": 2, "agent": nn.ReLU}, "agent is <class .*; expected an object with predict"),
        ({"epochs": 2, "agent": nn.ReLU()}, "agent is a ReLU; expected an object with predict"),
        ({"epochs": 2, "signals": ("features",)}, "signals has features, which .* pass model="),
        ({"epochs": 2, "seed": "a"}, "seed is 'a'; expected int"),
        ({"epochs": 2, "seed": None}, "seed is None; expected int"),
        ({"epochs": 2, "signals": "loss"}, "signals is 'loss'; expected a list of str"),
        ({"epochs": 2, "signals": ("los",)}, r"unknown signal 'los' \(did you mean loss\?\)"),
        ({"epochs": 2, "num_classes": 10.0}, r"num_classes is 10\.0; expected int or None"),
        ({"epochs": 2, "num_validation": "x"}, "num_validation is 'x'; expected int"),
        ({"epochs": 2, "feedback": True}, "feedback is True; expected 'semi' or 'full'"),
        ({"epochs": 2, "model": nn.Linear}, "model is <class .*Linear'>; expected Module or None"),
        ({"epochs": 2, "reference": 0.99}, r"reference is 0\.99; expected Module or None"),
        ({"epochs": 2, "quiet": "no"}, "quiet is 'no'; expected bool"),
        ({"epochs": 2, "prior": "x.npz"}, "everything chooses by no prior run; leave out prior="),
        (
            {"epochs": 2, "agent": prune_agents.make("el2n"), "prior": torch.zeros(120)},
            r"prior is a Tensor; expected what traces\(\) gives, a file of that, or a list",
        ),
    ],
)
def test_bad_arguments_are_named(blobs, options, message):
    with pytest.raises(ValueError, match=message):
        Pruned(blobs, **options)


class Stream(IterableDataset):
    """Knows how long it is, and inherits a `__getitem__` which only raises."""

    def __len__(self):
        return 5

    def __iter__(self):
        return iter(range(5))


@pytest.mark.parametrize(
    ("dataset", "kind"),
    [
        (DataLoader([0, 1]), "DataLoader"),
        ({"train": [0], "test": [1]}, "dict"),
        (iter(()), "tuple"),
        ("cifar10", "str"),
        (Stream(), "Stream"),
    ],
)
def test_what_is_no_map_style_data_set_is_refused(dataset, kind):
    with pytest.raises(ValueError, match=f"dataset is a {kind}.*; expected a map-style data set"):
        Pruned(dataset, epochs=2)


def test_inputs_and_labels_are_no_data_set(blobs):
    with pytest.raises(ValueError, match=r"tuple of 2 arrays or tensors; .* TensorDataset\(inputs"):
        Pruned(blobs.tensors, epochs=2)
    assert Pruned(((blobs[0]), (blobs[1])), epochs=2).num_arms == 2  # a tuple of samples is one


class Mine:
    """An agent of somebody's, who forgot a comma."""

    signals = "loss"

    def predict(self, observation, state=None): ...


def test_the_signals_of_an_agent_are_a_list(blobs):
    with pytest.raises(ValueError, match="the signals of Mine is 'loss'; expected a list of str"):
        Pruned(blobs, Mine(), epochs=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda pruned: pruned.batch_sampler("32"), "batch_size is '32'; expected int"),
        (lambda pruned: pruned.to_csv("a.xlsx"), r"path is 'a\.xlsx'; allowed is a name in \.csv"),
        (lambda pruned: pruned.to_npz("a.csv"), r"path is 'a\.csv'; allowed is a name in \.npz"),
        (lambda pruned: pruned.load_state_dict(None), "the state is None; expected what state_di"),
        (lambda pruned: Collate("x"), "collate_fn is 'x'; expected a function"),
    ],
)
def test_what_is_called_with_something_else(blobs, call, message):
    with pytest.raises(ValueError, match=message):
        call(Pruned(blobs, epochs=2))


def test_a_state_of_something_else_is_refused(blobs, linear):
    with pytest.raises(ValueError, match=r"has \['weight', 'bias'\]; expected what state_dict"):
        Pruned(blobs, epochs=1).load_state_dict(linear().state_dict())


def test_a_state_of_an_agent_with_other_options_is_refused(blobs):
    states = [
        Pruned(blobs, prune_agents.make("ucb", keep_ratio=keep), epochs=2) for keep in (0.3, 0.4)
    ]
    with pytest.raises(ValueError, match=r"agent_options {'keep_ratio': 0\.3, .*; now it is {'ke"):
        states[1].load_state_dict(states[0].state_dict())
