"""A model made by hand becomes a folder that holds the same model, or is refused."""

import warnings
from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import pytest
import torch
from prune_agents import sb3
from sb3_contrib import ARS, QRDQN, TQC, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor

import prune_env  # noqa: F401
from prune_env.notices import Notice
from prune_env.wrappers import LossBins, Rules, SummaryObservation

SCORES, RULES = "prune_env/Synthetic-Scores-v0", "prune_env/Synthetic-Rules-v0"
PLAIN = "prune_env/Synthetic-v0"
SHORT = {"n_steps": 80, "batch_size": 40}


class Flip(gym.ActionWrapper):
    def action(self, action):
        return -action


class Dimmed(gym.ObservationWrapper):
    def observation(self, observation):
        return observation / 2


def make(env_id=SCORES, **options):
    return gym.make(env_id, num_arms=60, epochs=4, **options)


@pytest.mark.parametrize(
    ("algo", "made", "policy", "env_id", "options", "said"),
    [
        ("ppo", PPO, "MlpPolicy", SCORES, SHORT | {"gamma": 1.0}, {"gamma": 1.0, **SHORT}),
        ("ppo", PPO, "MlpPolicy", SCORES, SHORT | {"use_sde": True}, {"use_sde": True}),
        ("sac", SAC, "MlpPolicy", SCORES, {"ent_coef": 0.1, "tau": 0.5}, {"ent_coef": 0.1}),
        ("ars", ARS, "LinearPolicy", SCORES, {}, {}),
        ("recurrent_ppo", RecurrentPPO, "MlpLstmPolicy", SCORES, {"n_steps": 80}, {"n_steps": 80}),
        ("dqn", DQN, "MlpPolicy", RULES, {"train_freq": (1, "episode")}, {}),
        ("qrdqn", QRDQN, "MlpPolicy", RULES, {}, {}),
    ],
)
def test_what_the_preset_leaves_open_is_read_off_the_model(
    algo, made, policy, env_id, options, said, tmp_path
):
    model = made(policy, make(env_id), **options)
    sb3.save(model, sb3.Preset(algo, env_id), tmp_path / "mine")
    again, preset = sb3.load_model(tmp_path / "mine")
    assert preset.policy == policy
    assert said.items() <= preset.hyperparameters.items()
    same_actions(model, again)


@pytest.mark.parametrize(
    ("algo", "made", "env_id", "given", "said"),
    [
        ("ppo", PPO, SCORES, {"activation_fn": torch.nn.ReLU}, {"activation_fn": "relu"}),
        ("a2c", A2C, SCORES, {"net_arch": [16]}, {"net_arch": [16]}),
        ("tqc", TQC, SCORES, {"n_critics": 3}, {"n_critics": 3}),
        ("dqn", DQN, RULES, {"activation_fn": torch.nn.Tanh}, {"activation_fn": "tanh"}),
    ],
)
def test_so_is_the_network(algo, made, env_id, given, said, tmp_path):
    model = made("MlpPolicy", make(env_id), policy_kwargs=given)
    sb3.save(model, sb3.Preset(algo, env_id), tmp_path / "mine")
    again, preset = sb3.load_model(tmp_path / "mine")
    assert preset.policy_kwargs == said
    same_actions(model, again)


def same_actions(model, again):
    rng = np.random.default_rng(0)
    shown = rng.uniform(-1, 1, (50, *model.observation_space.shape)).astype(np.float32)
    acts, says = (one.predict(shown, deterministic=True)[0] for one in (model, again))
    np.testing.assert_allclose(acts, says, atol=1e-5)


def test_a_training_goes_on_as_it_was(tmp_path):
    model = PPO("MlpPolicy", make(), learning_rate=1e-2, gamma=0.9, **SHORT)
    sb3.save(model, sb3.Preset("ppo", SCORES), tmp_path / "mine")
    again, _ = sb3.load_model(tmp_path / "mine", make())
    assert (again.learning_rate, again.gamma, again.n_steps) == (1e-2, 0.9, 80)


def test_the_keep_ratio_is_that_of_the_training(tmp_path):
    model = A2C("MlpPolicy", make(keep_ratio=0.1))
    sb3.save(model, sb3.Preset("a2c", SCORES), tmp_path / "mine")
    assert sb3.saved_preset(tmp_path / "mine").wrappers()[0] == (
        "LinearScores",
        {"keep_ratio": 0.1},
    )
    assert sb3.load(tmp_path / "mine").keep_ratio == 0.1
    assert sb3.load(tmp_path / "mine", keep_ratio=0.2).keep_ratio == 0.2
    with pytest.raises(ValueError, match=r"LinearScores\(keep_ratio=0.1\).*preset says .*=0.5"):
        sb3.save(model, sb3.Preset("a2c", SCORES, env_kwargs={"keep_ratio": 0.5}), tmp_path / "b")


