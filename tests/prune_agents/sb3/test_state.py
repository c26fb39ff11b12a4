"""A saved model is restored whole: all that training has changed, tensor for tensor."""

import zipfile
from collections import deque
from dataclasses import replace

import numpy as np
import pytest
import torch
from prune_agents import sb3
from prune_agents.sb3 import state
from prune_agents.sb3.presets import ALGORITHMS, OFF_POLICY, Preset

import prune_env  # noqa: F401, registers the ids

NOT_RESTORED = {
    *("env", "start_time", "tensorboard_log", "_logger", "ep_info_buffer", "ep_success_buffer"),
    *("_last_obs", "_last_original_obs", "_last_episode_starts", "_last_lstm_states"),
    *("rollout_buffer", "action_noise", "lr_schedule", "clip_range", "exploration_schedule"),
    *("delta_std_schedule", "replay_buffer_kwargs", "_vec_normalize_env", "_custom_logger"),
}
"""What belongs to the episodes under way and to the log, and what the preset alone decides."""

OWN = {
    "ars": {"n_delta": 2, "policy": "LinearPolicy", "policy_kwargs": {}},
    "a2c": {"n_steps": 8},
    "recurrent_ppo": {"policy": "MlpLstmPolicy", "policy_kwargs": {"lstm_hidden_size": 8}},
    "dqn": {"target_update_interval": 8},
    "qrdqn": {"target_update_interval": 8},
}
CHANGED = {
    **{algo: {"log_ent_coef", "ent_coef_optimizer"} for algo in ("sac", "tqc", "crossq")},
    **{algo: {"exploration_rate", "_n_calls"} for algo in ("dqn", "qrdqn")},
    "ars": {"weights"},
}
"""What a training changes beside the policy and the counters that all algorithms have."""


def preset_for(algo):
    """A preset that trains in a moment."""
    kind = "Rules" if algo in ("dqn", "qrdqn", "maskable_ppo") else "Scores"
    given = {"env_kwargs": {"num_arms": 60, "epochs": 4}, "policy_kwargs": {"net_arch": [8]}}
    if algo in OFF_POLICY:
        given |= {"learning_starts": 16, "buffer_size": 500, "batch_size": 8, "train_freq": 1}
    elif algo not in ("ars", "a2c"):
        given |= {"n_steps": 16, "batch_size": 8}
        given |= {"n_epochs": 2} if algo.endswith("ppo") else {}
    named = {"algo": algo, "env": f"prune_env/Synthetic-{kind}-v0", "n_timesteps": 32}
    return Preset.from_dict(named | given | OWN.get(algo, {}))


def same(one, other):
    """Equal to the last bit, through all containers, modules and optimizers."""
    if hasattr(one, "state_dict") and not isinstance(one, type):
        one, other = one.state_dict(), other.state_dict()
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple | deque):
        return len(one) == len(other) and all(map(same, one, other))
    if hasattr(one, "buffer_size"):
        filled = one.pos  # what is behind it was never written
        cut = [
            {n: v[:filled] if isinstance(v, np.ndarray) else v for n, v in vars(b).items()}
            for b in (one, other)
        ]
        return same(*cut)
    return one == other


def differing(model, other):
    """The names of the attributes that are not the same in two models."""
    names = (vars(model).keys() | vars(other).keys()) - NOT_RESTORED
    return {name for name in names if not same(getattr(model, name), getattr(other, name))}


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_everything_that_a_training_has_changed_is_restored(algo, tmp_path):
    if ALGORITHMS[algo].startswith("sb3_contrib"):
        pytest.importorskip("sb3_contrib", reason="pip install prune_env[contrib]")
    preset = preset_for(algo)
    model = sb3.train(preset, seed=1)
    fresh = sb3.build(preset, sb3.training_env(preset), seed=0)
    buffer = {"replay_buffer"} if algo in OFF_POLICY else set()
    learned = {"policy", "num_timesteps", "_n_updates", *buffer, *CHANGED.get(algo, set())}
    assert learned <= differing(model, fresh)  # there is something to restore

    sb3.save(model, preset, tmp_path, replay=True)
    restored, _ = sb3.load_model(tmp_path, sb3.training_env(preset))
    assert differing(model, restored) <= {"seed"}
    if algo == "ars":  # its next candidates are these weights and noise
        flat = torch.nn.utils.parameters_to_vector(restored.policy.parameters())
        assert torch.equal(restored.weights, flat)
    else:
        for name in model._get_torch_save_params()[0]:
            if name.endswith("optimizer"):
                assert same(*(_attribute(m, name) for m in (model, restored))), name

    for one in (model, restored):  # the proof: both go on alike, to the last bit
        one._last_obs = None
        one.set_random_seed(7)
        sb3.train(replace(preset, n_timesteps=64), model=one)
    assert model.num_timesteps >= 64
    assert differing(model, restored) <= {"seed"}


def _attribute(model, path):
    for name in path.split("."):
        model = getattr(model, name)
    return model


def test_a_restored_entropy_coefficient_is_the_one_that_its_optimizer_changes(tmp_path):
    preset = preset_for("sac")
    sb3.save(sb3.train(preset), preset, tmp_path)
    restored, _ = sb3.load_model(tmp_path, sb3.training_env(preset))
    (group,) = restored.ent_coef_optimizer.param_groups
    assert group["params"][0] is restored.log_ent_coef


def test_a_damaged_model_is_refused_by_name(tmp_path):
    preset = preset_for("sac")
    sb3.save(sb3.train(preset), preset, tmp_path)
    path = tmp_path / "model.zip"
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("policy.pth")
    content[entry.header_offset + entry.file_size // 2] ^= 1  # one bit, in the middle of a weight
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.zip.*the checksum of policy\.pth is wrong"):
        sb3.load_model(tmp_path)


@pytest.mark.parametrize(
    ("counters", "message"),
    [
        ({"num_timesteps": "many"}, r"num_timesteps is 'many'; expected a number \(int\)"),
        ({"_n_updates": 0.5}, r"_n_updates is 0.5; expected a number \(int\)"),
        ({"_current_progress_remaining": float("nan")}, "_current_progress_remaining is nan"),
    ],
)
def test_counters_that_are_none_are_refused(tmp_path, counters, message):
    preset = preset_for("sac")
    model, other = (sb3.build(preset, sb3.training_env(preset)) for _ in range(2))
    for name, value in counters.items():
        setattr(model, name, value)
    state.write(model, tmp_path / "wrong.zip")
    with pytest.raises(ValueError, match=rf"wrong\.zip does not fit its preset: {message}"):
        state.restore(other, tmp_path / "wrong.zip")


def test_a_zip_that_would_fill_the_memory_is_refused(tmp_path):
    preset = preset_for("sac")
    model = sb3.build(preset, sb3.training_env(preset))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("policy.pth", bytes(10_000_000))
    with pytest.raises(ValueError, match=r"bomb\.zip does not fit.*grows to 10000000 bytes"):
        state.restore(model, tmp_path / "bomb.zip")
