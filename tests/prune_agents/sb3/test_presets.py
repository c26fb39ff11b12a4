"""Presets: what of rl-baselines3-zoo is taken, and how the rest is refused."""

import pytest
import yaml
from prune_agents import sb3
from prune_agents.sb3.presets import Preset, arguments, check
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise

import prune_env  # noqa: F401, registers the ids
from prune_env.wrappers.translation import Translation

SCORES, RULES = "prune_env/Synthetic-Scores-v0", "prune_env/Synthetic-Rules-v0"


def read(text, algo="ppo", env=SCORES):
    """A preset as a YAML file has it."""
    return Preset.from_dict({"algo": algo, "env": env} | yaml.safe_load(text))


def given(preset):
    """What the algorithm gets of it."""
    return arguments(preset, Translation(preset.wrappers()).chooser.space(1))


def made(text):
    """The model that a training would begin with."""
    preset = read(text)
    check(preset)
    return sb3.build(preset, sb3.training_env(preset))


@pytest.mark.parametrize(
    ("written", "expected"),
    [("!!float 4e2", 400), ("1e5", 100_000), ("2e3", 2_000), ("'300'", 300), ("400.0", 400)],
)
def test_numbers_may_be_written_as_people_write_them(written, expected):
    preset = read(f"{{n_timesteps: {written}, n_envs: {written}, n_steps: {written}}}")
    assert (preset.n_timesteps, preset.n_envs) == (expected, expected)
    assert type(preset.n_timesteps) is int
    assert given(preset)["n_steps"] == expected
    assert type(given(preset)["n_steps"]) is int


def test_rates_are_numbers_and_schedules_fall_to_zero():
    preset = read(
        "{learning_rate: 3e-4, clip_range: lin_0.2, clip_range_vf: lin_1, target_kl: 1e-2}"
    )
    got = given(preset)
    assert got["learning_rate"] == 0.0003
    assert got["target_kl"] == 0.01
    assert [got["clip_range"](left) for left in (1, 0.5, 0)] == [0.2, 0.1, 0]
    assert got["clip_range_vf"](0.5) == 0.5
    assert (
        given(read("{delta_std: lin_0.1, policy: LinearPolicy}", "ars"))["delta_std"](0.5) == 0.05
    )
    assert given(read("{ent_coef: auto_0.1}", "sac"))["ent_coef"] == "auto_0.1"
    assert given(read("{train_freq: [1, episode]}", "sac"))["train_freq"] == (1, "episode")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n_timesteps: 0.5", "n_timesteps is 0.5; allowed is a whole number from 1"),
        ("n_timesteps: true", "n_timesteps is True; allowed is a whole number from 1"),
        ("n_timesteps: .inf", "n_timesteps is inf; expected a finite number"),
        ("n_envs: 1e30", "n_envs is '1e30'; allowed is a whole number from 1 to 131072"),
        ("policy: [MlpPolicy]", r"unknown policy of ppo \['MlpPolicy'\]"),
        ("policy_kwargs: {activation_fn: [relu]}", r"unknown activation_fn \['relu'\]"),
        ("{noise_type: {}, noise_std: 0.1}", r"unknown noise_type \{\}; allowed are normal"),
        ("n_envs: many", "n_envs is 'many'; allowed is a whole number from 1"),
        ("n_steps: 0.5", "n_steps is 0.5; expected a whole number"),
        ("gamma: 0.99**2", r"gamma is '0.99\*\*2'; expected a number"),
        ("learning_rate: .nan", "learning_rate is nan; expected a finite number"),
        ("learning_rate: nan", "learning_rate is nan; expected a finite number"),
        ("learning_rate: exp_0.1", 'learning_rate is .*; allowed is a number or "lin_NUMBER"'),
        ("clip_range: lin_x", 'clip_range is .*; allowed is a number or "lin_NUMBER"'),
        ("use_sde: 3", "use_sde is 3; expected true or false"),
        ("n_stps: 3", r"unknown hyper-parameter of ppo 'n_stps' \(did you mean n_steps"),
        ("buffer_size: 3", "unknown hyper-parameter of ppo 'buffer_size'"),
        ("rollout_buffer_class: os.system", "unknown hyper-parameter of ppo"),
        ("policy_kwargs: dict(net_arch=[8])", "policy_kwargs is 'dict.*not as Python code"),
        ("env_kwargs: dict(epochs=8)", "env_kwargs is 'dict.*not as Python code"),
        ("policy_kwargs: {activation_fn: nn.ReLU}", "unknown activation_fn 'nn.ReLU'.*relu"),
        ("policy_kwargs: {net_ach: [8]}", "ppo cannot be made from this preset.*net_ach"),
        ("policy: my_module.MyPolicy", "unknown policy of ppo 'my_module.MyPolicy'"),
        ("policy: MultiInputPolicy", "ppo cannot be made from this preset"),
        ("noise_std: 0.1", "noise_type suits sac.*; ppo explores otherwise"),
        ("env_wrapper: [gymnasium.wrappers.TimeLimit: {}]", "unknown wrapper 'gymnasium"),
        ("env_wrapper: []", r"wrappers are \[\]; expected one that chooses"),
        ("normalize: true", "normalize of rl-baselines3-zoo is not supported"),
        ("normalize: dict(norm_obs=False)", "normalize of rl-baselines3-zoo is not supported"),
        ("frame_stack: 4", "frame_stack of rl-baselines3-zoo is not supported: .*recurrent_ppo"),
        ("callback: a.B", "callback of rl-baselines3-zoo is not supported"),
        ("vec_env_wrapper: a.B", "vec_env_wrapper of rl-baselines3-zoo is not supported"),
        ("replay_buffer_class: a.B", "replay_buffer_class of rl-baselines3-zoo is not supported"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(text, message):
    with pytest.raises(ValueError, match=message) as refusal:
        made(text)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("algo", "env", "message"),
    [
        ("dqn", SCORES, f"dqn does not suit the Box actions of {SCORES}; take {RULES}, or another"),
        ("sac", RULES, f"sac does not suit the Discrete actions of {RULES}; take {SCORES}, or"),
        ("crossq", RULES, "crossq does not suit the Discrete actions"),
        ("maskable_ppo", SCORES, "maskable_ppo does not suit the Box actions"),
        (
            "dqn",
            "prune_env/Synthetic-v0",
            f"Synthetic-v0 has an action for every arm; take {SCORES} or",
        ),
        ("ppo", "prune_env/Synthetic-Score-v0", "unknown env .*did you mean prune_env/Synthetic-S"),
        ("ppoo", SCORES, r"unknown algo 'ppoo' \(did you mean ppo"),
    ],
)
def test_an_algorithm_that_does_not_suit_the_space_is_refused(algo, env, message):
    with pytest.raises(ValueError, match=message):
        check(Preset(algo, env))


