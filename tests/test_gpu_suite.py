"""What `make test-gpu` measures and writes, as far as a CPU can tell."""

from __future__ import annotations

import json
from typing import Any

import gpu_measures as measures
import gpu_report
import numpy as np
import pytest


def ended(name: str, outcome: Any, why: Any = None, **numbers: Any) -> pytest.TestReport:
    """The report of a test, made up."""
    where = (f"tests/gpu/test_on_gpu.py::{name}", None, name)
    return pytest.TestReport(
        where[0], where, {}, outcome, why, "call", [], 1.23456, user_properties=[*numbers.items()]
    )


def test_the_report_has_the_machine_every_number_and_what_failed(tmp_path):
    stats = {
        "passed": [ended("test_time[small]", "passed", round_over_bare=1.0078, images=12_800)],
        "failed": [ended("test_numbers", "failed", "E  assert 3 < 0.02", before=float("nan"))],
        "skipped": [ended("test_accuracy", "skipped", ("file", 3, "Skipped: no CIFAR-10"))],
        "warnings": ["something else"],
    }
    gpu_report.write(stats, tmp_path / "report.json")
    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    tests = written["tests"]
    assert tests["test_on_gpu.py::test_time[small]"] == {
        "outcome": "passed",
        "seconds": 1.235,
        "round_over_bare": 1.0078,
        "images": 12_800,
    }
    failed = tests["test_on_gpu.py::test_numbers"]
    assert (failed["outcome"], failed["why"]) == ("failed", "E  assert 3 < 0.02")
    assert failed["before"] == "nan"
    assert tests["test_on_gpu.py::test_accuracy"]["why"] == "Skipped: no CIFAR-10"
    assert written["machine"]["gpus"] == []
    assert written["machine"]["versions"].keys() == set(gpu_report.PACKAGES)


def test_a_cpu_does_not_differ_from_itself_and_a_step_does():
    learner = measures.learner_on("cpu", "mlp", num_arms=60, padding=0)
    losses = measures.losses(learner, arms=50, rounds=3)
    assert [len(loss) for loss in losses] == [50, 50, 50]
    assert measures.differences(losses, losses) == {"before_a_step": 0.0, "after_steps": 0.0}
    moved = [losses[0] + 0.25, losses[1], losses[2] - 0.5]
    expected = {"before_a_step": 0.25, "after_steps": 0.5}
    assert measures.differences(losses, moved) == pytest.approx(expected, abs=1e-6)
    assert losses[2].mean() < losses[0].mean()  # the classes can be learned


@pytest.mark.parametrize("rate", [measures.round_rate, measures.bare_rate])
def test_the_rates_count_images(rate, monkeypatch):
    learner = measures.learner_on("cpu", "mlp", num_arms=60, padding=0)
    ticks = iter([10.0, 12.5])
    monkeypatch.setattr(measures.time, "perf_counter", lambda: next(ticks))
    assert rate(learner, 50) == 20.0


def test_the_bare_loop_takes_the_steps_of_a_round():
    """As many, on the same images: what differs between them is the bookkeeping."""
    learner = measures.learner_on("cpu", "mlp", num_arms=60, padding=0, batch_size=25)
    seen: list[Any] = []
    make = learner.make_model

    def spied() -> Any:
        model = make()
        model.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
        return model

    learner.make_model = spied
    learner.reset([0])
    measures.round_rate(learner, 50)
    of_rounds, seen[:] = list(seen), []
    measures.bare_rate(learner, 50)
    assert len(seen) == len(of_rounds) == 6
    for bare, of_round in zip(seen, of_rounds, strict=True):
        np.testing.assert_array_equal(bare, of_round)
