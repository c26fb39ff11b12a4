"""What a loop of one's own pays for choosing, and the comparison of the two examples."""

import pytest
from speed import own_training


def test_a_line_for_each_agent_and_size(capsys):
    own_training.Choosing(num_arms=(300, 600), agents=("ucb", "rs2"), epochs=2).run()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0].split() for line in lines] == [
        ["N", "=", f"{size},", name] for size in ("300", "600") for name in ("ucb", "rs2")
    ]
    assert all(
        f"trains {kept} at 700" in line
        for kept, line in zip((90, 90, 180, 180), lines, strict=True)
    )


def test_what_a_batch_takes_more_by_its_parts():
    parts = own_training._parts(num_arms=256, repeats=3)
    assert parts.keys() == {"loading", "loss and record"}
    assert 0 < parts["loss and record"] < 0.1


@pytest.mark.slow
def test_the_examples_are_compared(cifar10_path, capsys):
    own_training.Compare(
        cifar10_path, agents=("infobatch",), epochs=2, width=4, limit=128, workers=0, seeds=(0,)
    ).run()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("seed 0, plain: epoch 1: test accuracy")
    assert "of them trained on" in lines[1]
