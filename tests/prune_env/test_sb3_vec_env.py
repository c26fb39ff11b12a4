"""SB3VecEnv: a vector environment under Stable-Baselines3 says what DummyVecEnv would say."""

import inspect
import re

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

import prune_env  # noqa: F401, registers the ids
from prune_env.vector import SB3VecEnv

TWIN = "prune_env/Synthetic-Scores-v0"
SMALL = {"num_arms": 20, "epochs": 3}


def twins(num_envs=2, **options):
    return SB3VecEnv(gym.make_vec(TWIN, num_envs=num_envs, **SMALL, **options))


def test_the_example_of_the_docstring_runs():
    code = re.search(r"```python\n(.*?)```", inspect.getdoc(SB3VecEnv), re.DOTALL)[1]
    names = {"gym": gym, "PPO": PPO, "SB3VecEnv": SB3VecEnv}
    exec(code.replace("10_000", "2_048"), names)
    assert names["envs"].num_envs == 64


def test_sb3_takes_it():
    envs = gym.make_vec("prune_env/Synthetic-v0", num_envs=4, num_arms=6, epochs=3)
    venv = VecMonitor(SB3VecEnv(envs))
    model = PPO("MultiInputPolicy", venv, n_steps=6, batch_size=8, n_epochs=1, seed=0)
    model.learn(48)
    episodes = list(model.ep_info_buffer)
    assert [episode["l"] for episode in episodes] == [3] * 16
    assert all(0 < episode["r"] < np.log(10) for episode in episodes)


def test_the_adapter_says_what_sb3_expects():
    def make(**options):
        envs = gym.make_vec("prune_env/Synthetic-v0", num_envs=2, num_arms=6, epochs=2, **options)
        return SB3VecEnv(envs)

    venv, twin = make(), gym.make("prune_env/Synthetic-v0", num_arms=6, epochs=2)
    assert venv.seed(7) == [7, 8]
    observation, expected = venv.reset(), twin.reset(seed=8)
    assert venv.reset_infos[1] == expected[1]
    action = np.ones((2, 6), np.int8)
    for _ in range(2):
        observation, rewards, dones, infos = venv.step(action)
        final = twin.step(action[1])
    info = dict(infos[1])
    assert dones.tolist() == [True, True]
    assert rewards[1] == np.float32(final[1])
    ended = info.pop("terminal_observation")
    assert all(np.array_equal(ended[name], final[0][name]) for name in final[0])
    assert info.pop("TimeLimit.truncated") is False
    assert info == final[4]
    assert observation["pulls"].tolist() == [[0] * 6] * 2
    assert venv.get_attr("num_envs", [0]) == [2]
    assert venv.env_method("state_dict")[1].keys() == {"rounds", "np_random"}
    assert venv.env_is_wrapped(gym.Wrapper) == [False, False]
    with pytest.raises(ValueError, match="all slots are one object"):
        venv.env_method("state_dict", indices=[0])


def test_the_adapter_refuses_other_ways_to_begin_anew():
    with pytest.raises(ValueError, match=r"SB3 needs AutoresetMode\.SAME_STEP"):
        SB3VecEnv(gym.make_vec("CartPole-v1", num_envs=2))


def test_attributes_are_those_that_single_environments_have():
    many, alone = twins(), DummyVecEnv([lambda: gym.make(TWIN, **SMALL)] * 2)
    for name in ("keep_ratio", "render_mode"):
        assert many.get_attr(name, [1]) == alone.get_attr(name, [1]) != [], name
    assert [one.num_arms for one in many.get_attr("learner")] == alone.get_attr("num_arms")


def test_an_attribute_that_is_set_is_the_one_that_is_read_and_used():
    envs = twins()
    envs.seed(0), envs.reset()
    envs.set_attr("keep_ratio", 0.9)
    assert envs.get_attr("keep_ratio") == [0.9, 0.9]
    assert [info["kept"] for info in envs.step(np.zeros((2, 10)))[3]] == [18, 18]
    saved = envs.env_method("state_dict")[0]
    envs.set_attr("keep_ratio", 0.5)
    envs.env_method("load_state_dict", saved)
    assert envs.get_attr("keep_ratio", [0]) == [0.9]
    assert envs.get_attr("options")[0].epochs == 3
    with pytest.raises(ValueError, match=r"keep_ratio is 2; allowed is 0 < keep_ratio <= 1"):
        envs.set_attr("keep_ratio", 2)


def test_an_attribute_that_nobody_has_is_refused_everywhere():
    envs = twins()
    assert envs.has_attr("keep_ratio")
    assert not envs.has_attr("keepratio")
    for ask in (envs.get_attr, envs.env_method, lambda name: envs.set_attr(name, 1)):
        with pytest.raises(AttributeError, match=r"neither .* nor what is in it has 'keepratio'"):
            ask("keepratio")


def test_statistics_that_gymnasium_records_reach_sb3():
    envs = gym.make_vec("prune_env/Synthetic-Scores-v0", num_envs=4, **SMALL)
    envs = SB3VecEnv(RecordEpisodeStatistics(envs))
    assert envs.get_attr("keep_ratio") == [0.3] * 4  # through both wrappers
    model = PPO("MlpPolicy", envs, n_steps=6, batch_size=8, n_epochs=1, seed=0)
    model.learn(24)
    episodes = list(model.ep_info_buffer)
    assert [episode["l"] for episode in episodes] == [3] * 8
    assert all(type(episode["r"]) is float for episode in episodes)


class Infos(gym.Env):
    """Its infos hold a bit of everything."""

    observation_space = action_space = gym.spaces.Box(0, 1, (1,), np.float32)

    def _info(self):
        nested = {"deep": {"number": 3}, "text": "a"}
        return {"number": 1.5, "array": np.arange(2), "text": "b", "none": None, "nested": nested}

    def reset(self, *, seed=None, options=None):
        self.rounds = 0
        return np.zeros(1, np.float32), self._info()

    def step(self, action):
        self.rounds += 1
        return np.zeros(1, np.float32), 0.0, self.rounds == 2, False, self._info()


def test_infos_arrive_whatever_they_are():
    same_step = {"autoreset_mode": AutoresetMode.SAME_STEP}
    many = SB3VecEnv(gym.vector.SyncVectorEnv([Infos] * 2, **same_step))
    alone = DummyVecEnv([Infos] * 2)
    many.reset(), alone.reset()
    for _ in range(2):
        got, expected = (envs.step(np.zeros((2, 1)))[3][1] for envs in (many, alone))
        assert got.pop("array").tolist() == expected.pop("array").tolist() == [0, 1]
        assert got.pop("terminal_observation", None) == expected.pop("terminal_observation", None)
        assert got == expected
    assert type(got["number"]) is float
