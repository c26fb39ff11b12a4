"""The heads' gradients against autograd, and what they measure against a case worked by hand."""

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from prune_env.core.signals import MEASURED
from prune_env.learners.probe import batched_heads


def random_heads(sizes, runs=3):
    rng = np.random.default_rng(0)
    return [
        0.5 * rng.standard_normal((runs, outputs, inputs + 1)).astype(np.float32)
        for inputs, outputs in pairwise(sizes)
    ]


def torch_logits(weights, x):
    """The same network as in `heads`, in torch: x is (M, F + 1, B)."""
    for weight in weights[:-1]:
        hidden = torch.relu(weight @ x)
        x = torch.cat([hidden, torch.ones_like(hidden[:, :1])], dim=1)
    return weights[-1] @ x


@pytest.mark.parametrize("sizes", [(4, 3), (4, 5, 3)])
def test_gradients_are_those_of_autograd(sizes):
    rng = np.random.default_rng(1)
    weights = random_heads(sizes)
    x = rng.standard_normal((3, 5, 6)).astype(np.float32)
    x[:, -1] = 1
    labels = rng.integers(0, 3, (3, 6))
    logits, inputs = batched_heads.forward(weights, x)
    _, delta = batched_heads.measure(logits, labels)
    got = batched_heads.backward(weights, inputs, delta)

    tensors = [torch.tensor(weight, requires_grad=True) for weight in weights]
    expected_logits = torch_logits(tensors, torch.tensor(x))
    F.cross_entropy(expected_logits, torch.tensor(labels), reduction="sum").backward()
    np.testing.assert_allclose(logits, expected_logits.detach(), rtol=1e-5, atol=1e-6)
    for gradient, tensor in zip(got, tensors, strict=True):
        np.testing.assert_allclose(gradient, tensor.grad, rtol=1e-4, atol=1e-6)


def test_what_is_measured():
    # probabilities 1/2, 1/3, 1/6; the label is the second class, then the first
    logits = np.log(np.array([[[3, 3], [2, 2], [1, 1]]], np.float32))
    table, delta = batched_heads.measure(logits, np.array([[1, 0]]))
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


def test_a_head_begins_with_a_uniform_guess():
    weights = batched_heads.initial_weights((4, 5, 3), np.random.default_rng(0))
    logits, _ = batched_heads.forward(
        [weight[None] for weight in weights], np.ones((1, 5, 2), np.float32)
    )
    assert logits.tolist() == np.zeros((1, 3, 2)).tolist()


def test_huge_logits_stay_finite():
    table, delta = batched_heads.measure(np.array([[[1e4], [-1e4]]], np.float32), np.array([[1]]))
    assert table[0, 0, 0] == 2e4
    assert np.isfinite(delta).all()
