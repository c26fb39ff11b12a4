"""Names that are not there."""

from __future__ import annotations

import pytest

from prune_env.lookup import imported, near, unknown


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("resnt18", ["resnet18", "resnet18", "resnet18"], ["resnet18"]),  # of three libraries
        ("ucbb", ["rs2", "ucb1", "ucb"], ["ucb", "ucb1"]),
        ("UCB", ["ucb1", "ucb"], ["ucb"]),
        ("epsilon-greedy", ["epsilon_greedy", "greedy"], ["epsilon_greedy"]),
        ("Digit-v0", ["prune_env/CIFAR10-v0", "prune_env/Digits-v0"], ["prune_env/Digits-v0"]),
        ("lr", ["final_lr", "flip", "warmup", "peak_lr"], ["final_lr", "peak_lr"]),
        ("keep", ["seed", "keep_ratio"], ["keep_ratio"]),
        ("--lr", ["--help", "--label-noise"], []),  # dashes make no likeness
        ("xyzzy", ["ucb", "rs2"], []),
        ("", ["ucb"], []),
    ],
)
def test_near_names_come_once_and_the_likeliest_first(name, names, expected):
    assert near(name, names) == expected


def test_few_names_are_listed_and_many_are_not():
    assert unknown("reward", "loss", ["kept_loss"]) == (
        "unknown reward 'loss' (did you mean kept_loss?); allowed are kept_loss"
    )
    many = [f"name{number}" for number in range(100)]
    assert unknown("agent", "x\x1b", many, "see above") == r"unknown agent 'x\x1b'; see above"


@pytest.mark.parametrize("path", ["nets/mine.py:make", "./mine:make", "nets/mine:make"])
def test_a_file_in_place_of_a_module_is_answered_with_the_import_path(path):
    message = f"^the network '{path}' names a file; expected is mine:make, a module"
    with pytest.raises(ValueError, match=message):
        imported("network", path)
