"""Presets of trainings: one for every algorithm and id, and what goes before them."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prune_agents.sb3.presets import ALGORITHMS, BOX_ONLY, DISCRETE_ONLY, Preset
from prune_bench.training import train as training
from prune_bench.training.options import TrainOptions, read_preset

import prune_env
from prune_env.wrappers.small_ids import TWINS

UNSUITABLE = {"Scores": DISCRETE_ONLY, "Rules": BOX_ONLY}


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_every_algorithm_has_a_preset_that_its_twins_can_be_made_from(algo):
    kind = "Rules" if algo in ("dqn", "qrdqn", "maskable_ppo") else "Scores"
    preset = read_preset(TrainOptions(algo=algo, env=f"prune_env/Digits-{kind}-v0"))
    assert preset.algo == algo
    names = [name for name, _ in preset.wrappers()]
    assert names == ["LinearScores" if kind == "Scores" else "Rules", "SummaryObservation"]


def test_every_id_has_a_preset_for_ppo():
    for env_id in prune_env.ENVIRONMENTS:
        preset = read_preset(TrainOptions(env=env_id))
        armwise = env_id.count("-") == 1  # no twin
        assert (preset.policy == "ArmwisePolicy") == armwise, env_id


def test_our_presets_name_every_twin_that_suits_their_algorithm():
    """As rl-baselines3-zoo looks them up: by the whole id."""
    folder = Path(training.__file__).parent / "hyperparams"
    assert {path.stem for path in folder.glob("*.yml")} == set(ALGORITHMS)
    for algo in ALGORITHMS:
        kinds = {kind for kind in TWINS if algo not in UNSUITABLE[kind]}
        twins = {i for i in prune_env.ENVIRONMENTS if any(f"-{kind}-" in i for kind in kinds)}
        listed = yaml.safe_load((folder / f"{algo}.yml").read_text(encoding="utf-8"))
        assert twins <= set(listed), algo
        for env_id, hyperparameters in listed.items():
            assert "*" not in env_id
            if env_id != "default":
                Preset.from_dict({"algo": algo, "env": env_id} | hyperparameters)


def test_an_id_that_a_preset_does_not_name_gets_its_default(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text("default: {n_timesteps: 7}\nprune_env/Probe-Scores-v0: {n_timesteps: 8}")
    for env_id, expected in (("Replay", 7), ("Probe", 8)):
        options = TrainOptions(preset=path, env=f"prune_env:prune_env/{env_id}-Scores-v0")
        preset = read_preset(options)
        assert preset.n_timesteps == expected
        assert preset.env == f"prune_env/{env_id}-Scores-v0"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no preset: expected ids with their hyperparameters"),
        ("[1]", "is no preset"),
        ("prune_env/Probe-Scores-v0: 3", "has no hyperparameters for"),
        ("prune_env/Digits-Scores-v0: {gama: 0.9}", "hyper-parameter of ppo 'gama'.*gamma"),
    ],
)
def test_other_preset_files_are_refused_by_name(tmp_path, text, message):
    path = tmp_path / "mine.yml"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"mine\.yml.*{message}"):
        read_preset(TrainOptions(preset=path))


def test_options_go_before_the_preset(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text(
        "prune_env/Digits-Scores-v0: {n_timesteps: 7, n_steps: 8, learning_rate: lin_0.1}"
    )
    options = TrainOptions(
        preset=path,
        timesteps=9,
        keep_ratio=0.1,
        env_kwargs={"epochs": 3},
        hyperparameters={"n_steps": 4},
    )
    preset = read_preset(options)
    assert preset.n_timesteps == 9
    assert preset.hyperparameters == {"n_steps": 4, "learning_rate": "lin_0.1"}
    assert preset.env_kwargs == {"epochs": 3}
    assert preset.env_wrapper == [{"LinearScores": {"keep_ratio": 0.1}}, {"SummaryObservation": {}}]
    with pytest.raises(ValueError, match="has no hyperparameters for prune_env/CIFAR10-Scores-v0"):
        read_preset(replace(options, env="prune_env/CIFAR10-Scores-v0"))
