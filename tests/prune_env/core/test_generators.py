"""Noise of many runs: what each would draw alone, and NumPy's own order."""

import numpy as np

from prune_env.core.generators import Generators, gumbel


def of_seed(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_gumbel_is_numpys_to_the_last_digit_and_takes_as_many_numbers():
    mine, numpys = of_seed(3), of_seed(3)
    np.testing.assert_allclose(
        gumbel(mine, (2, 500)), numpys.gumbel(size=(2, 500)), rtol=1e-13, atol=1e-15
    )
    assert mine.random() == numpys.random()


def test_each_run_draws_what_it_would_draw_alone():
    found = gumbel(Generators([of_seed(1), of_seed(2)]), (2, 7))
    alone = [gumbel(of_seed(seed), (7,)) for seed in (1, 2)]
    np.testing.assert_array_equal(found, alone)
