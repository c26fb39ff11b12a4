"""prune-env train --algo evolution: ranks, paired episodes, resuming, and the comparison."""

import io
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from prune_agents.policies import learned
from prune_bench.commands.evolution_view import print_scores
from prune_bench.commands.main import main
from prune_bench.run.options import RunOptions
from prune_bench.run.provenance import KNOWN
from prune_bench.training import evolution
from prune_bench.training.evolution import Task, evolve, mean_ranks, play
from prune_bench.training.instances import HELD_OUT, InstanceSet
from prune_bench.training.options import EvolutionOptions, TrainOptions
from rich.console import Console

from prune_env.files import read_json, write_json

SET = """
- env: prune_env/Digits-v0
  limit: [60, 80]
  epochs: [2, 3]
  keep_ratio: 0.3
  env_kwargs: {num_validation: 20}
- env: prune_env/Synthetic-v0
  epochs: 4
  env_kwargs: {num_arms: 60}
"""


@pytest.fixture
def options(tmp_path):
    path = tmp_path / "set.yaml"
    path.write_text(SET, encoding="utf-8")
    return EvolutionOptions(instances=path, population=4, episodes=2, generations=2)


@pytest.fixture
def train(tmp_path):
    return TrainOptions(algo="evolution", out=tmp_path / "out", eval_seeds=0)


@pytest.fixture
def here(monkeypatch):
    """Episodes run in this process, one after the other."""
    from concurrent.futures import Future
    from contextlib import contextmanager

    @contextmanager
    def processes(do, jobs, threads):
        def submit(task):
            future = Future()
            future.set_result(do(task))
            return future

        yield submit

    monkeypatch.setattr(evolution, "processes", processes)


def test_ranks_weigh_every_episode_alike():
    accuracy = np.array([[0.90, 0.1], [0.91, 0.3], [0.10, 0.2]])
    np.testing.assert_array_equal(mean_ranks(accuracy), [1.5, 3, 1.5])


def test_an_episode_is_the_same_whoever_asks_and_depends_on_the_weights(options):
    instance = InstanceSet(options.instances).draw(3)
    assert instance.options.env == "prune_env/Digits-v0"
    run = partial(play, options=options)
    first, again = (run(Task(instance, "random_dynamic")) for _ in range(2))
    assert first == again
    assert set(first) == {"val_accuracy", "val_loss"}
    hardest, easiest = (
        run(Task(instance, "learned", tuple(sign * learned.read_weights("digits-1").ravel())))
        for sign in (1, -1)
    )
    assert hardest["val_loss"] != easiest["val_loss"]
    assert "test_accuracy" in run(Task(instance, "full_short", test=True))


def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("prune_env.data.parquet.on_hub", None)  # who asks it, fails otherwise
    run = RunOptions(env="prune_env/Images-v0", agent="random_dynamic", network="mlp")
    with pytest.raises(FileNotFoundError, match="owner/photos does not exist"):
        evolution.environment(json.dumps(vars(run)), "owner/photos", None, "cpu", False)


def test_training_and_evaluation_share_no_seed(options):
    instances = InstanceSet(options.instances)
    for seed, number in ((0, 0), (0, 10**6), (19, 999_999), (10**6, 3)):
        seeds = [i.options.seed for i in evolution.drawn(instances, seed, number, options)]
        assert max(seeds) < HELD_OUT


def test_a_search_that_is_resumed_is_the_one_that_was_not_interrupted(options, train, here):
    evolve(train, options)
    parts = replace(train, out=train.out.with_name("parts"))
    with pytest.raises(ValueError, match="parts does not hold a search to go on with; without"):
        evolve(replace(parts, resume=True), options)
    evolve(parts, replace(options, generations=1))
    with pytest.raises(ValueError, match="holds a search already; --resume goes on with it"):
        evolve(parts, options)
    evolve(replace(parts, resume=True), options)
    for name in ("generations/0000.json", "generations/0001.json", learned.FILE):
        assert read_json(train.out / name) == read_json(parts.out / name)
    saved = read_json(train.out / learned.FILE)
    assert saved["generations"] == 2
    assert saved["made_by"]["instances"] == InstanceSet(options.instances).entries
    with pytest.raises(ValueError, match=r"0000.json has sigma 0.3; now it is"):
        evolve(replace(parts, resume=True), replace(options, sigma=0.5))


