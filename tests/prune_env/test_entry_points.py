"""Every registered id goes through the same list."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_checker import data_equivalence as equal

import prune_env
from prune_env.notices import DataNotice

SMALL: dict[str, dict] = {"epochs": 3}
"""Options that make an episode short; the rungs that train no network are small anyway."""

IDS = sorted(prune_env.ENVIRONMENTS)


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A path to an .npz of 100 classes of random 32x32 photos: the shape of CIFAR-100."""
    rng = np.random.default_rng(0)
    split = {
        f"{part}_{what}": array
        for part, repeat in (("train", 4), ("test", 1))
        for what, array in (
            ("images", rng.integers(0, 256, (100 * repeat, 32, 32, 3), np.uint8)),
            ("labels", np.tile(np.arange(100), repeat)),
        )
    }
    path = tmp_path_factory.mktemp("photos") / "photos.npz"
    np.savez(path, **split)
    return str(path)


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """A path to an .npz of 100 rows of 5 numbers in 3 classes."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("table") / "table.npz"
    split = {f"{part}_inputs": rng.normal(size=(100, 5)) for part in ("train", "test")}
    np.savez(path, train_labels=np.arange(100) % 3, test_labels=np.arange(100) % 3, **split)
    return str(path)


@pytest.fixture
def options(request, photos, table):
    """What makes an environment of this id small enough for a test."""
    name = request.getfixturevalue("env_id")
    small = SMALL | ({"network": "mlp"} if name.count("-") == 2 else {})  # twins, about wrappers
    if "Arrays" in name:
        return SMALL | {"data": table}
    if "CIFAR100" in name or "Images" in name:
        return small | {"data": photos, "recipe": {"batch_size": 100}}
    if "CIFAR10-" in name:
        return small | {"data": str(request.getfixturevalue("cifar10_path")), "limit": 300}
    if "Digits" in name:
        return SMALL | {"limit": 300}
    return SMALL


@pytest.fixture(params=IDS)
def env_id(request):
    return request.param


@pytest.fixture
def make(env_id, options):
    return lambda **more: gym.make(env_id, **options | more)


def test_gymnasium_checks_it(make):
    env = make(disable_env_checker=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DataNotice)  # limit= cuts the test split
        # Gymnasium warns of any wrapper; those of a twin are what is to be checked
        warnings.filterwarnings("ignore", ".*is different from the unwrapped version.*")
        check_env(env if _is_twin(env) else env.unwrapped)


def test_stable_baselines3_checks_it(make):
    from stable_baselines3.common.env_checker import check_env as check_env_for_sb3

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DataNotice)  # limit= cuts the test split
        check_env_for_sb3(make().unwrapped if not _is_twin(make()) else make())


def _is_twin(env):
    return env.unwrapped is not env and env.action_space != env.unwrapped.action_space


def rollout(env, seed=3):
    """Everything an agent sees in one episode of random actions."""
    env.action_space.seed(seed)
    steps = [env.reset(seed=seed)]
    over = False
    while not over:
        steps.append(env.step(env.action_space.sample()))
        over = steps[-1][2]
    return steps


def test_one_seed_gives_one_trajectory(make):
    first, second = rollout(make()), rollout(make())
    assert len(first) == 4
    assert equal(first, second, exact=True)
    assert not equal(first, rollout(make(), seed=4), exact=True)


def test_saved_in_the_middle_and_restored_twice(make):
    env = make()
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(3)]
    env.step(actions[0])
    saved = env.get_wrapper_attr("state_dict")()
    straight = [env.step(action) for action in actions[1:]]
    for _ in range(2):
        env.get_wrapper_attr("load_state_dict")(saved)
        assert equal([env.step(action) for action in actions[1:]], straight, exact=True)


def test_a_saved_state_continues_in_a_new_environment(make):
    env, fresh = make(), make()
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(3)]
    env.reset(seed=0)
    fresh.reset(seed=99)
    env.step(actions[0])
    fresh.get_wrapper_attr("load_state_dict")(env.get_wrapper_attr("state_dict")())
    for action in actions[1:]:
        assert equal(fresh.step(action), env.step(action), exact=True)


def test_spec_to_json_and_back(make):
    env = make()
    spec = EnvSpec.from_json(env.spec.to_json())
    assert json.loads(env.spec.to_json())["id"] == env.spec.id
    assert equal(rollout(gym.make(spec)), rollout(env), exact=True)


def test_pickle(make):
    env = make()
    expected = rollout(env)
    assert equal(rollout(pickle.loads(pickle.dumps(env))), expected, exact=True)


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_every_render_mode(make, mode):
    env = make(render_mode=mode)
    env.reset(seed=0)
    pictures = [env.render()]
    env.step(env.action_space.sample())
    pictures.append(env.render())
    for picture in pictures:
        if mode == "ansi":
            assert isinstance(picture, str)
            assert picture
        else:
            assert picture.dtype == np.uint8
            assert picture.ndim == 3
            assert picture.shape[2] == 3
    env.close()


def test_infos_and_observations_are_finite(make):
    for step in rollout(make()):
        observation, info = step[0], step[-1]
        arrays = observation.values() if isinstance(observation, dict) else [observation]
        assert all(np.isfinite(array).all() for array in arrays)
        assert all(np.isfinite(value) for value in info.values())


def test_the_module_prefix_registers_the_ids():
    code = "import gymnasium; gymnasium.make('prune_env:prune_env/Digits-v0')"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_importing_imports_nothing_heavy():
    code = (
        "import sys, prune_env, prune_agents, prune_bench.commands.main; "
        "heavy = {'torch', 'torchvision', 'stable_baselines3', 'sklearn', 'matplotlib', 'pandas', "
        "'pyarrow', 'PIL'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("env_id", "option", "meant"),
    [
        ("Digits-v0", "num_validaton", "num_validation"),
        ("Arrays-v0", "lenght", "length"),
        ("Arrays-v0", "epoch", "epochs"),
    ],
)
def test_a_misspelt_option_is_answered_with_that_of_its_entry_point(env_id, option, meant):
    with pytest.raises(TypeError) as said:
        gym.make(f"prune_env/{env_id}", **{option: 3})
    told = str(said.value.__context__ or said.value) + str(said.value)
    assert f"{option!r} (did you mean {meant}?)" in told
