"""PruneVectorEnv against the same scalar environments one by one."""

import gymnasium as gym
import numpy as np
import prune_agents
import pytest
from gymnasium.vector import AutoresetMode

import prune_env  # noqa: F401, registers the ids
from prune_env.learners.synthetic.learner import SyntheticLearner
from prune_env.learners.synthetic.options import SyntheticOptions
from prune_env.vector import PruneVectorEnv

SIZE = {
    "prune_env/Synthetic-v0": {"num_arms": 50},
    "prune_env/Probe-v0": {"features": "digits", "batch_size": 32},
    "prune_env/Replay-v0": {"trace": "digits"},
}
"""Every id that has a vector form, with options that make it small."""

SAME_STEP = {
    "vectorization_mode": "sync",
    "vector_kwargs": {"autoreset_mode": AutoresetMode.SAME_STEP},
}


def assert_same(got, expected, where="") -> None:
    """Equal bit for bit, through dicts and arrays of dicts."""
    if isinstance(expected, dict):
        assert got.keys() == expected.keys(), where
        for name in expected:
            assert_same(got[name], expected[name], f"{where}/{name}")
    elif isinstance(expected, np.ndarray) and expected.dtype == object:
        for i, (one, other) in enumerate(zip(got, expected, strict=True)):
            assert_same(one, other, f"{where}[{i}]")
    else:
        np.testing.assert_array_equal(got, expected, err_msg=where)


@pytest.fixture(params=SIZE)
def id(request):
    return request.param


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 3},
        {"epochs": 3, "action": "weights"},
        {"epochs": 3, "feedback": "full", "evaluate_every": 2, "reward": "val_accuracy_gain"},
        # runs end at different times, and one begins anew while the others go on
        {"budget": 2.0, "signals": ["loss", "seen", "budget_left", "val_loss"]},
        {"budget": 2.0, "signals": ["loss", "budget_left", "val_loss"], "evaluate_every": 2},
    ],
)
def test_slot_i_is_the_scalar_environment_with_seed_i(id, options):
    options = SIZE[id] | options
    envs = gym.make_vec(id, num_envs=3, **options)
    twins = gym.make_vec(id, num_envs=3, **SAME_STEP, **options)
    observation, infos = envs.reset(seed=5)
    assert_same((observation | infos), {**twins.reset(seed=5)[0], **infos})
    rng = np.random.default_rng(0)
    ends = np.zeros(3, int)
    for _ in range(8):
        keep = rng.random(envs.action_space.shape) < np.array([[0.1], [0.3], [0.9]])
        keep[:, 0] = True
        action = keep * rng.random(keep.shape) if "action" in options else keep.astype(np.int8)
        if "budget" in options:
            action = affordable(action, observation["budget_left"])
        got, expected = envs.step(action), twins.step(action)
        for one, other in zip(got, expected, strict=True):
            assert_same(one, other)
        observation = got[0]
        ends += got[2]
    assert ends.sum() >= 3
    if "budget" in options:
        assert ends[2] > ends[0]
        assert got[0].keys() == set(options["signals"])


def affordable(action, budget_left):
    """The action cut down to its first so many arms."""
    allowed = np.floor(budget_left * action.shape[1] + 1e-3)
    return np.where(np.cumsum(action, axis=1) <= allowed, action, 0)


def test_observations_and_actions_fit_their_spaces(id):
    envs = gym.make_vec(id, num_envs=3, epochs=2, **SIZE[id])
    envs.action_space.seed(0)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert envs.observation_space.contains(envs.reset(seed=0)[0])
    for _ in range(3):
        observation, rewards, terminations, truncations, _ = envs.step(envs.action_space.sample())
        assert envs.observation_space.contains(observation)
        assert rewards.shape == terminations.shape == truncations.shape == (3,)
        assert not truncations.any()


def test_a_reset_without_seed_goes_on_and_a_list_seeds_each_slot(id):
    envs = gym.make_vec(id, num_envs=2, epochs=2, **SIZE[id])
    once = [envs.reset(seed=[3, 9]), envs.step(action := np.ones(envs.action_space.shape))]
    if "Replay" not in id:  # where nothing is random
        other = envs.reset() and envs.step(action)
        assert not np.array_equal(other[0]["loss"], once[1][0]["loss"])
    again = [envs.reset(seed=[3, 9]), envs.step(action)]
    for one, other in zip(once[1], again[1], strict=True):
        assert_same(one, other)
    with pytest.raises(ValueError, match="3 seeds came; expected one for each of 2"):
        envs.reset(seed=[1, 2, 3])


