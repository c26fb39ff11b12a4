"""Small perceptrons: a forward pass by hand, gradients against differences."""

import numpy as np

from prune_env.core import perceptrons

SIZES = (2, 3, 3, 1)


def test_forward_by_hand():
    """Two inputs, two rectified units, one output; the second run has twice the last weights."""
    first = [1, 0, 2, -1, 0.5, 0, 3, 1, 0.25]  # W = [[1, 0], [2, -1]], b = [0.5, 0]; [3, 1], 0.25
    second = [1, 0, 2, -1, 0.5, 0, 6, 2, 0.25]
    inputs = np.array([[[1, 2], [-4, -1]]] * 2, np.float32)
    _, hidden, outputs = perceptrons.forward(
        np.array([first, second], np.float32), (2, 2, 1), inputs
    )
    assert hidden.tolist() == [[[5.5, 0], [0, 1]]] * 2
    assert outputs.tolist() == [[[16.75], [1.25]], [[33.25], [2.25]]]


def test_initial_outputs_are_zero():
    rng = np.random.default_rng(0)
    theta = perceptrons.initial(SIZES, rng)[None]
    _, *hidden, outputs = perceptrons.forward(theta, SIZES, rng.standard_normal((1, 50, 2)))
    assert (outputs == 0).all()
    assert all((units > 0).any() for units in hidden)


def test_backward_is_the_gradient():
    """Against central differences of sum(weight * output), in float64."""
    rng = np.random.default_rng(0)
    theta = rng.standard_normal((2, sum((a + 1) * b for a, b in ((2, 3), (3, 3), (3, 1)))))
    inputs, weight = rng.standard_normal((2, 5, 2)), rng.standard_normal((2, 5, 1))

    def total(theta):
        return (weight * perceptrons.forward(theta, SIZES, inputs)[-1]).sum(axis=(1, 2))

    numeric = np.empty_like(theta)
    for place in range(theta.shape[1]):
        step = np.zeros_like(theta)
        step[:, place] = 1e-6
        numeric[:, place] = (total(theta + step) - total(theta - step)) / 2e-6
    found = perceptrons.backward(theta, SIZES, perceptrons.forward(theta, SIZES, inputs), weight)
    np.testing.assert_allclose(found, numeric, rtol=1e-5, atol=1e-7)
