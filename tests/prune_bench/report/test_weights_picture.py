"""The picture of what `learned` weighs when."""

import numpy as np
import pytest
from prune_agents.policies.learned import CONTEXTS, COUNT, ROWS
from prune_bench.report.charts.weights_picture import picture, weights_at


def test_weights_are_sums_over_the_contexts():
    matrix = np.zeros((len(ROWS), len(CONTEXTS)))
    matrix[ROWS.index("loss")] = 1, 0.5, 2, 4
    matrix[ROWS.index("noise")] = -0.3, 0, 0, 0
    matrix[ROWS.index(COUNT)] = 9, 0.4, 9, 9  # of the count only what changes with progress is read
    found = weights_at(matrix, progress=0.75, learned=-0.1, easier=0.05)
    assert found["loss"] == pytest.approx(1 + 0.25 - 0.2 + 0.2)
    assert found["noise"] == pytest.approx(0.3)  # a temperature has no sign
    assert found[COUNT] == pytest.approx(0.2)
    assert found["unseen"] == 0


def test_it_is_a_png():
    matrix = np.linspace(-1, 1, len(ROWS) * len(CONTEXTS)).reshape(len(ROWS), -1)
    assert picture(matrix, "weights").startswith(b"\x89PNG")
