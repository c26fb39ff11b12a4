"""Runs on dirty data: what they are called, and what they say of every arm."""

from __future__ import annotations

import pytest
from prune_bench.run.episode import run
from prune_bench.run.options import Place, RunOptions


def test_every_seed_and_every_agent_meets_the_same_wrong_labels():
    runs = [
        run(RunOptions(agent=agent, seed=seed, epochs=1, limit=300, label_noise=0.2), Place())
        for agent, seed in (("ucb", 0), ("random_dynamic", 1))
    ]
    labels = {result["trained"]["labels"] for result in runs}
    assert len(labels) == 1
    assert {result["options"]["label_noise"] for result in runs} == {0.2}


def test_formulas_and_recordings_have_no_labels_to_make_wrong():
    with pytest.raises(ValueError, match=r"Synthetic-v0 cannot be made so: .*label_noise"):
        run(RunOptions(env="prune_env/Synthetic-v0", label_noise=0.2))


def test_dirt_is_refused_by_the_options_of_a_run_as_by_an_environment():
    with pytest.raises(ValueError, match=r"label_noise is 1.0; allowed is 0 <= label_noise < 1"):
        RunOptions(label_noise=1.0)
    with pytest.raises(ValueError, match=r"imbalance is 0.5; allowed is 1 or more"):
        RunOptions(imbalance=0.5)
