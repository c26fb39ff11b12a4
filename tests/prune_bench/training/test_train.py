"""prune-env train: presets, checkpoints, resuming, and the comparison with the controls."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from prune_agents import sb3
from prune_bench.commands.main import main
from prune_bench.commands.train_view import TrainProgress
from prune_bench.run import stopping
from prune_bench.training import train as training
from prune_bench.training.options import TrainOptions, read_preset
from rich.console import Console
from stable_baselines3.common.vec_env import DummyVecEnv

from prune_env.files import read_json, write_json

TINY = {"num_arms": 60, "epochs": 4}


@pytest.fixture
def options(tmp_path):
    return TrainOptions(
        env="prune_env/Synthetic-Scores-v0",
        timesteps=32,
        out=tmp_path / "agent",
        env_kwargs=TINY,
        hyperparameters={"n_envs": 1, "n_steps": 8, "batch_size": 8, "n_epochs": 1},
        eval_seeds=3,
        checkpoint_rounds=16,
    )


def test_a_training_leaves_an_agent_and_its_scores(options):
    rows = []
    scores = training.train(options, rows.append)
    assert [row["rounds"] for row in rows] == list(range(1, 33))
    assert rows[-1]["episodes"] == 8
    assert "eval_return" in rows[-1]
    saved = json.loads((options.out / "result.json").read_text())
    assert saved["scores"] == json.loads(json.dumps(scores))
    assert scores["seeds"] == [1_000_000, 1_000_002]
    value, low, high = scores["val_loss"]["minus_random_dynamic"]
    loss = scores["val_loss"]
    assert value == pytest.approx(loss["trained"] - loss["random_dynamic"])
    assert low <= value <= high
    assert sb3.load(options.out).path == str(options.out)


def test_every_seed_has_its_own_draw_of_a_control(options, monkeypatch):
    """One draw for all seeds would leave its luck out of the interval."""
    seeds = {}

    def note(agent, env, seed):
        seeds.setdefault(type(agent).__name__, []).append((agent.seed, seed))
        return {"val_loss": 0.0, "test_accuracy": 0.0}

    monkeypatch.setattr(training, "last_info", note)
    training.train(options)
    held_out = range(training.HELD_OUT, training.HELD_OUT + 3)
    assert len(seeds) == 3
    assert all(pairs == [(seed, seed) for seed in held_out] for pairs in seeds.values())


def test_where_nothing_is_nothing_is_gone_on_with(options):
    message = "mine does not hold an agent to go on with; without --resume one is begun there"
    with pytest.raises(ValueError, match=message):
        training.train(replace(options, out=options.out.with_name("mine"), resume=True))


def test_an_agent_is_not_overwritten(options):
    options.out.mkdir()
    (options.out / "model.zip").touch()
    with pytest.raises(ValueError, match="holds an agent already; --resume goes on with it"):
        training.train(options)


def test_resuming_goes_on_from_the_checkpoint(options):
    training.train(options)
    rows = []
    training.train(replace(options, timesteps=48, resume=True), rows.append)
    assert [row["rounds"] for row in rows] == list(range(33, 49))
    other = replace(options, timesteps=64, resume=True, keep_ratio=0.1)
    with pytest.raises(ValueError, match="trained with another preset: there env_wrapper is"):
        training.train(other)


def test_no_training_meets_a_held_out_seed(options, monkeypatch):
    """Neither one with a high seed nor, as the second here, one that has gone on for long."""
    seeds, plain = [], DummyVecEnv.seed
    monkeypatch.setattr(
        DummyVecEnv, "seed", lambda env, seed: (seeds.append(seed), plain(env, seed))
    )
    unwatched = replace(options, checkpoint_rounds=1_000)
    training.train(replace(unwatched, seed=1_000_000))
    assert set(seeds) == {1}
    training.train(replace(unwatched, seed=999_968, timesteps=40, resume=True))  # 32 rounds on
    assert seeds[-1] == 1


@pytest.mark.faults
def test_a_kill_after_a_checkpoint_of_the_model_skips_no_rounds(options):
    """Killed before result.json was replaced: how far the model is, it says itself."""
    training.train(options)
    path = options.out / "result.json"
    write_json(path, read_json(path) | {"num_timesteps": 16})
    rows = []
    training.train(replace(options, timesteps=48, resume=True), rows.append)
    assert [row["rounds"] for row in rows] == list(range(33, 49))


def test_a_replay_buffer_is_resumed(options):
    small = {"learning_starts": 8, "buffer_size": 100, "batch_size": 8}
    options = replace(options, algo="sac", hyperparameters=small)
    preset = read_preset(options)
    model = sb3.train(preset)
    sb3.save(model, preset, options.out, replay=True)
    again = training.resumed(options, preset, None)
    assert again.num_timesteps == 32
    assert again.replay_buffer.pos == 32
    np.testing.assert_array_equal(again.replay_buffer.actions, model.replay_buffer.actions)


@pytest.mark.faults
@pytest.mark.slow
def test_resume_after_a_kill(options):
    command = [sys.executable, "-c", "from prune_bench.commands.main import main; main()", "train"]
    command += ["--env", options.env, "--timesteps", "4000", "--out", str(options.out), "--json"]
    command += ["--env-kwargs", "num_arms=60", "epochs=4", "--checkpoint-rounds", "64"]
    command += ["--hyperparameters", "n_envs=1", "n_steps=8", "batch_size=8", "--eval-seeds", "2"]
    process = subprocess.Popen(command)
    while not (options.out / "result.json").exists():  # the last file of a checkpoint
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = json.loads((options.out / "result.json").read_text())["num_timesteps"]
    assert 0 < done < 4000
    command[command.index("4000")] = str(done + 64)
    subprocess.run([*command, "--resume"], check=True, env=os.environ)
    assert json.loads((options.out / "result.json").read_text())["num_timesteps"] == done + 64


@pytest.mark.parametrize("algo", ["ppo", "sac", "ars"])
def test_a_training_that_is_stopped_keeps_its_last_round(options, algo):
    """As by SIGTERM in round 20: the checkpoint of round 16 is not the last word."""
    small = {"n_envs": 1, "n_steps": 8, "batch_size": 8} if algo == "ppo" else {"n_envs": 1}
    options = replace(options, algo=algo, hyperparameters=small)
    calls = []

    def on_progress(row):
        calls.append(row)
        if len(calls) == 20:
            signal.raise_signal(signal.SIGTERM)

    with stopping.listening(), pytest.raises(stopping.Stopped) as end:
        training.train(options, on_progress)
    assert end.value.code == 143
    model, _ = sb3.load_model(options.out)
    assert model.num_timesteps == 21
    rows = []
    training.train(replace(options, resume=True), rows.append)
    assert rows[0]["rounds"] == 22


def test_a_stopped_training_says_how_to_go_on(options, capsys, monkeypatch):
    words = ["train", "--env", options.env, "--out", str(options.out), "--json"]
    for there in (False, True):
        if there:
            options.out.mkdir()
            (options.out / "model.zip").touch()
        monkeypatch.setattr(training, "train", lambda _: signal.raise_signal(signal.SIGINT))
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 130
        line = capsys.readouterr().err.strip()
        assert line == "prune-env: stopped; " + (
            f"--resume goes on from the last checkpoint in {options.out}"
            if there
            else "nothing of the training is kept yet"
        )


@pytest.mark.faults
def test_a_full_disk_costs_a_training_nothing(options, monkeypatch):
    """A checkpoint is left out; the end waits until there is room."""
    save, failing = sb3.save, [2, 3]  # the save at the end, and its first repetition
    calls = []

    def full_at_times(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 1 or len(calls) in failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        return save(*arguments, **options)

    monkeypatch.setattr(sb3, "save", full_at_times)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.warns(UserWarning, match="No space left") as warned:
        training.train(replace(options, checkpoint_rounds=20))
    assert [str(w.message).split(":")[0] for w in warned if "No space" in str(w.message)] == [
        f"{options.out} was not written, what was there stays",
        "waiting for the disk",
        "waiting for the disk",  # a process says it once, pytest makes it say all
    ]
    assert sb3.load_model(options.out)[0].num_timesteps == 32


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"eval_seeds": 0}, "eval_seeds is 0; with --algo ppo allowed is 1 or more"),
        ({"checkpoint_rounds": 0}, "checkpoint_rounds is 0; allowed is 1 or more"),
        ({"timesteps": 0}, "timesteps is 0; allowed is 1 or more"),
        ({"seed": -1}, "seed is -1; allowed is 0 or more"),
    ],
)
def test_a_number_that_is_not_allowed_is_refused_before_the_training(options, changed, message):
    with pytest.raises(ValueError, match=message):
        replace(options, **changed)


@pytest.mark.parametrize("n_envs", [1, 2])
def test_an_argument_that_the_environment_does_not_have_is_one_line(options, capsys, n_envs):
    words = ["train", "--env", options.env, "--out", str(options.out), "--env-kwargs", "colour=1"]
    with pytest.raises(SystemExit) as end:
        main([*words, "--hyperparameters", f"n_envs={n_envs}"])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith(f"prune-env: {options.env} cannot be made so: ")
    assert "colour" in err
    assert not options.out.exists()


def test_an_unknown_key_in_a_saved_preset_is_refused_by_the_file_s_name(tmp_path):
    zoo = Path(__file__).parents[3] / "agents" / "zoo" / "ppo-probe"
    for path in zoo.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "preset.yaml").open("a", encoding="utf-8") as file:
        file.write("colour: red\n")
    with pytest.raises(ValueError, match=r"preset\.yaml: unknown hyper-parameter of ppo 'colour'"):
        sb3.load(tmp_path)


def test_a_typed_hyperparameter_is_not_blamed_on_the_file_that_ships():
    slip = TrainOptions(algo="ppo", hyperparameters={"learning_rat": 0.1})
    with pytest.raises(ValueError, match=r"^unknown hyper-parameter of ppo 'learning_rat'"):
        read_preset(slip)


def test_how_far_a_training_is_shows_on_a_terminal():
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with TrainProgress(console, TrainOptions()) as progress:  # how long is left to the preset
        progress.on_progress({"rounds": 1200, "total": 40_000, "return": 1.5})
    assert "1,200 of 40,000 rounds, return 1.500" in console.file.getvalue()


def test_a_training_says_in_a_pipe_how_far_it_is_twenty_times():
    console = Console(file=io.StringIO(), width=80)
    with TrainProgress(console, TrainOptions()) as progress:
        for done in range(1, 1001):
            progress.on_progress({"rounds": done, "total": 1_000, "return": 1.5})
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 20
    assert lines[0].startswith("ppo: 50 of 1,000 rounds, about ")
    assert lines[-1] == "ppo: 1,000 of 1,000 rounds, about 0 s left, return 1.500"


def test_nothing_is_left_where_the_last_rollout_ends_after_the_training():
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with TrainProgress(console, TrainOptions()) as progress:
        progress.on_progress({"rounds": 1_200, "total": 40_000})
        progress.on_progress({"rounds": 40_960, "total": 40_000})
    assert "40,960 of 40,000 rounds asked for, to end a rollout" in console.file.getvalue()


def test_by_how_much_it_is_ahead_is_said_in_points():
    console = Console(file=io.StringIO(), width=120)
    of = {"trained": 0.9, "random_dynamic": 0.888, "static_random": 0.9}
    lead = {"minus_random_dynamic": [0.012, 0.003, 0.021], "minus_static_random": [0.0, None, None]}
    scores = {"test_accuracy": of | lead, "n": 2, "keep_ratio": 0.3}
    TrainProgress(console, TrainOptions()).print_scores(scores)
    shown = console.file.getvalue()
    assert "trained ahead, points, 95 % interval" in shown
    (line,) = (line for line in shown.splitlines() if line.startswith("random_dynamic"))
    assert line.split()[-4:] == ["88.80%", "+1.20", "[+0.30,", "+2.10]"]
    assert "n = 2 seeds that training never saw" in shown
    TrainProgress(console, TrainOptions()).print_scores(scores | {"n": 1})
    assert "n = 1 seed that training never saw" in console.file.getvalue()


def test_the_command_prints_how_the_agent_compares(options, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    words = ["train", "--env", options.env, "--timesteps", "16", "--out", str(options.out)]
    words += ["--env-kwargs", "num_arms=60", "epochs=4", "--eval-seeds", "2"]
    main([*words, "--hyperparameters", "n_envs=1", "n_steps=8", "batch_size=8"])
    shown = capsys.readouterr().out
    for line in ("trained", "random_dynamic", "static_random", "n = 2 seeds", "prune-env run"):
        assert line in shown


def test_the_saved_agent_runs_under_its_folder(options, capsys):
    training.train(options)
    words = ["run", "--agent", str(options.out), "--env", "prune_env/Digits-v0", "--limit", "100"]
    main([*words, "--epochs", "2", "--keep-ratio", "0.5", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert [row["kept"] for row in result["history"]] == [45, 45]


def test_torchrl_steps_it():
    envs = pytest.importorskip(
        "torchrl.envs", reason="torchrl is in the extra dev", exc_type=ImportError
    )
    with gym.make("prune_env/Synthetic-Scores-v0", **TINY) as env:
        wrapped = envs.GymWrapper(env)
        rollout = wrapped.rollout(max_steps=10)
    assert rollout["observation"].shape == (4, 55)
    assert rollout["next", "reward"].shape == (4, 1)
    assert rollout["next", "terminated"][-1]
    by_id = envs.GymEnv("prune_env/Synthetic-Rules-v0", categorical_action_encoding=True, **TINY)
    assert by_id.rollout(max_steps=10)["observation"].shape == (4, 55)
    many = envs.GymWrapper(gym.make_vec("prune_env/Synthetic-Scores-v0", num_envs=2, **TINY))
    seen = many.rollout(5, break_when_any_done=False)["next"]
    assert seen["observation"][0, :, 0].tolist() == [0.25, 0.5, 0.75, 1.0, 0.25]  # progress
    assert seen["terminated"][0, :, 0].tolist() == [False, False, False, True, False]


def test_the_single_file_ppo_of_the_readme_runs():
    example = Path(__file__).parents[3] / "examples" / "ppo_single_file.py"
    command = [sys.executable, str(example), "--total-rounds", "160", "--env-id"]
    command += ["prune_env:prune_env/Synthetic-Scores-v0"]
    out = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "return" in out.stdout


def test_a_training_on_other_data_is_not_gone_on_with(tmp_path):
    """The folder that data are read from may have changed since."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (80, 8, 8, 1), dtype=np.uint8)
    parts = {"test_images": images[60:], "test_labels": np.arange(20) % 2}
    options = TrainOptions(
        env="prune_env/Images-Scores-v0",
        env_kwargs={"data": str(tmp_path / "data.npz"), "epochs": 2, "device": "cpu"},
        hyperparameters={"n_steps": 4, "batch_size": 4},
        timesteps=4,
        eval_seeds=1,
        out=tmp_path / "agent",
    )
    for first in (1, 2):
        labels = np.arange(60) // first % 2
        np.savez(tmp_path / "data.npz", train_images=images[:60], train_labels=labels, **parts)
        if first == 1:
            training.train(options)
    with pytest.raises(ValueError, match=r"was trained on other data: there they are .*; name an"):
        training.train(replace(options, resume=True, timesteps=8))


