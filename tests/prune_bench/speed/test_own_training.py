"""What a loop of one's own pays for choosing."""

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
    parts = own_training._parts(256, 3, "cpu")
    assert parts.keys() == {"loading", "loss and record"}
    assert 0 < parts["loss and record"] < 0.1
