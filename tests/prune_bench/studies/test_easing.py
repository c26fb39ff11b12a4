"""Whether hard arms become easier: on losses that are known, and on digits."""

from prune_bench.run.options import RunOptions
from prune_bench.studies.easing import easing, main


def test_digits_become_easier_and_wrong_labels_do_not():
    of = RunOptions(agent="uncertainty", epochs=10, network="mlp", keep_ratio=0.3)
    clean = easing(of)
    wrong = easing(RunOptions(**vars(of) | {"label_noise": 0.3}))
    assert len(clean) == len(wrong) == 10
    assert clean[0] == 0.5  # nothing was looked at twice
    assert max(clean[4:]) > 0.5 > 2 * max(wrong[4:])


def test_the_command_prints_a_line_a_round(capsys):
    main(["--env", "prune_env/Digits-v0", "--epochs", "2", "--limit", "60"])
    assert capsys.readouterr().out.splitlines()[0] == "round 1: 50 %"
