"""The command prune-env branch, where the worth of every arm is known, and on digits."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from prune_bench.commands.main import main
from prune_bench.run.episode import Episode
from prune_bench.run.options import RunOptions
from prune_bench.studies.branch import ALL, BranchOptions, branch, table
from rich.console import Console

SYNTHETIC = RunOptions(env="prune_env/Synthetic-v0", agent="random_dynamic", seed=1)
EXACT = {"num_arms": 200, "val_noise": 0.0}


def drops(result):
    return {name: np.mean(group["val_loss_drop"]) for name, group in result["groups"].items()}


def test_kinds_come_out_in_the_order_of_their_worth():
    run = replace(SYNTHETIC, env_kwargs=EXACT)
    found = drops(branch(BranchOptions(run, by=("kind",), draws=4)))
    assert list(found) == [ALL, "always", "sometimes", "never", "mislabelled"]
    assert found["always"] > found["sometimes"] > found["never"] > 0 > found["mislabelled"]


def test_a_branch_is_the_round_that_the_run_itself_would_have_had():
    # All of its arms are kept, so each draw is the round of the agent that keeps all.
    run = RunOptions(env="prune_env/Synthetic-v0", agent="full", seed=1, env_kwargs=EXACT)
    for to_end in (False, True):
        options = BranchOptions(run, after=2, by=(), arms=200, draws=2, to_end=to_end)
        group = branch(options)["groups"][ALL]
        assert group["val_loss_drop"][0] == group["val_loss_drop"][1]
    episode = Episode(run)
    losses = [episode.step()["val_loss"] for _ in range(3)]
    assert group["val_loss_drop"][0] == pytest.approx(losses[1] - losses[2])


def test_groups_of_loss_classes_and_choices_on_digits(capsys):
    main(
        [
            *("branch", "--limit", "300", "--epochs", "3", "--threads", "1", "--draws", "2"),
            *("--by", "loss", "class", "--choices", "uncertainty", "full", "--arms", "5"),
            *("--to-end", "--json"),
        ]
    )
    result = json.loads(capsys.readouterr().out)
    assert result["kept"] == 5
    sizes = {name: group["arms"] for name, group in result["groups"].items()}
    assert sizes[ALL] == sizes["choice of full"] == 270
    assert sizes["choice of uncertainty"] == 81
    assert [sizes[f"loss {part}"] for part in ("1/3, hardest", "2/3", "3/3, easiest")] == [90] * 3
    assert sum(sizes[f"class {c}"] for c in range(10)) == 270
    for group in result["groups"].values():
        assert len(group["val_loss_drop"]) == len(group["test_accuracy"]) == 2


def test_the_table_shows_what_noise_leaves_open(capsys):
    main(
        [
            *("branch", "--env", "prune_env/Synthetic-v0", "--by", "kind", "--draws", "3"),
            *("--env-kwargs", "num_arms=200"),
        ]
    )
    out = capsys.readouterr().out
    assert "after round 2 of random_dynamic, seed 0" in out
    for name in (ALL, "always", "mislabelled"):
        assert f"\n{name} " in out
    assert "±" in out


@pytest.mark.parametrize(("level", "is_green"), [(0, True), (9, False)])
def test_one_group_of_many_is_ahead_by_luck(level, is_green):
    """Standard deviation 2, standard error 1, t of 3 degrees of freedom: p = 0.028 for 4."""
    noise = np.array([1, 1, -1, -1]) * np.sqrt(3)
    values = {ALL: 0 * noise, "lucky": 4 + noise} | {f"g{i}": 0.5 + noise for i in range(level)}
    groups = {name: {"arms": 9, "val_loss_drop": list(of / 1000)} for name, of in values.items()}
    options = {"after": 1, "draws": 4, "to_end": False}
    options["run"] = {"env": "prune_env/Digits-v0", "agent": "ucb", "seed": 0}
    console = Console(record=True, width=100, file=io.StringIO(), color_system="standard")
    console.print(table({"options": options, "kept": 9, "groups": groups}))
    shown = console.export_text(styles=True)
    assert "4.0 ±3.2" in shown
    assert ("\x1b[32m" in shown) == is_green


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--after", "9"], "after is 9, but the run ends with round 2"),
        (["--after", "2"], "after is 2, but the run ends with round 2"),
        (["--by", "kind"], "only the arms of prune_env/Synthetic-v0 have kinds"),
        (["--arms", "91"], "arms is 91; allowed is 1 to 90, the size of 'loss 1/3, hardest'"),
        (["--draws", "1"], "draws is 1; allowed is a whole number from 2"),
        (["--choices", "el2n"], "el2n chooses by a prior run of its own"),
        (["--choices", "ubc"], "unknown agent 'ubc'"),
        (["--env-kwargs", "colour=red"], "unexpected keyword argument 'colour'; allowed"),
    ],
)
def test_bad_input_ends_with_one_clear_error(capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        main(["branch", "--limit", "300", "--epochs", "2", "--after", "1", *arguments])
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
