"""Where in a run a round lies, with the numbers laid out."""

import numpy as np
import pytest
from prune_agents.tools.schedule import begins_before, ends_by, schedule


def of_run(*values):
    return np.array(values, np.float32)[:, None]


def test_schedule_is_0_in_the_first_round_and_1_in_the_last():
    rounds = np.array([0, 1, 3, 6, 7])
    along = schedule(rounds, of_run(*rounds / 8))
    np.testing.assert_allclose(along[:, 0], [0, 1 / 7, 3 / 7, 6 / 7, 1], atol=1e-6)
    assert schedule(np.array([0]), of_run(0)) == [[0]]  # a run of one round
    # By the budget: 3 rounds have spent 0.75, so the fourth is the last; 0.9 is beyond it.
    along = schedule(np.array([3, 3]), of_run(0.75, 0.9))
    np.testing.assert_allclose(along[:, 0], [1, 1], atol=1e-6)


def test_ends_by_is_epoch_plus_one_at_most_the_share_of_all():
    """7 epochs of 8 end by 0.875; the eighth does not; of 10, eight do (8.75); of 9, six by 2/3."""
    rounds, of = np.array([6, 7, 7, 8, 5, 6]), np.array([8, 8, 10, 10, 9, 9])
    share = np.array([0.875] * 4 + [2 / 3] * 2)
    found = [
        bool(ends_by(s, r[None], of_run(r / t))[0, 0])
        for s, r, t in zip(share, rounds, of, strict=True)
    ]
    assert found == [True, False, True, False, True, False]


@pytest.mark.parametrize("tenths", range(1, 10))
def test_begins_before_is_not_fooled_by_float32(tenths):
    """Round 7 of 10 begins at 0.7, which as float32 is 0.69999999 and below 0.7."""
    progress = of_run(*np.arange(10) / 10)
    assert begins_before(tenths / 10, progress).sum() == tenths
    assert begins_before(1e-9, progress).sum() == 1
