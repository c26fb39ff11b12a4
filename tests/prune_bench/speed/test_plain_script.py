"""The comparison of the two examples."""

from pathlib import Path

import pytest
from speed.plain_script import Compare, Run, table

PRINTED = """256 images, cpu
epoch 0: loss 2.500, 4.00 s, test accuracy 20.00 %
2 epochs of 256 samples: 65.0% of them trained on, 65.0% of the passes
choosing took 0.1 s, 1.00% of the time
kept, from the lowest loss to the highest: 50% 50%
epoch 1: loss 1.500, 2.00 s, test accuracy 30.50 %
"""


def result(agent, seed, accuracy, seconds):
    of = Compare(Path("cifar10"), epochs=2)
    return Run(of, agent, seed).read(PRINTED) | {
        "test_accuracy": [20.0, accuracy],
        "seconds": seconds,
    }


def test_what_a_script_has_printed():
    found = result("ucb", 0, 30.5, [4.0, 2.0])
    assert (found["share"], found["choosing"], found["loss"]) == (0.65, 0.1, (2.5, 1.5))
    assert found["device"].startswith("CPU, ")


def test_each_run_is_the_script_with_another_agent_and_has_its_own_file():
    of = Compare(Path("cifar10"), epochs=10)
    names = ("full", "full_short", "rs2")
    plain, short, pruned = (Run(of, name, 1).source() for name in names)
    assert plain == short
    assert 'make("rs2", keep_ratio=0.3), epochs=args.epochs, seed=args.seed)' in pruned
    assert [Run(of, name, 1).epochs for name in names] == [10, 3, 10]
    paths = {Run(Compare(Path("c"), epochs=n), name, 1).path for n in (10, 20) for name in names}
    assert len(paths) == 6
    assert Run(Compare(Path("c"), amp=True), "full", 1).path.name.endswith("width-32-amp-1.json")


def test_one_process_on_a_cpu_is_measured_in_cpu_time():
    for workers, device, of_process in ((0, "cpu", 2), (2, "cpu", 0), (0, "cuda", 0)):
        of = Compare(Path("cifar10"), workers=workers, device=device)
        for name in ("full", "rs2"):
            source = Run(of, name, 0).source()
            assert source.count("time.process_time()") == of_process
            assert source.count("time.perf_counter()") == 2 - of_process


def test_the_table_has_means_over_seeds():
    results = [
        result("full", 0, 40.0, [4.0, 4.0]),
        result("full", 1, 42.0, [6.0, 2.0]),
        result("ucb", 0, 30.5, [4.0, 2.0]),
    ]
    rows = table(results).splitlines()[-2:]
    assert rows == [
        "| `full` | 2 | 41.00 [28.29, 53.71] | 8.0 | 100.0% | 65.0% | 0.1 |",
        "| `ucb` | 1 | 30.50 | 6.0 | 75.0% | 65.0% | 0.1 |",
    ]


@pytest.mark.slow
def test_the_examples_are_compared_once(cifar10_path, tmp_path, capsys):
    size = {"epochs": 1, "width": 4, "limit": 128, "workers": 0, "jobs": 2, "device": "cpu"}
    compare = Compare(cifar10_path, tmp_path, ("full", "infobatch"), seeds=(0,), amp=True, **size)
    compare.run()
    first = capsys.readouterr().out
    assert "full, seed 0: epoch 0: loss" in first
    assert "| `infobatch` | 1 |" in first
    compare.run()
    assert capsys.readouterr().out == first[first.index("CPU, ") :]


def test_a_deadline_ends_what_is_not_done(tmp_path, capsys):
    Compare(tmp_path, tmp_path, ("full",), seeds=(0,), device="cpu", deadline=0.2).run()
    assert capsys.readouterr().out == "full, seed 0: not done by the deadline\n"
