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


def test_what_losses_do_not_tell_is_nowhere(blobs):
    """Labels that look like classes: the loop takes them for numbers, and tells only losses."""
    pruned = Pruned(blobs, epochs=2, keep_traces=True, quiet=True)
    for epoch in range(2):
        pruned.record(torch.tensor(list(pruned.sampler)), torch.rand(120) + epoch)
    assert pruned.traces().signals.keys() == {"loss"}
    assert not {"confidence", "margin", "correct", "error_norm"} & pruned.columns().keys()
    with pytest.raises(ValueError, match="AUM reads margin of a prior run, which these traces do"):
        Pruned(blobs, prune_agents.make("aum", prior_rounds=1), epochs=2, prior=pruned.traces())


def test_the_traces_of_a_loop_of_losses_that_went_on_have_only_those(blobs):
    def make():
        return Pruned(blobs, epochs=2, keep_traces=True, quiet=True)

    before, after = make(), make()
    before.record(torch.tensor(list(before.sampler)), torch.rand(120))
    after.load_state_dict(before.state_dict())
    assert "margin" not in after.columns()
    after.record(torch.tensor(list(after.sampler)), torch.rand(120))
    assert after.traces().signals.keys() == {"loss"}


@pytest.mark.parametrize(
    ("agent", "options", "said"),
    [
        (None, {"signals": ("confidence",)}, "signals has confidence, which losses do not tell"),
        ("molpeg", {}, "MolPeg reads reference_loss, which losses do not tell; call loss"),
    ],
)
def test_who_asks_for_what_losses_do_not_tell_is_refused(agent, options, said, blobs, linear):
    chooses = agent and prune_agents.make(agent)
    model, reference = linear(), linear()
    pruned = Pruned(blobs, chooses, epochs=2, model=model, reference=reference, **options)
    arms = torch.tensor(list(pruned.sampler))
    model(blobs.tensors[0][arms])
    with pytest.raises(ValueError, match=said):
        pruned.record(arms, torch.rand(len(arms)))


@pytest.mark.parametrize("name", ["infobatch", "bls", "seta", "infobatch_k"])
def test_an_arm_never_seen_is_not_the_easiest(name):
    """Where there are no classes an environment shows a loss of 0 of it."""
    agent, seen = prune_agents.make(name), np.array([0, 0, 1, 1], np.float32)
    shown = {"seen": 0 * seen, "loss": 0 * seen, "progress": np.zeros(1, np.float32)}
    _, state = agent.predict(shown)
    shown |= {"seen": seen, "loss": np.array([0, 0, 3, 1], np.float32)}
    _, state = agent.predict(shown, state)
    losses = agent.losses(state, {entry: array[None] for entry, array in shown.items()})
    assert losses.tolist() == [[3, 3, 3, 1]]


@pytest.mark.parametrize("name", ["infobatch", "bls"])
def test_what_an_epoch_left_out_is_in_the_next(name):
    pruned = Pruned([0.0] * 16, prune_agents.make(name, delta=1.0), epochs=9, quiet=True)
    seen = np.array(list(pruned.sampler))[:8]
    pruned.record(torch.tensor(seen), torch.arange(1.0, 9.0))
    next(iter(pruned.sampler))
    kept, unseen = pruned.course.kept_in(1), np.setdiff1d(np.arange(16), seen)
    assert kept[unseen].all()
    assert pruned.course.weights[unseen].tolist() == [1] * 8
