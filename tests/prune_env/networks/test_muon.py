"""Muon against the algorithm in plain NumPy, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from prune_env import networks
from prune_env.networks.muon import orthogonalised


def quintic(x: float) -> float:
    for _ in range(3):
        x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
    return x


def test_each_singular_value_goes_through_the_polynomial() -> None:
    matrix = torch.tensor([[3.0, 0, 0], [0, 4.0, 0]])
    expected = torch.tensor([[quintic(0.6), 0, 0], [0, quintic(0.8), 0]])
    torch.testing.assert_close(orthogonalised(matrix), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(orthogonalised(matrix.T), expected.T, atol=1e-5, rtol=0)
    assert 0.6 < quintic(0.6) < 1.3


def plain_steps(
    weights: NDArray[np.float64], gradients: list[NDArray[np.float64]], renormalise: bool
) -> NDArray[np.float64]:
    """Muon as it is written down: lr 0.1, momentum 0.6, decay 0.5 where nothing is renormalised."""
    average = np.zeros_like(weights)
    for gradient in gradients:
        average = 0.6 * average + gradient
        nesterov = (gradient + 0.6 * average).reshape(len(weights), -1)
        u, s, vt = np.linalg.svd(nesterov / np.linalg.norm(nesterov), full_matrices=False)
        step = (u * [quintic(value) for value in s]) @ vt
        if renormalise:
            weights = weights * np.sqrt(len(weights)) / np.linalg.norm(weights)
        else:
            weights = weights - 0.1 * 0.5 * weights
        weights = weights - 0.1 * step.reshape(weights.shape)
    return weights


@pytest.mark.parametrize("renormalise", [False, True])
@pytest.mark.parametrize("shape", [(4, 2, 3, 3), (9, 2, 2, 2), (5, 3)])
def test_its_steps_are_those_of_the_algorithm(shape: tuple[int, ...], renormalise: bool) -> None:
    rng = np.random.default_rng(0)
    before, *gradients = rng.standard_normal((4, *shape))
    recipe = networks.Recipe(
        optimizer="muon", peak_lr=0.1, momentum=0.6, weight_decay=0.5, renormalise=renormalise
    )
    model = nn.Module()
    model.weight = nn.Parameter(torch.tensor(before, dtype=torch.float32))
    optimizer = networks.make_optimizer(model, recipe)
    for gradient in gradients:
        model.weight.grad = torch.tensor(gradient, dtype=torch.float32)
        optimizer.step()
    expected = plain_steps(before, gradients, renormalise)
    np.testing.assert_allclose(model.weight.detach(), expected, atol=2e-4)


def test_the_head_and_vectors_are_trained_by_sgd() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    recipe = networks.Recipe(
        optimizer="muon",
        peak_lr=0.1,
        momentum=0.6,
        rest_momentum=0.85,
        rest_lr_scale=5.0,
        bias_lr_scale=0.5,
        weight_decay=0.02,
        bias_weight_decay=0.01,
    )
    optimizer = networks.make_optimizer(model, recipe)
    networks.set_rates(optimizer, recipe, 0.15)  # the peak
    head, bias = model[1].weight, model[0].bias
    before = [head.detach().clone(), bias.detach().clone()]
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()  # the first step of Nesterov momentum is (1 + 0.85) times the gradient
    torch.testing.assert_close(head, before[0] - 0.5 * 1.85 * (1 + 0.02 * before[0]))
    torch.testing.assert_close(bias, before[1] - 0.25 * 1.85 * (1 + 0.01 * before[1]))
