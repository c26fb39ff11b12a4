"""The command prune-env inspect: what is seen of a run, and the picture of it."""

from __future__ import annotations

import struct
import sys

import numpy as np
import pytest
from prune_bench.commands.main import main
from prune_bench.studies.inspect import InspectOptions, inspect, overlap, share_kept


def masks(*rounds):
    return np.array([[c == "x" for c in text] for text in rounds])


def test_overlap_of_choices():
    one, other = masks("xx..", "xx..", "xx.."), masks("xx..", "x.x.", "..xx", "xxxx")
    assert overlap(one, other).tolist() == pytest.approx([1, 1 / 3, 0])


def test_share_kept_of_a_group():
    kept = masks("xx..", "x...", "...x")
    assert share_kept(kept, np.array([True, True, False, False])).tolist() == [1, 0.5, 0]


def test_what_is_seen_of_agents_whose_choices_are_known():
    options = InspectOptions(
        agents=("full", "static_random"), keep_ratio=0.5, epochs=3, env_kwargs={"num_arms": 100}
    )
    full, static = inspect(options)
    assert full.kept.all()
    assert full.age.tolist() == [0, 0, 0]
    assert (full.kept_by_loss == 1).all()
    assert static.kept.sum(axis=1).tolist() == [50, 50, 50]
    assert (static.kept == static.kept[0]).all()
    assert static.age.tolist() == [0.5, 1, 1.5]  # those left out wait since the start
    assert static.kept_by_loss.shape == (3, 10)
    assert static.kept_by_loss.mean(axis=1).tolist() == pytest.approx([0.5] * 3)
    assert list(full.groups) == ["always", "sometimes", "never", "mislabelled"]
    assert sum(group.sum() for group in full.groups.values()) == 100
    assert full.regret[-1] == 0  # who keeps all keeps the best of that number too
    assert static.regret[-1] > 0


def test_looking_changes_nothing():
    from prune_bench.run.episode import Episode
    from prune_bench.run.options import RunOptions

    run = RunOptions(agent="ucb", limit=300, epochs=2, seed=5)
    [seen] = inspect(InspectOptions(env=run.env, agents=("ucb",), limit=300, epochs=2, seed=5))
    episode = Episode(run)
    while not episode.terminated:
        episode.step()
    assert (seen.kept.sum(axis=0) == episode.env.rounds.arms.pulls[0]).all()
    assert seen.regret is None
    assert seen.groups == {}
    assert seen.wrong is None
    assert seen.found is None


def test_the_wrong_labels_that_are_kept_and_found_are_seen():
    options = InspectOptions(
        env="prune_env/Digits-v0", agents=("full",), limit=300, epochs=2, label_noise=0.2
    )
    [full] = inspect(options)
    assert full.wrong.tolist() == [0.2, 0.2]  # who keeps all keeps each
    assert {name: group.sum() for name, group in full.groups.items()} == {
        "right label": 216,
        "wrong label": 54,
    }
    assert full.found.shape == (2,)
    assert full.found[1] > 0.5


@pytest.mark.parametrize(
    "arguments",
    [
        ["--agents", "ucb", "full_short", "--env-kwargs", "num_arms=60"],
        ["--agents", "ucb", "--epochs", "30", "--env-kwargs", "num_arms=60", "num_classes=40"],
        ["--env", "prune_env/Digits-v0", "--limit", "200", "--epochs", "2", "--threads", "1"],
        ["--env", "prune_env/Digits-v0", "--limit", "200", "--epochs", "2", "--label-noise", "0.3"],
    ],
)
def test_the_picture(tmp_path, capsys, arguments):
    out = tmp_path / "new" / "inspect.png"
    main(["inspect", "--out", str(out), *arguments])
    assert "inspect.png" in capsys.readouterr().out
    head = out.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", head[16:])
    assert 1000 < width < 3000
    assert 1500 < height < 3500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--agents", "ubc"], "unknown agent 'ubc'"),
        (["--agents", "ucb", "ucb"], "agents names one twice"),
        (["--keep-ratio", "2"], "keep_ratio is 2.0; allowed is 0 < keep_ratio <= 1"),
        (["--env-kwargs", "num_arms"], "'num_arms' is not of the form key=value"),
        (
            ["--env", "prune_env/Digits-v1"],
            "unknown environment 'prune_env/Digits-v1' (did you mean prune_env/Digits-v0?); ",
        ),
        (["--env-kwargs", "num_arms=8"], "Synthetic-v0 has 8 arms; expected 10 or more"),
        (["--out", "picture.txt"], "out is 'picture.txt'; allowed is a name that ends in .png"),
    ],
)
def test_bad_input_leaves_no_picture(tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        main(["inspect", "--out", str(tmp_path / "inspect.png"), *arguments])
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_without_the_packages_for_pictures(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    for module in ("inspect_picture", "to_png"):
        monkeypatch.delitem(sys.modules, f"prune_bench.report.charts.{module}", raising=False)
    with pytest.raises(SystemExit) as end:
        main(["inspect", "--out", str(tmp_path / "inspect.png")])
    assert end.value.code == 2
    assert "a picture needs: pip install 'prune_env[report]'" in capsys.readouterr().err


def test_classes_have_the_names_of_their_folders(tmp_path):
    from PIL import Image
    from prune_bench.report.charts.per_agent import by_class
    from prune_bench.run.options import Place

    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(15):
            picture = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
            picture.save(tmp_path / name / f"{i}.png")
    options = InspectOptions(env="prune_env/Images-v0", agents=("ucb",), network="mlp", epochs=1)
    seen = inspect(options, Place(str(tmp_path)))
    chart = str(by_class(seen, 200).to_dict())
    assert "'group': 'cat'" in chart
    assert "'group': 'dog'" in chart
    digits = inspect(InspectOptions(env="prune_env/Digits-v0", agents=("ucb",), epochs=1, limit=60))
    assert "'group': 'class 9'" in str(by_class(digits, 200).to_dict())