def test_a_mask_begins_some_runs_anew_and_leaves_the_others(id):
    envs = gym.make_vec(id, num_envs=3, epochs=3, **SIZE[id])
    twins = gym.make_vec(id, num_envs=3, epochs=3, **SAME_STEP, **SIZE[id])
    envs.reset(seed=5), twins.reset(seed=5)
    action = np.ones(envs.action_space.shape, np.int8)
    for seed, mask in ((None, [1, 0, 1]), (9, [0, 1, 0]), ([1, None, 2], [1, 1, 1])):
        envs.step(action), twins.step(action)
        got, expected = (
            one.reset(seed=seed, options={"reset_mask": np.array(mask, bool)})
            for one in (envs, twins)
        )
        assert_same(got[0] | got[1], expected[0] | expected[1])
        assert got[1]["_round"].tolist() == mask
    for _ in range(3):
        got, expected = envs.step(action), twins.step(action)
    for one, other in zip(got, expected, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize(
    ("mask", "kind"),
    [
        ([True, False], TypeError),
        (np.array([1, 0]), TypeError),
        (np.array([True]), ValueError),
        (np.zeros(2, bool), ValueError),
    ],
)
@pytest.mark.parametrize("twin", ["", "-Scores"])
def test_a_mask_that_gymnasium_refuses_is_refused(twin, mask, kind):
    id, small = f"prune_env/Synthetic{twin}-v0", {"num_envs": 2, "num_arms": 8}
    for envs in (gym.make_vec(id, **small), gym.make_vec(id, **small, **SAME_STEP)):
        with pytest.raises(kind, match="reset_mask"):
            envs.reset(options={"reset_mask": mask})


def test_a_mask_before_the_first_reset_is_refused():
    envs = gym.make_vec("prune_env/Synthetic-v0", num_envs=2, num_arms=8)
    some = {"reset_mask": np.array([True, False])}
    with pytest.raises(gym.error.ResetNeeded, match="leaves out runs that never began"):
        envs.reset(options=some)
    assert envs.reset(options={"reset_mask": np.ones(2, bool)})[1]["_round"].all()


def test_statistics_of_episodes_follow_a_mask():
    envs = gym.make_vec("prune_env/Synthetic-v0", num_envs=2, num_arms=8, epochs=3)
    envs = gym.wrappers.vector.RecordEpisodeStatistics(envs)
    action = np.ones((2, 8), np.int8)
    envs.reset(seed=0)
    envs.step(action)
    envs.reset(options={"reset_mask": np.array([False, True])})
    lengths = [envs.step(action)[4].get("episode", {"l": np.zeros(2, int)})["l"] for _ in range(3)]
    assert np.array(lengths).tolist() == [[0, 0], [3, 0], [0, 3]]


def test_the_seeds_of_the_slots_are_said(id):
    envs = gym.make_vec(id, num_envs=3, **SIZE[id])
    twins = gym.make_vec(id, num_envs=3, **SAME_STEP, **SIZE[id])
    some = {"reset_mask": np.array([False, True, True])}
    for given in ({"seed": 7}, {"seed": [3, None, 5]}, {}, {"seed": 20, "options": some}):
        envs.reset(**given), twins.reset(**{**given, "options": dict(given.get("options", {}))})
        assert envs.np_random_seed == twins.np_random_seed
    assert envs.np_random_seed == (3, 21, 22)
    drawn = [[one.random() for one in each.np_random] for each in (envs, twins)]
    assert drawn[0] == drawn[1]
    envs.unwrapped.load_state_dict(envs.unwrapped.state_dict())
    assert envs.np_random_seed == (-1, -1, -1)  # as Gymnasium has it where nobody knows


def test_an_agent_acts_on_all_runs_at_once(id):
    envs = gym.make_vec(id, num_envs=4, epochs=2, **SIZE[id])
    agent, state, over = prune_agents.make("ucb", keep_ratio=0.2), None, None
    observation, _ = envs.reset(seed=0)
    for _ in range(5):
        action, state = agent.predict(observation, state, over)
        observation, _, over, _, infos = envs.step(action)
    assert state["round"].tolist() == [1] * 4
    kept = round(0.2 * envs.unwrapped.learner.num_arms)
    assert infos["kept"].tolist() == [kept] * 4


def test_restored_runs_go_on_the_same(id):
    envs = gym.make_vec(id, num_envs=2, epochs=2, **SIZE[id]).unwrapped
    envs.reset(seed=0)
    action = np.ones(envs.action_space.shape, np.int8)
    envs.step(action)
    saved = envs.state_dict()
    ends = []
    for _ in range(2):
        envs.load_state_dict(saved)
        envs.step(action)  # both runs end and begin anew
        ends.append(envs.step(action))
    for one, other in zip(*ends, strict=True):
        assert_same(one, other)


def test_a_bad_action_changes_nothing_in_any_run(id):
    envs, twins = (gym.make_vec(id, num_envs=2, **SIZE[id]) for _ in range(2))
    with pytest.raises(gym.error.ResetNeeded):
        envs.step(np.ones(envs.action_space.shape))
    envs.reset(seed=0), twins.reset(seed=0)
    good = np.ones(envs.action_space.shape)
    bad = good * np.array([[1], [0]])
    with pytest.raises(ValueError, match="run 1 keeps no arm"):
        envs.step(bad)
    assert_same(envs.step(good)[0], twins.step(good)[0])


def test_bad_options():
    learner = SyntheticLearner(SyntheticOptions(num_arms=4), num_runs=2)
    with pytest.raises(ValueError, match="action is 'mask'"):
        PruneVectorEnv(learner, action="mask")
    with pytest.raises(ValueError, match="epochs is 0"):
        PruneVectorEnv(learner, epochs=0)


@pytest.mark.parametrize("rung", ["Synthetic", "Probe"])
def test_without_a_validation_split_many_runs_say_nothing_of_one(rung):
    blind = {"num_validation": 0, "reward": "kept_loss", "signals": ("loss",), "epochs": 1}
    envs = gym.make_vec(f"prune_env/{rung}-v0", num_envs=2, **blind)
    envs.reset(seed=0)
    everything = np.ones((2, envs.single_action_space.n), np.int8)
    _, rewards, terminated, _, infos = envs.step(everything)
    assert terminated.all()
    assert (rewards > 0).all()
    assert not {"val_loss", "val_accuracy"} & infos["final_info"].keys()
    assert not infos["final_info"]["evaluated"].any()
    assert infos["final_info"]["passes_evaluate"].tolist() == [0, 0]
    with pytest.raises(ValueError, match="num_validation is 0"):
        gym.make_vec(f"prune_env/{rung}-v0", num_envs=2, num_validation=0)
