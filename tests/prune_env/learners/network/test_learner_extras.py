"""What a network measures beside its losses: features, and the loss of a reference."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from quarters import SMALL, equal, images_of, keep, make, train

from prune_env.data.dataset import Dataset
from prune_env.learners.network import per_sample
from prune_env.learners.network.learner import NetworkLearner
from prune_env.lookup import Function


def make_observant(network: Function = "mlp", **recipe: Any) -> NetworkLearner:
    learner = make(network, **recipe)
    learner.measure_also(("features", "reference_loss"))
    learner.reset([0])
    return learner


def test_a_state_without_a_reference_replaces_one_with() -> None:
    """Two environments may share a learner, and only one of them ask for `reference_loss`."""
    learner = make()
    learner.reset([0])
    state = learner.state_dict()
    learner.measure_also(("reference_loss",))
    learner.reset([1])
    learner.measure_also(())
    learner.load_state_dict(state)
    first = train(learner, keep(learner))[0]
    learner.reset([0])
    assert equal(first, train(learner, keep(learner))[0])


def test_features_are_those_of_the_training_pass() -> None:
    learner, twin = make_observant(), make("mlp")
    head = twin._model.layers[-1]
    signals = train(learner, keep(learner, np.arange(16)))[0]  # one batch, so one set of weights
    features = torch.from_numpy(signals.of("features"))
    assert features.shape == (16, *learner.extras["features"])
    labels = torch.from_numpy(learner.labels[signals.indices])
    loss = F.cross_entropy(head(features), labels, reduction="none").detach()
    np.testing.assert_allclose(signals.of("loss"), loss, atol=1e-5)


class HeadFirst(torch.nn.Module):
    """Makes its logits by the layer that it was given first."""

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.head = torch.nn.Linear(6, num_classes)
        self.trunk = torch.nn.Linear(width, 6)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.trunk(images.flatten(1))))


def head_first(inputs: torch.Tensor, num_classes: int) -> torch.nn.Module:
    return HeadFirst(inputs[0].numel(), num_classes)


def test_features_are_of_the_layer_that_makes_the_logits() -> None:
    learner = make_observant(head_first)
    assert learner.extras["features"] == (6,)
    with torch.no_grad():
        inputs = learner.arm_inputs.plain(torch.arange(4))
        expected = torch.tanh(learner._model.trunk(inputs.flatten(1))).numpy()
    for found in (learner.features(np.arange(4)), learner.score(np.arange(4)).of("features")):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    norms = learner.gradient_norms(np.arange(4), "last")
    error = learner.score(np.arange(4)).of("error_norm")
    np.testing.assert_allclose(
        norms, error * np.sqrt(np.square(expected).sum(axis=1) + 1), rtol=1e-4
    )


def test_the_reference_begins_as_the_network_and_then_lags_behind() -> None:
    learner = make_observant(warmup=0.0)
    before = learner._model.layers[-1].bias.detach().clone()
    first, second = train(learner, keep(learner, np.arange(16)), rounds=2)
    np.testing.assert_array_equal(first.of("reference_loss"), first.of("loss"))
    assert second.of("reference_loss").mean() > second.of("loss").mean()

    learner = make_observant(warmup=0.0)
    train(learner, keep(learner, np.arange(16)))
    after = learner._model.layers[-1].bias
    assert learner._reference is not None
    average = learner._reference.model.layers[-1].bias
    torch.testing.assert_close(average, 2 / 11 * before + 9 / 11 * after)


@pytest.mark.parametrize("network", ["small", "mobilenet_v3_small"])  # batch norm, and dropout
def test_measuring_more_changes_nothing(network: str) -> None:
    learner, twin = make_observant(network), make(network)
    few = keep(learner, np.arange(0, 108, 3))
    for more, plain in zip(train(learner, few, 2), train(twin, few, 2), strict=True):
        assert equal(more, plain)
        assert more.extras.keys() == {"features", "reference_loss"}
        assert not plain.extras
    assert equal(learner.score(np.arange(8)), twin.score(np.arange(8)))


@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiled_code_gives_the_features_of_its_own_network(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    """In one process, after runs without features, and of other networks."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    train(plain := make("mlp", compile="default"), keep(plain))
    for seed in (0, 1):
        compiled, twin = make_observant(compile="default"), make_observant()
        for learner in (compiled, twin):
            learner.reset([seed])
        for one, other in zip(
            (*train(compiled, keep(compiled), 2), compiled.score(np.arange(8))),
            (*train(twin, keep(twin), 2), twin.score(np.arange(8))),
            strict=True,
        ):
            assert one.extras.keys() == {"features", "reference_loss"}
            for name in ("loss", "features", "reference_loss"):
                np.testing.assert_allclose(one.of(name), other.of(name), atol=1e-4)
    assert not train(plain, keep(plain))[0].extras
    compiled.measure_also(())  # and from the next run on no more
    compiled.reset([0])
    assert not train(compiled, keep(compiled))[0].extras
    torch._dynamo.reset()


def test_what_remembers_features_keeps_the_names_of_the_weights() -> None:
    plain, observant = make("small"), make_observant("small")
    assert list(plain._model.state_dict()) == list(observant._model.state_dict())
    train(observant, keep(observant))
    plain.load_state_dict(observant.state_dict())
    assert plain.evaluate("test") == observant.evaluate("test")


def test_scores_have_the_extras_too() -> None:
    learner = make_observant("small")
    train(learner, keep(learner), rounds=2)
    scores = learner.score(np.array([5, 2]))
    np.testing.assert_allclose(scores.of("features"), learner.features(np.array([5, 2])), atol=1e-5)
    assert learner._reference is not None
    reference = learner._reference.model.eval()
    labels = torch.from_numpy(learner.labels[[5, 2]])
    logits = reference(learner.arm_inputs.plain(torch.tensor([5, 2])))
    expected = F.cross_entropy(logits, labels, reduction="none")
    np.testing.assert_allclose(scores.of("reference_loss"), expected, atol=1e-5)


def test_wide_features_are_projected_as_a_signal_and_whole_otherwise() -> None:
    learner = make_observant("resnet18")
    assert learner.extras["features"] == (256,)
    arms = np.array([5, 2])
    whole = learner.features(arms)
    assert whole.shape == (2, 512)
    axes = per_sample.projection(512, torch.device("cpu"))
    assert axes is not None
    np.testing.assert_allclose(learner.score(arms).of("features"), whole @ axes.numpy(), atol=1e-4)


def test_a_network_that_ends_in_a_convolution_has_no_features() -> None:
    photos = Dataset("photos", tuple("abcd"), images_of(40, 0, 32), images_of(4, 1, 32))
    learner = NetworkLearner(photos, "squeezenet1_1", SMALL, device="cpu")
    assert learner.extras == {"reference_loss": ()}
    with pytest.raises(ValueError, match="SqueezeNet has no linear layer"):
        learner.gradient_norms(np.arange(2), "last")


def test_a_restored_reference_continues_bit_for_bit() -> None:
    learner = make_observant("small")
    train(learner, keep(learner))
    file = io.BytesIO()
    torch.save(learner.state_dict(), file)
    expected = train(learner, keep(learner))[0]
    file.seek(0)
    fresh = make("small", seed=9)
    fresh.measure_also(("features", "reference_loss"))
    fresh.load_state_dict(torch.load(file, weights_only=True))
    got = train(fresh, keep(fresh))[0]
    for name in ("loss", "features", "reference_loss"):
        np.testing.assert_array_equal(got.of(name), expected.of(name))
