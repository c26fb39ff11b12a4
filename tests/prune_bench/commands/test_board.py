"""`prune-env board`: which GPUs its runs are given."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch
from prune_bench.board import engines
from prune_bench.commands import main
from prune_bench.commands.board import Board


@pytest.mark.parametrize(
    ("device", "pinned", "passed"),
    [
        ("auto", "cuda", ["0", "1"]),
        ("cuda", "cuda", ["0", "1"]),
        ("cuda:1", "cuda", []),
        ("cpu", "cpu", []),
    ],
)
def test_a_board_spreads_its_runs_over_the_gpus_there_are(
    tmp_path, monkeypatch, device, pinned, passed
):
    """With a device count of two and no GPU: no run is begun."""
    monkeypatch.chdir(tmp_path)
    given = []

    @contextmanager
    def processes(do, jobs, threads, gpus):
        given.append((jobs, list(gpus), do.keywords["place"].device))
        yield None

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr("prune_env.learners.network.device._fault", lambda device: None)
    monkeypatch.setattr("prune_env.learners.network.device.has_bf16", lambda device: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(engines, "processes", processes)
    monkeypatch.setattr(engines, "work_off", lambda *args: None)
    monkeypatch.setattr("prune_bench.commands.board.show", lambda *args: None)
    words = ["board", "--agents", "ucb", "--keep-ratios", "0.3", "--seeds", "1", "--jobs", "4"]
    main.main([*words, "--device", device, "--out", "spread"])
    (given,) = given
    assert given == (4, passed, device if device.startswith("cuda:") else pinned)


@pytest.mark.parametrize(
    ("options", "device", "gpus", "share"),
    [
        ({"jobs": 4}, "cuda", 2, 0.5),
        ({"jobs": 1}, "cuda", 2, 1.0),
        ({"jobs": 3, "gpus_per_run": 0.25}, "cuda", 2, 0.25),
        ({"address": "auto"}, "cuda", 0, 0.5),
        ({"jobs": 4}, "cpu", 2, 0.0),
    ],
)
def test_what_ray_reserves_for_a_run(options, device, gpus, share):
    assert Board(**options)._gpus_of_a_run(device, gpus) == share
