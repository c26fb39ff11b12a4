"""Wrong labels and long tails: how many, whose, and what stays clean."""

from __future__ import annotations

import re

import gymnasium as gym
import numpy as np
import pytest

from prune_env.core.signals import EXTRAS, SIGNALS
from prune_env.data import load
from prune_env.data.dataset import split_validation
from prune_env.data.dirty import Dirt, draw_arms, long_tail, mislabelled

LABELS = np.tile(np.arange(5), 200)  # 200 samples of each of 5 classes


def test_so_many_labels_are_wrong_and_every_other_class_is_as_likely():
    told = mislabelled(LABELS, 5, 0.3)
    assert (told != LABELS).sum() == 300
    assert ((told >= 0) & (told < 5)).all()
    shift = (told - LABELS)[told != LABELS] % 5
    np.testing.assert_allclose(np.bincount(shift, minlength=5), [0, 75, 75, 75, 75], atol=25)
    by_class = np.bincount(LABELS[told != LABELS])
    np.testing.assert_allclose(by_class, 60, atol=22)  # 60 of 200 and three standard deviations


@pytest.mark.parametrize(
    ("share", "samples", "wrong"), [(0.2, 10, 2), (0.25, 10, 2), (0.2, 13, 3), (0.01, 10, 0)]
)
def test_the_share_is_rounded_and_met_exactly(share, samples, wrong):
    labels = np.arange(samples) % 2
    told = mislabelled(labels, 2, share)
    assert (told != labels).sum() == wrong
    assert set(told) == {0, 1}


def test_more_noise_has_the_wrong_labels_of_less_and_more():
    less, more = (mislabelled(LABELS, 5, share) for share in (0.1, 0.4))
    wrong = less != LABELS
    assert wrong.sum() == 100
    np.testing.assert_array_equal(less[wrong], more[wrong])
    np.testing.assert_array_equal(mislabelled(LABELS, 5, 0.4), more)  # always the same


@pytest.mark.parametrize(
    ("imbalance", "counts"),
    [
        (1.0, [200, 200, 200, 200, 200]),
        (16.0, [200, 100, 50, 25, 12]),  # 12.5 to the even 12
        (50.0, [200, 75, 28, 11, 4]),  # 200 / 50^(c / 4): 75.2, 28.3, 10.6
        (1e6, [200, 6, 1, 1, 1]),  # no class dies out
    ],
)
def test_the_classes_of_a_tail_are_counted(imbalance, counts):
    kept = long_tail(LABELS, 5, imbalance)
    assert np.bincount(LABELS[kept]).tolist() == counts
    assert (np.diff(kept) > 0).all()


def test_a_longer_tail_is_a_part_of_a_shorter_one():
    assert set(long_tail(LABELS, 5, 50.0)) < set(long_tail(LABELS, 5, 10.0))


def test_a_tail_of_uneven_classes_keeps_the_same_share_of_each():
    labels = np.repeat([0, 1, 2], [90, 300, 90])
    assert np.bincount(labels[long_tail(labels, 3, 9.0)]).tolist() == [90, 100, 10]


def test_validation_is_what_it_is_of_clean_data():
    clean, dirty = (draw_arms(LABELS, 100, dirt) for dirt in (Dirt(), Dirt(0.2, 50.0)))
    arms, validation = split_validation(LABELS, 100)
    np.testing.assert_array_equal(clean.positions, arms)
    assert clean.true_labels is None
    np.testing.assert_array_equal(clean.labels, LABELS[arms])
    np.testing.assert_array_equal(dirty.validation, validation)
    # 180 arms a class: 180 / 50^(c / 4) are 180, 67.7, 25.5 (to the nearest), 9.6 and 3.6
    assert np.bincount(dirty.true_labels).tolist() == [180, 68, 25, 10, 4]
    np.testing.assert_array_equal(dirty.true_labels, LABELS[dirty.positions])
    assert (dirty.labels != dirty.true_labels).sum() == round(0.2 * 287)


@pytest.mark.parametrize("env", ["Digits", "Probe"])
def test_arms_are_dirty_validation_and_test_are_not(env):
    more = {"features": "digits"} if env == "Probe" else {}
    clean, dirty = (
        gym.make(f"prune_env/{env}-v0", **more, **dirt).unwrapped.learner
        for dirt in ({}, {"label_noise": 0.2, "imbalance": 50.0})
    )
    assert clean.true_labels is None
    wrong = dirty.labels != dirty.true_labels
    assert wrong.sum() == round(0.2 * dirty.num_arms)
    assert np.bincount(dirty.true_labels)[[0, 9]].tolist() == [128, 3]
    np.testing.assert_array_equal(
        load("digits").train.labels[dirty.train_positions], dirty.true_labels
    )
    assert dirty.num_validation == clean.num_validation
    splits = "_splits" if env == "Digits" else "splits"
    for name, (_, labels) in getattr(clean, splits).items():
        np.testing.assert_array_equal(labels, getattr(dirty, splits)[name][1])


def test_the_agent_sees_the_wrong_labels_and_nothing_of_the_true_ones():
    shown = tuple(name for name in SIGNALS if name not in EXTRAS)
    env = gym.make("prune_env/Digits-v0", label_noise=0.2, signals=shown).unwrapped
    observation, info = env.reset(seed=0)
    np.testing.assert_array_equal(observation["label"], env.learner.labels)
    action = np.ones(env.learner.num_arms, np.int8)
    *_, told = env.step(action)
    assert not any("true" in name or "wrong" in name for name in (*info, *told, *observation))


def test_the_loss_of_an_arm_is_that_of_the_label_that_it_was_given():
    """With every class as likely at the start a wrong label costs as much; after training, more."""
    env = gym.make("prune_env/Digits-v0", label_noise=0.2, epochs=10).unwrapped
    env.reset(seed=0)
    for _ in range(10):
        observation, *_ = env.step(np.ones(env.learner.num_arms, np.int8))
    wrong = env.learner.labels != env.learner.true_labels
    assert observation["loss"][wrong].mean() > 3 * observation["loss"][~wrong].mean()


@pytest.mark.parametrize(
    ("dirt", "message"),
    [
        ({"label_noise": 1.0}, "label_noise is 1.0; allowed is 0 <= label_noise < 1"),
        ({"label_noise": -0.1}, "label_noise is -0.1; allowed is 0 <= label_noise < 1"),
        ({"imbalance": 0.5}, "imbalance is 0.5; allowed is 1 or more"),
        ({"imbalance": "50"}, "imbalance is '50'; expected float"),
    ],
)
def test_what_is_no_dirt_is_refused(dirt, message):
    makers = [Dirt, lambda **dirt: gym.make("prune_env/Digits-v0", **dirt)]
    makers.append(lambda **dirt: gym.make("prune_env/Probe-v0", **dirt))
    for make in makers:
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            make(**dirt)
