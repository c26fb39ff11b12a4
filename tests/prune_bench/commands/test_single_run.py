"""prune-env run: stopped and gone on with, and the network that it has trained."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
import torch
from prune_bench.commands.main import main
from prune_bench.run import checkpoint
from prune_bench.run.episode import Episode, run
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.result import without_times

from prune_env import networks

OPTIONS = RunOptions(agent="ucb", epochs=4, limit=100)
WORDS = ["run", "--agent", "ucb", "--epochs", "4", "--limit", "100", "--threads", "1", "--json"]
SAYS_ROUND_3 = """
from prune_bench.commands.main import main
from prune_bench.run.episode import Episode
step = Episode.step
def say(episode):
    if len(episode.history) == 2:
        print("round 3", flush=True)
    return step(episode)
Episode.step = say
main()
"""


def cut_off(path, options=OPTIONS, rounds=2):
    """The checkpoint of a run that was stopped after some rounds."""
    episode = Episode(options, Place(threads=1))
    for _ in range(rounds):
        episode.step()
    checkpoint.save(path, episode.state_dict(), episode.identity())


def refused(capsys, *arguments):
    """What the command says when it ends with status 2."""
    with pytest.raises(SystemExit) as end:
        main([*WORDS, *map(str, arguments)])
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    return " ".join(err.split())


def test_a_run_goes_on_from_its_checkpoint(tmp_path, capsys, monkeypatch):
    path, done, step = tmp_path / "run.pt", [], Episode.step
    cut_off(path)
    monkeypatch.setattr(Episode, "step", lambda e: done.append(len(e.history) + 1) or step(e))
    main([*WORDS, "--checkpoint", str(path)])
    assert done == [3, 4]
    result = without_times(json.loads(capsys.readouterr().out))
    assert result == without_times(json.loads(json.dumps(run(OPTIONS, Place(threads=1)))))
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_something_else_is_refused_and_kept(tmp_path, capsys):
    path = tmp_path / "run.pt"
    cut_off(path)
    whole = path.read_bytes()
    assert f"{path} has run 'ucb-" in refused(capsys, "--checkpoint", path, "--seed", 1)
    assert path.read_bytes() == whole
    path.write_bytes(whole[:-1])
    assert f"{path} is damaged" in refused(capsys, "--checkpoint", path)
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("precious", encoding="utf-8")
    assert f"{thesis} is damaged" in refused(capsys, "--checkpoint", thesis)
    assert f"{thesis} is there already" in refused(capsys, "--save", thesis)
    assert thesis.read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("option", ["--checkpoint", "--save"])
def test_a_file_that_cannot_be_written_is_refused_before_the_run(tmp_path, capsys, option):
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refused(capsys, option, tmp_path / "file" / "run.pt")


@pytest.mark.parametrize(
    ("number", "more", "said"),
    [
        (signal.SIGINT, ["--checkpoint", "run.pt"], "the same command goes on from run.pt"),
        (signal.SIGHUP, ["--checkpoint", "run.pt"], "the same command goes on from run.pt"),
        (signal.SIGTERM, [], "nothing of the run is kept; with --checkpoint FILE it could go on"),
    ],
)
def test_a_run_that_is_stopped_says_how_to_go_on(tmp_path, number, more, said):
    words = ["run", "--agent", "ucb", "--epochs", "100000", "--limit", "100", *more]
    process = subprocess.Popen(
        [sys.executable, "-c", SAYS_ROUND_3, *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # the tests may ignore it
    )
    assert (
        process.stdout.readline()
        == "90 arms to choose from, 10 samples for validation, 100 for the test\n"
    )
    assert process.stdout.readline().startswith("evaluated after every 14 rounds and the last")
    assert process.stdout.readline() == "round 3\n"
    process.send_signal(number)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number
    assert error.splitlines() == [
        "prune-env: limit=100 cuts the test split of digits too: 100 of 360 images",
        f"prune-env: stopped; {said}",
    ]
    assert [path.name for path in tmp_path.iterdir()] == more[1:]


@pytest.mark.parametrize("name", ["small", "resnet18"])
def test_a_saved_network_is_whole(name):
    options = RunOptions(env="prune_env/Digits-v0", limit=100)
    learner = Episode(options, Place(threads=1)).env.learner
    learner.network, images = name, torch.randn(20, 3, 16, 16)
    learner._model = networks.factory(name, images, 10)()
    saved = learner.export()
    model = networks.factory(name, torch.zeros(2, 3, 16, 16), 10)()
    model.load_state_dict(saved["weights"])
    assert torch.equal(model.eval()(images), learner._model.eval()(images))


def test_what_trains_no_network_saves_none(tmp_path, capsys):
    words = ["run", "--env", "prune_env/Synthetic-v0", "--save", str(tmp_path / "network.pt")]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "prune_env/Synthetic-v0 trains no network" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
