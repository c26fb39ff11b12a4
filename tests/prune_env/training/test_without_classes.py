"""Agents in a loop whose samples have no classes, and whose losses have a unit of their own."""

from __future__ import annotations

import numpy as np
import prune_agents
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from prune_env.training import Pruned


def test_labels_that_are_floats_are_no_classes():
    points = TensorDataset(torch.zeros(8, 1), torch.zeros(8))
    pruned = Pruned(points, prune_agents.make("ucb"), epochs=3)
    arms = torch.tensor(list(pruned.sampler))
    with pytest.raises(ValueError, match=r"float32; expected int64: labels.long\(\)"):
        pruned.loss(torch.zeros(len(arms), 3), torch.zeros(len(arms)), arms)


@pytest.mark.parametrize("name", ["ucb1", "swucb", "ducb", "ts_gauss"])
def test_the_highest_loss_of_the_first_round_is_a_reward_of_1(name):
    options = {"sigma": 0.0} if name == "ts_gauss" else {"c": 0.0}
    agent = prune_agents.make(name, keep_ratio=0.5, full_rounds=1, **options)
    points = TensorDataset(torch.zeros(8, 1), torch.zeros(8, 1))
    pruned = Pruned(points, agent, epochs=3)
    for *_, arms in DataLoader(pruned.dataset, 8, sampler=pruned.sampler):
        pruned.record(arms, 40.0 - arms)
    np.testing.assert_allclose(pruned.columns()["agent_sum"], (40 - np.arange(8)) / 40, rtol=1e-6)
    assert sorted(pruned.sampler) == [0, 1, 2, 3]
