"""A head's gradient against autograd, and what it measures against a case worked by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from prune_env.core import perceptrons
from prune_env.core.signals import MEASURED
from prune_env.learners.probe.softmax import loss_and_correct, measure


@pytest.mark.parametrize("sizes", [(4, 3), (4, 5, 3)])
def test_gradients_are_those_of_autograd(sizes):
    rng = np.random.default_rng(1)
    theta = rng.standard_normal((3, perceptrons.num_parameters(sizes))).astype(np.float32) / 2
    x = rng.standard_normal((3, 6, 4)).astype(np.float32)
    labels = rng.integers(0, 3, (3, 6))
    units = perceptrons.forward(theta, sizes, x)
    _, delta = measure(units[-1].swapaxes(1, 2), labels)
    got = perceptrons.backward(theta, sizes, units, delta.swapaxes(1, 2))

    tensor = torch.tensor(theta, requires_grad=True)
    logits, last = torch.tensor(x), len(sizes) - 2
    for layer, (weight, bias) in enumerate(perceptrons.layers(tensor, sizes)):
        logits = logits @ weight + bias
        logits = logits if layer == last else torch.relu(logits)
    F.cross_entropy(logits.swapaxes(1, 2), torch.tensor(labels), reduction="sum").backward()
    np.testing.assert_allclose(units[-1], logits.detach(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got, tensor.grad, rtol=1e-4, atol=1e-6)


def test_what_is_measured():
    # probabilities 1/2, 1/3, 1/6; the label is the second class, then the first
    logits = np.log(np.array([[[3, 3], [2, 2], [1, 1]]], np.float32))
    table, delta = measure(logits, np.array([[1, 0]]))
    expected = {
        "loss": [np.log(3), np.log(2)],
        "confidence": [1 / 3, 1 / 2],
        "margin": [1 / 3 - 1 / 2, 1 / 2 - 1 / 3],
        "correct": [0, 1],
        "error_norm": [np.sqrt(9 + 16 + 1) / 6, np.sqrt(9 + 4 + 1) / 6],
    }
    for name, values in expected.items():
        assert table[0, :, MEASURED.index(name)].tolist() == pytest.approx(values), name
    np.testing.assert_allclose(delta[0, :, 0], [1 / 2, -2 / 3, 1 / 6], rtol=1e-6)
    loss, correct = loss_and_correct(logits, np.array([[1, 0]]))
    assert loss[0].tolist() == pytest.approx(expected["loss"])
    assert correct[0].tolist() == expected["correct"]


def test_huge_logits_stay_finite():
    table, delta = measure(np.array([[[1e4], [-1e4]]], np.float32), np.array([[1]]))
    assert table[0, 0, 0] == 2e4
    assert np.isfinite(delta).all()
