"""What knowing every loss is worth: on numbers worked by hand, and on digits."""

import io

import numpy as np
import pytest
from prune_bench.run.episode import Episode, run
from prune_bench.run.options import RunOptions
from prune_bench.studies.known_losses import (
    KNOWN,
    KnownLossesOptions,
    captured,
    known_losses,
    table,
    watched,
)
from rich.console import Console

LOSS = np.array([1.0, 2.0, 3.0, 6.0])


@pytest.mark.parametrize(
    ("chosen", "share"),
    [
        ([3], 1),  # the hardest: 6 - 3 of 6 - 3
        ([2, 3], 1),
        ([1, 3], 2 / 3),  # 4 - 3 of 4.5 - 3
        ([2], 0),
        ([0], -2 / 3),
        ([0, 1, 2, 3], 0),
    ],
)
def test_captured(chosen, share):
    assert captured(np.array(chosen), LOSS) == pytest.approx(share)


def test_arms_that_are_alike_leave_nothing_to_capture():
    assert captured(np.array([1]), np.ones(3)) == 0


@pytest.fixture(scope="module")
def small():
    """Three agents on a few digits, and the options of the first."""
    options = RunOptions(limit=300, epochs=8, agent="uncertainty", env_kwargs={"num_validation": 0})
    return options, known_losses(KnownLossesOptions(options, ("random_dynamic",), seeds=2))


def test_who_is_watched_ends_where_it_would_have_ended(small):
    options, found = small
    assert found["uncertainty"]["accuracy"][0] == run(options)["test_accuracy"]["last"]


def test_who_chooses_by_a_prior_run_is_watched_too():
    options = RunOptions(limit=200, epochs=3, agent="el2n")
    episode = Episode(options)
    shares = watched(episode)
    assert len(shares) == 3
    assert episode.test_accuracy == run(options)["test_accuracy"]["last"]


def test_who_knows_all_losses_captures_all_of_them_and_chance_captures_none(small):
    """From the fourth round on, when every arm was kept once; before there is less to choose."""
    _, found = small
    assert list(found) == ["uncertainty", KNOWN, "random_dynamic"]
    late = {name: np.mean(np.array(of["captured"])[:, 4:]) for name, of in found.items()}
    assert late[KNOWN] == pytest.approx(1)
    assert 0.9 > late["uncertainty"] > 0.1
    assert abs(late["random_dynamic"]) < 0.25


def test_the_table(small):
    console = Console(file=io.StringIO(), width=100)
    console.print(table(small[1]))
    lines = console.file.getvalue().splitlines()
    assert any(line.split()[:2] == ["agent", "test,"] for line in lines)
    assert any(KNOWN in line for line in lines)
