"""What a step is compared with."""

import numpy as np
import pytest
from gpu_measures import learner_on
from speed import speed_step


def test_the_operations_of_a_perceptron_are_its_products():
    """Forward, and the gradients by weights and by what came in, but not by the images."""
    learner = learner_on("cpu", "mlp", num_arms=20)
    pairs = [layer.weight.numel() for layer in learner._model.layers if hasattr(layer, "weight")]
    assert speed_step.operations(learner) == 2 * (3 * sum(pairs) - pairs[0])


def test_ratios_are_of_medians_and_a_gpu_counts_by_wall_clock():
    seconds = {
        name: np.array([[cpu, wall], [cpu, wall], [99.0, 99.0]])
        for name, cpu, wall in (
            ("loop", 2.0, 4.0), ("step", 2.5, 3.0), ("kept", 0.5, 1.5), ("product", 1.0, 0.5),
        )
    }  # fmt: skip
    rows = speed_step.report(speed_step.Options(agent="ucb"), seconds)
    assert [(row[2], row[4]) for row in rows] == [
        ("1.0000 of loop", "1.0000 of loop"),
        ("1.2500 of loop", "0.7500 of loop"),
        ("0.2000 of step", "0.5000 of step"),
    ]
    done = {"step": 300e9, "product": 300e9}
    for device, said in (("cpu", "120 GFLOP/s: 40% of a product's 300"), ("cuda", "100 GFLOP/s: ")):
        assert said in speed_step.share_of_peak(device, seconds, done)


@pytest.mark.slow
def test_the_command(cifar10_path, tmp_path, monkeypatch, capsys):
    out = tmp_path / "table.md"
    words = ["--data", cifar10_path, "--limit", 300, "--repeats", 1, "--network", "mlp"]
    monkeypatch.setattr("sys.argv", ["speed_step", *map(str, words), "--out", str(out)])
    speed_step.main()
    assert "mlp, fp32, 270 arms" in capsys.readouterr().out
    lines = out.read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.startswith("| ")]) == 5
