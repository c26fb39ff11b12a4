"""Reward functions are found by name or import path."""

import numpy as np
import pytest

from prune_env import PruneEnv
from prune_env.rewards import REWARDS, find_reward


def test_a_reward_by_import_path(halving, monkeypatch, tmp_path):
    (tmp_path / "my_rewards.py").write_text(
        "def accuracy_per_kept_arm(outcome):\n"
        "    return outcome.val_accuracy / outcome.selection.counts\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    env = PruneEnv(halving(), reward="my_rewards:accuracy_per_kept_arm", epochs=2)
    env.reset(seed=0)
    _, reward, _, _, info = env.step(np.array([1, 1, 0, 0]))
    assert reward == pytest.approx(info["val_accuracy"] / 2)


def test_a_reward_of_another_shape_is_refused(halving, monkeypatch, tmp_path):
    (tmp_path / "flat_rewards.py").write_text("def flat(outcome):\n    return 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    env = PruneEnv(halving(), reward="flat_rewards:flat", epochs=2)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"'flat_rewards:flat' has shape \(\); expected \(1,\)"):
        env.step(np.ones(4))


def test_a_reward_that_is_nan_counts_as_nothing(halving, monkeypatch, tmp_path):
    (tmp_path / "nan_rewards.py").write_text(
        "def nan(outcome):\n    return outcome.val_loss * float('nan')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    env = PruneEnv(halving(), reward="nan_rewards:nan", epochs=2)
    env.reset(seed=0)
    assert env.step(np.ones(4))[1] == 0.0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kept_los", "did you mean 'kept_loss'"),
        ("zzz", "; allowed are val_loss_drop, val_accuracy_gain, kept_loss"),
        ("math:no_such_function", "cannot be imported"),
        ("math:pi", "is a float; expected a function"),
    ],
)
def test_unknown_rewards(name, message):
    with pytest.raises(ValueError, match=message):
        find_reward(name)


def test_known_rewards():
    assert set(REWARDS) == {"val_loss_drop", "val_accuracy_gain", "kept_loss"}
