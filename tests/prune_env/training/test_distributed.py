"""Several processes train what one trains, and one that dies does not change what follows."""

from __future__ import annotations

import loop_on_ranks as loop
import numpy as np
import pytest
from on_ranks import on_ranks

from prune_env.learners.ranks import Ranks
from prune_env.training.distributed import Hand
from prune_env.training.visit import Visit

CASES = [
    ("ucb", False, {}),
    ("ucb", True, {}),
    ("infobatch", False, {}),
    ("infobatch", True, {}),
    ("ucb", False, {"feedback": "full"}),
    ("dvrl", False, {"num_validation": 10}),
]


def test_arms_are_dealt_one_by_one_and_all_draw_as_many():
    arms = np.array([4, 2, 7, 0, 9])
    hands = [Hand(10, Ranks(rank, 3)) for rank in range(3)]
    assert [hand.draw(arms).tolist() for hand in hands] == [[4, 0], [2, 9], [7, 0]]
    assert [hand.count(np.array([0])) for hand in hands] == [2, 0, 2]
    spares = [hand.own(arms).tolist() for hand in hands]
    assert spares == [[True] * 5, [True] * 5, [True, True, True, False, True]]


def test_the_mean_over_ranks_is_the_weighted_sum_over_the_batch_by_its_size():
    arms, losses = np.array([4, 2, 7, 0, 9]), np.arange(10.0)
    weights = np.linspace(1, 2, 10).astype(np.float32)
    means = []
    for rank in range(3):
        hand = Hand(10, Ranks(rank, 3))
        drawn = hand.draw(arms)
        scaled = hand.weights(drawn, weights[drawn])
        means.append((losses[drawn] * scaled).mean())
    assert np.mean(means) == pytest.approx((losses * weights)[arms].sum() / 5)
    full = Hand(10, Ranks(0, 5))
    full.draw(arms)
    assert full.weights(np.array([4]), None) is None


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_train_what_one_trains(size):
    alone = loop.train(CASES)
    together = on_ranks(loop.train, size, CASES)
    assert alone[4]["last_seen"].min() == 3  # after the last epoch nobody looks
    assert alone[4]["pulls"].sum() < 4 * 91
    for case, expected in enumerate(alone):
        of_case = [found[case] for found in together]
        for found in of_case:
            np.testing.assert_array_equal(found["kept"], expected["kept"])
            assert found["lengths"] == expected["lengths"]
            np.testing.assert_array_equal(found["pulls"], expected["pulls"])
            assert found["passes"] == expected["passes"]
            np.testing.assert_array_equal(found["last_seen"], expected["last_seen"])
            np.testing.assert_allclose(found["loss"], expected["loss"], atol=1e-5)
            np.testing.assert_allclose(found["weights"], expected["weights"], atol=1e-5)
            np.testing.assert_array_equal(found["loss"], of_case[0]["loss"])
        means = np.mean([found["losses"] for found in of_case], axis=0)
        np.testing.assert_allclose(means, expected["losses"], atol=1e-5)
        for step, arms in enumerate(expected["arms"]):
            drawn = [found["arms"][step] for found in of_case]
            assert len({*map(len, drawn)}) == 1
            assert {arm for each in drawn for arm in each} == set(arms)


@pytest.mark.parametrize(("case", "last"), [(CASES[2], 12), (CASES[4], 17)])
def test_one_dies_and_the_same_samples_follow(case, last, tmp_path):
    """In the middle of the second epoch, and of a look at what an epoch left out."""
    path = tmp_path / "job.pt"
    whole = on_ranks(loop.train, 3, [case])
    died = on_ranks(loop.train_and_die, 3, case, path, (1, last))
    assert died[1] is None
    assert all(isinstance(error, RuntimeError) for error in (died[0], died[2]))
    for rank, (steps, found) in enumerate(on_ranks(loop.resume, 3, case, path)):
        assert steps == last // 5 * 5
        expected = whole[rank][0]
        assert found["arms"] == expected["arms"][steps:]
        np.testing.assert_array_equal(found["kept"], expected["kept"])
        np.testing.assert_allclose(found["weights"], expected["weights"], atol=1e-6)
        np.testing.assert_allclose(found["loss"], expected["loss"], atol=1e-6)
    _, alone = loop.resume(case, path)
    np.testing.assert_array_equal(alone["kept"], whole[0][0]["kept"])
    np.testing.assert_allclose(alone["weights"], whole[0][0]["weights"], atol=1e-5)


def test_more_ranks_than_samples():
    alone, together = loop.keep_one(1), on_ranks(loop.keep_one, 3, 1)
    for found in together:
        assert [len(arms) for arms in found["arms"]] == [1, 1]
        np.testing.assert_array_equal(found["pulls"], alone["pulls"])
        np.testing.assert_allclose(found["weights"], alone["weights"], atol=1e-6)


def test_a_second_pass_over_an_epoch_that_is_over_weighs_what_the_first_did():
    """Of 91 arms by 12, the last round of dealing has a spare."""
    for first, second, epoch in on_ranks(loop.pass_twice, 2, "infobatch"):
        assert (second, epoch) == (first, 1)


def test_ranks_that_choose_differently_are_told():
    for error in on_ranks(loop.choose_differently, 2):
        assert "rank 1 has another selection than rank 0; give all ranks the same" in str(error)


def test_accelerate_deals_nothing_out_a_second_time():
    pytest.importorskip("accelerate")
    (alone,) = loop.train([("infobatch", True, {})])
    for found in on_ranks(loop.train_by_accelerate, 2, "infobatch", group=False):
        assert [len(arms) for arms in found["arms"][:2]] == [6, 6]  # of 12 and of 11
        np.testing.assert_array_equal(found["kept"], alone["kept"])
        np.testing.assert_array_equal(found["pulls"], alone["pulls"])
        np.testing.assert_allclose(found["weights"], alone["weights"], atol=1e-5)


def test_an_arm_that_is_twice_in_a_batch_counts_once():
    visit = Visit(4, lambda: None)
    visit.plan(np.arange(4), 0)
    visit.begin()
    assert visit.tick(np.array([2, 2, 1])).tolist() == [True, False, True]
    assert visit.left == 2