def test_a_search_goes_on_with_its_own_data_and_its_own_start_alone(train, here, tmp_path):
    """What lies in the folder of the data, or of the weights to begin with, may have changed."""
    path, start = tmp_path / "set.yaml", tmp_path / "start"
    entry = "- {env: prune_env/Arrays-v0, data: t.npz, epochs: 2, env_kwargs: {num_validation: 20}}"
    path.write_text(entry, encoding="utf-8")

    def write(labels, weight):
        rows = np.random.default_rng(0).normal(size=(60, 3))
        parts = {"test_inputs": rows[:20], "test_labels": labels[:20]}
        np.savez(tmp_path / "t.npz", train_inputs=rows, train_labels=labels, **parts)
        weights = learned.named(np.full(learned.SIZE, weight))
        write_json(start / learned.FILE, {"weights": weights})

    options = EvolutionOptions(instances=path, population=4, episodes=1, generations=1)
    options = replace(options, data=str(tmp_path), start=str(start))
    again = replace(train, resume=True)
    write(np.arange(60) % 2, 0.0)
    evolve(train, options)
    evolve(again, options)
    write(np.arange(60) // 2 % 2, 0.0)
    with pytest.raises(ValueError, match=r"0000.json has data {'1 t.npz': '\w{12}'}; now it is {"):
        evolve(again, options)
    write(np.arange(60) % 2, 1.0)
    with pytest.raises(ValueError, match=r"has start with unseen {'always': 0.0.*; now it is {"):
        evolve(again, options)


def test_each_choice_of_data_of_an_entry_is_looked_at(tmp_path):
    path = tmp_path / "set.yaml"
    entries = "- env: [prune_env/Digits-v0, prune_env/Synthetic-v0]\n  epochs: [2, 3]\n"
    path.write_text(entries + "- {env: prune_env/Synthetic-v0}", encoding="utf-8")
    found = list(evolution.digests(InstanceSet(path), None).values())
    assert found == [KNOWN["prune_env/Digits-v0"], ""]


def test_a_deadline_ends_a_search_before_it_would_be_late(options, train, here):
    evolve(train, replace(options, deadline=1e-9))  # the first generation has none before it
    assert len(list((train.out / "generations").iterdir())) == 1


def test_the_search_moves_towards_what_ranks_high(options):
    search = evolution.new_search(replace(options, population=20), seed=0)
    target = search.mean + 1.0
    for number in range(60):
        search.reseed_rng(number)
        candidates = np.array([search.ask() for _ in range(20)])
        distance = np.linalg.norm(candidates - target, axis=1)
        rows = {"candidates": candidates.tolist(), "accuracy": np.exp(-distance)[:, None].tolist()}
        evolution.tell(search, rows)
    assert np.linalg.norm(search.mean - target) < 0.5


def test_the_command_compares_on_held_out_instances(options, train, here, capsys):
    words = ["train", "--algo", "evolution", "--instances", str(options.instances), "--json"]
    words += ["--generations", "1", "--population", "4", "--episodes", "1", "--eval-seeds", "3"]
    main([*words, "--out", str(train.out)])
    scores = json.loads(capsys.readouterr().out)
    assert scores == read_json(train.out / "result.json")
    assert scores["n"]["all"] == 3
    assert set(scores["ahead"]["all"]) == {*evolution.CONTROLS, *evolution.BEST}
    accuracy = scores["accuracy"]["all"]
    lead = scores["ahead"]["all"]["uncertainty"][0]
    assert lead == pytest.approx(accuracy["learned"] - accuracy["uncertainty"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--algo", "evolution"], "needs a YAML file of distributions"),
        (["--algo", "evolution", "--timesteps", "5"], "nothing reads --timesteps"),
        (["--algo", "ppo", "--jobs", "2"], "with --algo ppo nothing reads --jobs"),
        (["--eval-seeds", "0"], "eval_seeds is 0; with --algo ppo allowed is 1 or more"),
    ],
)
def test_options_that_do_not_go_together_are_named(words, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["train", *words])
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("kinds", "columns"), [(["one"], 1), (["one", "two"], 3)])
def test_one_kind_of_instance_is_shown_once(kinds, columns):
    console = Console(file=io.StringIO(), width=120)
    labels = ["all", *kinds]
    lead = {"full_short": [0.5, 0.25, 0.75, 1]}
    print_scores(console, {"n": dict.fromkeys(labels, 4), "ahead": dict.fromkeys(labels, lead)})
    assert console.file.getvalue().count("+0.50 [+0.25, +0.75] *") == columns
