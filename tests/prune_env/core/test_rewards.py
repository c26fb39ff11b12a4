"""Reward functions are found by name or import path."""

import numpy as np
import pytest

from prune_env import PruneEnv
from prune_env.core.rewards import REWARDS, find_reward


def test_a_reward_by_import_path(halving, monkeypatch, tmp_path):
    (tmp_path / "my_rewards.py").write_text(
        "from prune_env.core.rewards import reads_validation\n"
        "@reads_validation\n"
        "def accuracy_per_kept_arm(outcome):\n"
        "    return outcome.val_accuracy / outcome.selection.counts\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    env = PruneEnv(halving(), reward="my_rewards:accuracy_per_kept_arm", epochs=2)
    env.reset(seed=0)
    _, reward, _, _, info = env.step(np.array([1, 1, 0, 0]))
    assert reward == pytest.approx(info["val_accuracy"] / 2)


COSTS = """
from prune_env.core.rewards import Reward, reads_validation

def copy(outcome):
    return outcome.kept_loss

def drop(outcome):
    return outcome.val_loss_before - outcome.val_loss

marked = reads_validation(drop)
made = Reward(lambda outcome: outcome.val_accuracy, reads_validation=True)

def unmarked(outcome):
    return getattr(outcome, "val_accuracy", outcome.kept_loss)
"""


@pytest.fixture
def own_rewards(monkeypatch, tmp_path):
    (tmp_path / "cost_rewards.py").write_text(COSTS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("name", "passes"),  # two of four arms train for 3 passes each, 6 samples are evaluated
    [
        ("kept_loss", 6),
        ("cost_rewards:copy", 6),
        ("val_loss_drop", 6 + 6),
        ("cost_rewards:marked", 6 + 6),
        ("cost_rewards:made", 6 + 6),
    ],
)
def test_a_reward_costs_what_it_reads_whatever_its_name(halving, own_rewards, name, passes):
    env = PruneEnv(halving(), reward=name, epochs=2, signals=("seen", "loss"))
    env.reset(seed=0)
    *_, info = env.step(np.array([1, 1, 0, 0]))
    assert info["passes"] == passes


def test_a_copy_of_a_reward_ends_a_budget_when_it_does(halving, own_rewards):
    def arms_paid_for(reward):
        env = PruneEnv(halving(), reward=reward, budget=1.75, signals=("budget_left",))
        return env.reset(seed=0)[0]["budget_left"].tolist()

    assert arms_paid_for("cost_rewards:copy") == arms_paid_for("kept_loss") == [1.75]
    assert arms_paid_for("cost_rewards:marked") == arms_paid_for("val_loss_drop") == [1.25]


def test_a_reward_that_does_not_say_that_it_reads_validation_is_not_shown_it(halving, own_rewards):
    env = PruneEnv(halving(), reward="cost_rewards:unmarked", epochs=2)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"reads val_accuracy and is not marked.*reads_validation"):
        env.step(np.ones(4))


def test_a_reward_of_another_shape_is_refused(halving, monkeypatch, tmp_path):
    (tmp_path / "flat_rewards.py").write_text("def flat(outcome):\n    return 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    env = PruneEnv(halving(), reward="flat_rewards:flat", epochs=2)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"'flat_rewards:flat' has shape \(\); expected \(1,\)"):
        env.step(np.ones(4))


@pytest.mark.parametrize(
    ("value", "reward"),
    [("nan", 0.0), ("inf", np.finfo(np.float32).max), ("-inf", np.finfo(np.float32).min)],
)
def test_a_reward_is_finite_and_nan_counts_as_nothing(
    value, reward, halving, monkeypatch, tmp_path
):
    name = f"reward_of_{value.replace('-', 'minus_')}"
    (tmp_path / f"{name}.py").write_text(f"def f(outcome):\n    return [float('{value}')]\n")
    monkeypatch.syspath_prepend(tmp_path)
    env = PruneEnv(halving(), reward=f"{name}:f", epochs=2)
    env.reset(seed=0)
    assert env.step(np.ones(4))[1] == reward


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kept_los", "did you mean kept_loss"),
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