@pytest.mark.parametrize(
    ("env", "env_id", "said"),
    [
        (lambda: Flip(make()), SCORES, "in the wrapper Flip, which its agent will not have"),
        (lambda: Dimmed(make()), SCORES, "in the wrapper Dimmed, which its agent will not have"),
        (
            lambda: SummaryObservation(LossBins(make(PLAIN), bins=10)),
            SCORES,
            r"LossBins\(keep_ratio=0.3, bins=10\), .* and its preset says LinearScores",
        ),
        (
            lambda: SummaryObservation(Rules(make(PLAIN), rules={str(i): {} for i in range(11)})),
            RULES,
            r"preset says Rules\(keep_ratio=0.3, rules=None\)",
        ),
    ],
)
def test_wrappers_that_the_agent_will_not_have_are_refused_where_spaces_are_the_same(
    env, env_id, said, tmp_path
):
    model = A2C("MlpPolicy", env())
    with pytest.raises(ValueError, match=said):
        sb3.save(model, sb3.Preset("a2c", env_id), tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("given", "named", "said"),
    [
        ({"activation_fn": torch.nn.GELU}, {"activation_fn": "tanh"}, "acts otherwise"),
        ({"net_arch": [7]}, {"net_arch": [64, 64]}, "does not fit"),
    ],
)
def test_a_preset_that_makes_another_network_is_refused(given, named, said, tmp_path):
    model = PPO("MlpPolicy", make(), policy_kwargs=given)
    preset = sb3.Preset("ppo", SCORES, policy_kwargs=named)
    state = torch.random.get_rng_state()
    with pytest.raises(ValueError, match=rf"{said}.*Preset\(policy=\.\.\., policy_kwargs"):
        sb3.save(model, preset, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
    assert torch.equal(state, torch.random.get_rng_state())


def test_schedules_and_noise_are_read_off_the_model(tmp_path):
    falls = {"learning_rate": lambda left: left / 300, "clip_range": 0.35, "clip_range_vf": 0.5}
    model = PPO("MlpPolicy", make(), **falls, **SHORT)
    sb3.save(model, sb3.Preset("ppo", SCORES), tmp_path / "ppo")
    again, preset = sb3.load_model(tmp_path / "ppo", make())
    assert preset.hyperparameters["learning_rate"] == f"lin_{1 / 300}"
    assert (again.clip_range(1.0), again.clip_range_vf(0.5)) == (0.35, 0.5)
    assert again.lr_schedule(0.5) == 1 / 600
    noise = NormalActionNoise(np.zeros(10), np.full(10, 0.2))
    model = SAC("MlpPolicy", make(), action_noise=noise)
    sb3.save(model, sb3.Preset("sac", SCORES), tmp_path / "sac")
    again, _ = sb3.load_model(tmp_path / "sac", make())
    assert again.action_noise._sigma.tolist() == [0.2] * 10


@pytest.mark.parametrize(
    ("algo", "options", "said"),
    [
        (
            PPO,
            {"learning_rate": lambda left: 0.01 * left**2},
            "a preset cannot say the learning_rate of the model: the agent acts alike",
        ),
        (
            PPO,
            {"policy_kwargs": {"optimizer_class": torch.optim.AdamW}},
            "the policy.optimizer of the model is AdamW, and made again from its preset Adam: the",
        ),
        (
            A2C,
            {"use_rms_prop": False},
            "the policy.optimizer of the model is Adam, and made again from its preset RMSprop: ",
        ),
    ],
)
def test_what_is_lost_to_a_training_is_noticed(algo, options, said, tmp_path):
    model = algo("MlpPolicy", make(), **options)
    with pytest.warns(Notice, match=said):
        sb3.save(model, sb3.Preset(algo.__name__.lower(), SCORES), tmp_path / "mine")


def test_an_optimizer_that_an_algorithm_takes_by_itself_is_not_lost(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        sb3.save(A2C("MlpPolicy", make()), sb3.Preset("a2c", SCORES), tmp_path / "mine")


def test_another_environment_is_no_damage(tmp_path):
    sb3.save(PPO("MlpPolicy", make(), **SHORT), sb3.Preset("ppo", SCORES), tmp_path / "mine")
    with pytest.raises(
        ValueError, match=r"the action_space of env is Discrete.* and that of prune"
    ):
        sb3.load_model(tmp_path / "mine", make(RULES))


class Halved(BaseFeaturesExtractor):
    """The first features, by code that no preset can name."""

    def __init__(self, space, features_dim=8):
        super().__init__(space, features_dim)

    def forward(self, observations):
        return observations[:, : self.features_dim]


@pytest.mark.parametrize("kwargs", [{}, {"features_dim": 5}])
def test_a_network_of_own_code_is_read_by_a_class_of_ones_own(kwargs, tmp_path):
    preset = sb3.Preset("ppo", SCORES)
    own = {"features_extractor_class": Halved, "features_extractor_kwargs": kwargs}
    model = PPO("MlpPolicy", make(), seed=3, policy_kwargs=own, **SHORT)
    with pytest.raises(
        ValueError, match="has features_extractor_class=Halved, code that no folder"
    ):
        sb3.save(model, preset, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
    model.save(tmp_path / "mine.zip")

    @dataclass(frozen=True, kw_only=True)
    class Mine(sb3.SB3Agent):
        path: str = str(tmp_path / "mine.zip")

        def read(self):
            return sb3.from_zip(self.path, preset, trust=True), preset

    observation, _ = gym.make(PLAIN, num_arms=60, signals=("seen", *Mine.signals)).reset(seed=1)
    kept, _ = Mine(keep_ratio=0.2).predict(observation)
    assert kept.sum() == 12
    (read, _), shown = Mine().read(), make().observation_space.sample()
    assert isinstance(read.policy.features_extractor, Halved)
    assert np.array_equal(
        read.predict(shown, None, None, True)[0], model.predict(shown, None, None, True)[0]
    )


def test_an_extractor_that_the_policy_has_by_itself_may_be_named(tmp_path):
    own = {"features_extractor_class": FlattenExtractor}
    model = PPO("MlpPolicy", make(), policy_kwargs=own, **SHORT)
    sb3.save(model, sb3.Preset("ppo", SCORES), tmp_path / "mine")
