"""Prior runs in a loop of one's own, and agents that choose by them."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import prune_agents
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from prune_env.core.traces import Traces
from prune_env.training import Pruned


@pytest.fixture
def network():
    return lambda: nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3))


@pytest.fixture
def recorded(blobs, network, train_epoch):
    """Three epochs on all data, with features."""
    torch.manual_seed(0)
    model = network()
    pruned = Pruned(
        blobs, epochs=6, keep_traces=True, model=model, signals=("features",), quiet=True
    )
    for _ in range(3):
        train_epoch(pruned, model)
    return pruned, model


def test_traces_have_what_every_epoch_has_shown(recorded):
    pruned, _ = recorded
    traces, table = pruned.traces(), pruned.course.rounds.arms.measured
    names = {"loss", "confidence", "margin", "correct", "error_norm", "gradient_norm"}
    assert traces.signals.keys() == names
    assert {array.shape for array in traces.signals.values()} == {(1, 3, 120)}
    np.testing.assert_array_equal(traces.signals["margin"][0, 2], table["margin"][0])
    assert traces.features.shape == (1, 120, 4)
    assert traces.passes == 3 * 3 * 120
    assert traces.seconds > 0
    assert traces.labels.tolist() == [i % 3 for i in range(120)]


def test_the_norm_of_the_gradient_by_the_last_layer(blobs, network):
    """As autograd has it, of one sample."""
    model = network()
    pruned = Pruned(blobs, epochs=1, keep_traces=True, model=model, signals=("features",))
    inputs, labels = blobs.tensors
    next(iter(pruned.sampler))
    pruned.loss(model(inputs), labels, torch.arange(120))
    model.zero_grad()
    nn.functional.cross_entropy(model(inputs[7:8]), labels[7:8]).backward()
    squares = sum(p.grad.square().sum() for p in model[2].parameters())
    assert pruned.traces().signals["gradient_norm"][0, 0, 7] == pytest.approx(squares.sqrt().item())


@pytest.mark.parametrize("name", ["el2n", "grand", "d2", "ccs", "dual"])
def test_an_agent_chooses_by_a_file_of_traces(name, blobs, recorded, tmp_path, train_epoch):
    pruned, model = recorded
    while not pruned.over:
        train_epoch(pruned, model)
    pruned.traces().save(tmp_path / "prior.npz")
    agent = prune_agents.make(name, keep_ratio=0.25)
    chosen = Pruned(blobs, agent, epochs=6, prior=tmp_path / "prior.npz")
    assert len(chosen.sampler) == 30
    rounds = agent.prior(6).rounds
    traces = pruned.traces() if agent.prior(6).features else pruned.traces().first(rounds)
    subset = agent.begin(traces)["subset"][0]
    np.testing.assert_array_equal(chosen.course.kept_in(0), subset)
    train_epoch(chosen, model)
    assert chosen.summary().prior_passes == pruned.traces().passes == 6 * 3 * 120


def test_a_file_gives_back_what_was_saved(recorded, tmp_path):
    traces = recorded[0].traces()
    traces.save(tmp_path / "t.npz")
    back = Traces.load(tmp_path / "t.npz")
    assert (back.passes, back.seconds, back.trained) == (traces.passes, traces.seconds, None)
    assert back.signals.keys() == traces.signals.keys()
    np.testing.assert_array_equal(back.signals["loss"], traces.signals["loss"])
    np.testing.assert_array_equal(back.features, traces.features)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("el2n", {}, r"EL2N chooses by a prior run.*keep_traces=True\) after its first 2 epochs"),
        ("d2", {}, r"keep_traces=True, model=model, signals=\('features',\)\) after its first 8"),
        ("grand_full", {"traces": True}, "GraNdFull wants gradient_norm_all of a prior run"),
        ("rho_loss", {"twice": True}, r"RhoLoss wants prior runs that leave out one half"),
        ("rho_loss", {"traces": True}, r"wants 2 prior runs of 8 epochs; the traces are of 1 of 8"),
        ("forgetting", {"short": True}, "wants 1 prior run of 8 epochs; the traces are of 1 of 3"),
        ("d2", {"traces": True}, "D2 wants the features of a prior run; record it with model="),
        ("el2n", {"other": True}, "the prior run is of 7 samples; the data set has 120"),
        ("el2n", {"none": True}, r"prior is \[\]; expected what traces\(\) gives, a file of"),
        (
            "el2n",
            {"unlike": True},
            r"loss of 120 samples in 8 epochs, and .*loss of .* in 3 epochs; ex",
        ),
    ],
)
def test_what_a_prior_run_lacks_is_said(name, options, message, blobs):
    def traces(rounds, num_arms=120):
        signals = {n: np.ones((1, rounds, num_arms), np.float32) for n in ("loss", "error_norm")}
        return Traces(signals, 9, 1.0, 1.0, np.zeros(num_arms, np.int64))

    whole = traces(8)
    priors = {"traces": whole, "twice": [whole] * 2, "short": traces(3), "other": traces(8, 7)}
    priors |= {"none": [], "unlike": [whole, traces(3)]}
    prior = next((priors[key] for key in options), None)
    with pytest.raises(ValueError, match=message):
        Pruned(blobs, prune_agents.make(name), epochs=8, prior=prior)


def test_a_prior_run_of_the_data_in_another_order_is_noted(blobs, recorded, train_epoch):
    pruned, model = recorded
    while not pruned.over:
        train_epoch(pruned, model)
    traces, agent = pruned.traces(), prune_agents.make("forgetting")
    shuffled = TensorDataset(*(tensor.roll(1, 0) for tensor in blobs.tensors))
    with pytest.warns(UserWarning, match="in the prior run 120 of 120 samples have another label"):
        Pruned(shuffled, agent, epochs=6, prior=traces)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Pruned(blobs, agent, epochs=6, prior=traces)


def test_a_prior_run_that_left_samples_out_is_noted(blobs, linear, train_epoch):
    kept = prune_agents.make("random_dynamic", keep_ratio=0.25)
    prior = Pruned(blobs, kept, epochs=3, keep_traces=True, quiet=True)
    for _ in range(3):
        train_epoch(prior, linear())
    message = "has trained on 25.0% of its samples: Forgetting chooses by a run that keeps everyt"
    with pytest.warns(UserWarning, match=message):
        Pruned(blobs, prune_agents.make("forgetting"), epochs=3, prior=prior.traces())


def test_without_keep_traces_there_are_none(blobs):
    with pytest.raises(ValueError, match="there are no traces; pass keep_traces=True"):
        Pruned(blobs, epochs=2).traces()
    with pytest.raises(ValueError, match="no epoch is over"):
        Pruned(blobs, epochs=2, keep_traces=True).traces()


def test_a_prior_run_without_classes_has_only_losses(blobs):
    prior = Pruned(blobs.tensors[0], epochs=2, keep_traces=True, quiet=True)
    arms = torch.tensor(list(prior.sampler))
    prior.record(arms, torch.rand(120))
    with pytest.raises(ValueError, match="EL2N reads error_norm of a prior run, which these trac"):
        Pruned(blobs, prune_agents.make("el2n", prior_rounds=1), epochs=2, prior=prior.traces())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"passes": np.zeros(2)}, "passes is float64 of shape (2,); expected shape ()"),
        ({"seconds": np.float64(np.nan)}, "seconds is nan; allowed is 0 or more"),
        ({"labels": np.zeros(5)}, "labels is float64 of shape (5,); expected shape (5,)"),
        ({"labels": np.arange(4)}, "labels is int64 of shape (4,); expected shape (5,)"),
        ({"signals/loss": np.zeros((3, 5), np.float32)}, "expected runs x rounds x arms"),
        ({"signals/loss": np.zeros((1, 0, 5), np.float32)}, "expected runs x rounds x arms"),
        ({"signals/margin": np.zeros((1, 2, 5), np.float32)}, "expected shape (1, 3, 5)"),
        ({"trained": np.zeros((1, 5), np.float32)}, "trained is float32 of shape (1, 5)"),
        ({"features": np.zeros((1, 4, 2), np.float32)}, "features is float32 of shape (1, 4, 2)"),
    ],
)
def test_a_file_of_something_else_is_no_prior_run(tmp_path, changed, said):
    arrays = {"signals/loss": np.ones((1, 3, 5), np.float32), "labels": np.arange(5)}
    arrays |= {"passes": np.int64(45), "seconds": np.float64(1), "cpu_seconds": np.float64(1)}
    np.savez(tmp_path / "prior.npz", **arrays)
    assert Traces.load(tmp_path / "prior.npz").passes == 45
    np.savez(tmp_path / "prior.npz", **arrays | changed)
    with pytest.raises(ValueError, match=r"prior\.npz holds no traces: ") as error:
        Traces.load(tmp_path / "prior.npz")
    assert said in str(error.value)


def test_prior_runs_of_other_samples_are_not_joined(blobs, recorded):
    traces = recorded[0].traces()
    other = replace(traces, labels=np.roll(traces.labels, 1))
    with pytest.raises(ValueError, match="prior runs have other labels of 120 samples; expected"):
        Pruned(blobs, prune_agents.make("el2n"), epochs=6, prior=[traces, other])
