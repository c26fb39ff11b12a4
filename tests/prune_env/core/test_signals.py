"""The table of signals, and that the environment's manual says the same."""

from __future__ import annotations

import inspect
import re

import gymnasium as gym
import numpy as np
import pytest

import prune_env
from prune_env.core.signals import SIGNALS, TABLE, USUAL, column, write_columns

START = {
    "log C": np.log(10),
    "1/C": 0.1,
    "0": 0.0,
    "sqrt(1 - 1/C)": np.sqrt(0.9),
    "": None,
    "`epochs` or `budget`": 4.0,
}


def rows_of_the_manual() -> list[list[str]]:
    manual = inspect.getdoc(prune_env.PruneEnv) or ""
    rows = re.findall(r"^\| `(\w+)` \| (\(.*?\)) \| (.*?) \| (.*?) ?\|$", manual, re.MULTILINE)
    return [[cell.strip() for cell in row] for row in rows]


def test_the_manual_has_every_signal_in_the_order_of_the_table():
    assert [name for name, *_ in rows_of_the_manual()] == list(SIGNALS)


def test_what_the_manual_says_of_shapes_and_starts_is_what_an_environment_shows():
    env = gym.make("prune_env/Digits-v0", limit=100, epochs=4, signals=tuple(SIGNALS))
    observation, _ = env.reset(seed=0)
    sizes = {"N": env.unwrapped.learner.num_arms, "D": observation["features"].shape[1], "1": 1}
    for name, shape, _, start in rows_of_the_manual():
        words = re.findall(r"\w", shape)
        assert observation[name].shape == tuple(sizes[word] for word in words), name
        if (expected := START[start]) is not None:
            np.testing.assert_allclose(observation[name], expected, rtol=1e-6, err_msg=name)


def test_the_manual_says_what_is_shown_only_on_request():
    hidden = [signal.name for signal in TABLE if signal.on_request]
    assert hidden == ["label", "reference_loss", "features"]
    assert prune_env.RoundOptions().signals == USUAL
    assert [name for name in SIGNALS if name not in USUAL] == hidden


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("loss", np.nan, 100.0),
        ("loss", 1e9, 100.0),
        ("confidence", np.nan, 0.0),
        ("margin", np.nan, -1.0),
        ("margin", -np.inf, -1.0),
        ("error_norm", np.nan, np.float32(np.sqrt(2))),
        ("val_accuracy", np.nan, 0.0),
        ("features", -np.inf, -1e6),
    ],
)
def test_what_is_no_number_counts_as_the_worst_that_can_be_seen(name, value, expected):
    assert SIGNALS[name].finite(np.array([value, 0.5]))[0] == expected


def test_columns_are_written_and_read_by_name():
    table = np.zeros((2, 5), np.float32)
    values = {"loss": 1, "confidence": 2, "margin": 3, "correct": 4, "error_norm": 5}
    write_columns(table, **dict(reversed(values.items())))
    assert table.tolist() == [[1, 2, 3, 4, 5]] * 2
    assert column(table, "correct").tolist() == [4, 4]
    with pytest.raises(KeyError):
        write_columns(table, loss=1)
