"""Numbers by position: uniform, normal, of streams that know nothing of each other."""

import numpy as np
import pytest
from scipy import stats

from prune_env.learners.synthetic.noise import normal, stream_keys, uniform

ARMS = np.arange(20_000)


def test_a_number_is_a_function_of_its_key_and_position():
    keys = stream_keys(np.array([5, 6]), np.array([1, 1]), 2)
    alone = stream_keys(np.array([6]), np.array([1]), 2)
    every = normal(keys[:, None], ARMS)
    np.testing.assert_array_equal(normal(alone[0], ARMS[7:900:3]), every[1, 7:900:3])
    np.testing.assert_array_equal(normal(keys[[1, 0]], np.array([3, 4])), every[[1, 0], [3, 4]])


@pytest.mark.parametrize(("draw", "law"), [(uniform, "uniform"), (normal, "norm")])
def test_the_distribution(draw, law):
    """Over arms, and over runs and rounds at one arm."""
    seeds, rounds = np.meshgrid(np.arange(100), np.arange(100))
    one_arm = draw(stream_keys(seeds.ravel(), rounds.ravel(), 1), np.zeros(10_000, int))
    for found in (draw(stream_keys(3, 4, 1), ARMS), one_arm):
        assert stats.kstest(found, law).pvalue > 0.01


def test_streams_are_independent():
    """Correlations of 20,000 numbers have a standard error of 0.007."""
    keys = np.concatenate([stream_keys(*parts) for parts in ((0, 1, 1), (1, 0, 1), (0, 1, 2))])
    found = normal(keys[:, None], ARMS)
    pairs = [np.corrcoef(found[i], found[j])[0, 1] for i, j in ((0, 1), (0, 2), (1, 2))]
    pairs.append(np.corrcoef(found[0, 1:], found[0, :-1])[0, 1])
    assert np.abs(pairs).max() < 0.03


def test_every_number_is_below_one_and_finite():
    words = np.array([2**64 - 1], np.uint64)
    assert uniform(words, ARMS).max() < 1
    assert np.abs(normal(words, ARMS)).max() < 6.7