@pytest.mark.parametrize("budget", [None, 20.0])
def test_the_controls_cost_what_an_agent_does_that_decides_how_much(options, monkeypatch, budget):
    """It keeps 90 to 100 % a round; with a budget, which all spend, the preset's ratio stays."""
    ratios, costs, play = {}, {}, training.last_info

    def note(agent, env, seed):
        info, name = play(agent, env, seed), type(agent).__name__
        ratios.setdefault(name, set()).add(agent.keep_ratio)
        costs.setdefault(name, []).append(info["passes"])
        return info

    monkeypatch.setattr(training, "last_info", note)
    amount = [{"LinearScores": {"keep_ratio": 0.3}}, {"KeepRatio": {"low": 0.9, "high": 1.0}}]
    policy = {"policy": "MlpPolicy", "policy_kwargs": {}}
    more = {"env_wrapper": [*amount, {"SummaryObservation": {}}]} | policy
    options = replace(
        options,
        env="prune_env/Synthetic-v0",
        env_kwargs=TINY | ({} if budget is None else {"budget": budget}),
        hyperparameters=options.hyperparameters | more,
    )
    ratio = training.train(options)["keep_ratio"]
    assert (ratio >= 0.9) == (budget is None)
    assert list(ratios.values()) == [{0.3}, {ratio}, {ratio}]
    trained, *controls = (np.mean(of) for of in costs.values())
    assert controls == pytest.approx([trained] * 2, rel=0.05)


def test_an_id_without_small_spaces_says_what_learns(options):
    with pytest.warns(
        UserWarning, match="the actions of prune_env/Synthetic-Scores-v0 are ten numb"
    ):
        training.train(replace(options, env="prune_env/Synthetic-v0"))


def test_a_disk_that_refuses_is_told_before_anything_is_trained(options, monkeypatch):
    def refuse(folder):
        raise OSError(errno.EROFS, "Read-only file system", str(folder))

    monkeypatch.setattr(training, "try_disk", refuse)
    monkeypatch.setattr(sb3, "train", lambda *given: pytest.fail("trained"))
    with pytest.raises(OSError, match="Read-only"):
        training.train(options)


def test_a_training_that_waits_for_a_disk_ends_by_a_signal(options, monkeypatch):
    def full(*given, **more):
        signal.raise_signal(signal.SIGTERM)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sb3, "save", full)
    options = replace(options, checkpoint_rounds=1000)
    with stopping.listening(), pytest.raises(stopping.Stopped):
        training.train(options)