def test_noise_of_both_kinds():
    preset = read("{noise_type: ornstein-uhlenbeck, noise_std: !!float 2e-1}", "td3")
    noise = given(preset)["action_noise"]
    assert isinstance(noise, OrnsteinUhlenbeckActionNoise)
    assert noise._sigma.tolist() == [0.2] * 10
    with pytest.raises(ValueError, match="unknown noise_type 'pink'"):
        given(read("noise_type: pink", "td3"))


@pytest.mark.parametrize("n_envs", [1, 3])
def test_the_keep_ratio_of_an_environment_is_that_of_its_wrappers(n_envs):
    """As `gym.make` and the zoo would give it; the agent and the training have the same one."""
    preset = read(f"{{env_kwargs: {{keep_ratio: 0.1, num_arms: 50}}, n_envs: {n_envs}}}")
    assert preset.wrappers()[0] == ("LinearScores", {"keep_ratio": 0.1})
    assert preset.resolved().env_kwargs == {"num_arms": 50}
    other = read("env_wrapper: [LossBins: {bins: 4}, SummaryObservation]").with_keep_ratio(0.2)
    assert other.wrappers()[0] == ("LossBins", {"bins": 4, "keep_ratio": 0.2})
    env = sb3.training_env(preset)
    env.reset()
    infos = env.step(env.action_space.sample()[None].repeat(n_envs, 0))[3]
    assert [info["kept"] for info in infos] == [5] * n_envs


def test_a_wrapper_may_be_named_as_the_zoo_names_it():
    written = "env_wrapper: [prune_env.wrappers.LossBins: {bins: 4}, prune_env.wrappers.{}]"
    preset = read(written.replace("{}", "SummaryObservation"))
    assert preset.wrappers() == [("LossBins", {"bins": 4}), ("SummaryObservation", {})]
