"""Many runs of a twin at once, against the same twins one by one."""

import subprocess
import sys
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import prune_env
from prune_env.wrappers import small_ids

SAME_STEP = {
    "vectorization_mode": "sync",
    "vector_kwargs": {"autoreset_mode": AutoresetMode.SAME_STEP},
}
SIZE = {
    "Synthetic": {"num_arms": 40},
    "Probe": {"features": "digits", "batch_size": 32},
    "Replay": {"trace": "digits"},
}
"""Every rung, with options that make it small."""

WRAPPERS = {
    "Scores": None,
    "Rules": None,
    "bins": [{"LossBins": {"bins": 3}}, {"KeepRatio": {}}, {"SummaryObservation": {}}],
    "arms": [{"ArmScores": {}}, {"StackArms": {"names": ["loss", "noise", "progress"]}}],
    "budgeted rules": [{"Rules": {}}, {"KeepRatio": {"levels": 3}}, {"SummaryObservation": {}}],
}


def same(one, other):
    """Equal bit for bit, through dicts and arrays of dicts or arrays."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray) and one.dtype == object:
        return all(map(same, one, other))
    return np.array_equal(one, other)


@pytest.mark.parametrize(
    ("rung", "wrappers"),
    [*(("Synthetic", name) for name in WRAPPERS), ("Probe", "Scores"), ("Replay", "Scores")],
)
def test_slot_i_is_the_twin_with_seed_i(rung, wrappers):
    """Over three episodes, whose ends are not all in the same step where there is a budget."""
    kind = wrappers if WRAPPERS[wrappers] is None else "Scores"
    options = SIZE[rung] | {"epochs": 3}
    if "KeepRatio" in str(WRAPPERS[wrappers]):
        options["budget"] = 1.0
    if WRAPPERS[wrappers] is not None:
        options["env_wrapper"] = WRAPPERS[wrappers]
    env_id = f"prune_env/{rung}-{kind}-v0"
    envs = gym.make_vec(env_id, num_envs=3, **options)
    alone = gym.make_vec(env_id, num_envs=3, **SAME_STEP, **options)
    assert envs.observation_space == alone.observation_space
    assert envs.action_space == alone.action_space
    envs.action_space.seed(0)
    assert same(envs.reset(seed=5)[0], alone.reset(seed=5)[0])
    ends = np.zeros(3, int)
    for number in range(9):
        actions = envs.action_space.sample()
        if kind == "Scores" and number % 2:  # a run that draws no noise, and runs that do
            actions[0] = 0
        got, expected = envs.step(actions), alone.step(actions)
        for one, other in zip(got, expected, strict=True):
            assert same(one, other), number
        ends += got[2]
    assert ends.sum() >= 3


@pytest.mark.parametrize(
    ("rung", "wrappers"),
    [("Synthetic", "Scores"), ("Synthetic", "arms"), ("Probe", "Scores"), ("Replay", "Rules")],
)
def test_a_mask_begins_some_runs_anew_and_leaves_the_others(rung, wrappers):
    kind = wrappers if WRAPPERS[wrappers] is None else "Scores"
    options = SIZE[rung] | {"epochs": 4}
    if WRAPPERS[wrappers] is not None:
        options["env_wrapper"] = WRAPPERS[wrappers]
    env_id = f"prune_env/{rung}-{kind}-v0"
    envs = gym.make_vec(env_id, num_envs=3, **options)
    alone = gym.make_vec(env_id, num_envs=3, **SAME_STEP, **options)
    envs.action_space.seed(0)
    envs.reset(seed=5), alone.reset(seed=5)
    for number, mask in enumerate(([1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 1])):
        seed = 9 if number % 2 else None
        for _ in range(2):
            actions = envs.action_space.sample()
            got, expected = envs.step(actions), alone.step(actions)
            assert all(map(same, got, expected)), number
        saved = envs.state_dict()
        got, expected = (
            one.reset(seed=seed, options={"reset_mask": np.array(mask, bool)})
            for one in (envs, alone)
        )
        assert all(map(same, got, expected)), number
        envs.load_state_dict(saved)
        again = envs.reset(seed=seed, options={"reset_mask": np.array(mask, bool)})
        assert all(map(same, again, got)), number


def test_an_action_that_is_not_allowed_changes_nothing_in_any_run():
    envs, others = (
        gym.make_vec("prune_env/Synthetic-Scores-v0", num_envs=2, num_arms=20) for _ in range(2)
    )
    with pytest.raises(gym.error.ResetNeeded):
        envs.step(np.zeros((2, 10)))
    envs.reset(seed=0), others.reset(seed=0)
    good = np.full((2, 10), 0.5)
    for bad in (np.nan * good, 4 * good, good[:1], good[:, :9]):
        with pytest.raises(ValueError, match=r"the action is .*; allowed is Box"):
            envs.step(bad)
    assert same(envs.step(good)[0], others.step(good)[0])


def test_restored_runs_go_on_the_same():
    envs, fresh = (
        gym.make_vec("prune_env/Synthetic-Scores-v0", num_envs=2, num_arms=20, epochs=2)
        for _ in range(2)
    )
    envs.reset(seed=0)
    actions = np.full((2, 10), 0.5)  # noise has a weight too
    envs.step(actions)
    saved = envs.state_dict()
    straight = [envs.step(actions) for _ in range(3)]  # past the end of an episode
    for one in (envs, fresh):
        one.load_state_dict(saved)
        for expected in straight:
            assert all(map(same, one.step(actions), expected))


@pytest.mark.parametrize(
    ("signals", "message"),
    [
        ("loss", "signals is 'loss'; expected a list of str"),
        (["loss", "seen"], "LinearScores reads age, budget_left"),
        (["loss", "sen"], "unknown signal"),
    ],
)
@pytest.mark.parametrize("make", [gym.make, partial(gym.make_vec, num_envs=2)])
def test_signals_are_checked_as_those_of_one_run(make, signals, message):
    with pytest.raises(ValueError, match=message):
        make("prune_env/Synthetic-Scores-v0", num_arms=20, signals=signals)


def test_every_twin_of_a_rung_has_a_vector_form_and_no_other():
    for env_id in prune_env.ENVIRONMENTS:
        cheap = any(rung in env_id for rung in SIZE)
        assert (gym.spec(env_id).vector_entry_point is not None) == cheap, env_id


def test_the_spec_of_one_makes_many():
    one = gym.make("prune_env/Synthetic-Scores-v0", num_arms=20, keep_ratio=0.5)
    many = gym.make_vec(one.spec, num_envs=3)
    assert same(many.reset(seed=0)[0][0], one.reset(seed=0)[0])
    assert many.step(np.zeros((3, 10)))[4]["kept"].tolist() == [10] * 3


@pytest.mark.parametrize("kind", ["", "-Scores", "-Rules"])
def test_libraries_find_when_runs_begin_anew(kind):
    envs = gym.make_vec(f"prune_env:prune_env/Synthetic{kind}-v0", num_envs=2, num_arms=20)
    assert envs.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP  # Gymnasium
    assert envs.autoreset_mode is AutoresetMode.SAME_STEP  # TorchRL


@pytest.mark.parametrize("kind", ["", "-Scores", "-Rules"])
def test_the_pictures_of_an_episode_are_collected(kind):
    env = gym.make(
        f"prune_env/Synthetic{kind}-v0", num_arms=20, epochs=2, render_mode="rgb_array_list"
    )
    env.reset(seed=0)
    env.step(env.action_space.sample())
    first, second = env.render()
    assert first.shape == second.shape
    assert first.dtype == np.uint8
    assert not np.array_equal(first, second)


def test_a_window_shows_the_pictures_or_says_what_it_needs(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = gym.make("prune_env/Synthetic-v0", num_arms=20, epochs=2, render_mode="human")
    try:
        import pygame  # noqa: F401
    except ImportError:
        with pytest.raises(gym.error.DependencyNotInstalled, match="pip install"):
            env.reset(seed=0)
    else:
        env.reset(seed=0)
        assert env.render() is None  # it was drawn by reset
        env.close()


def test_other_ways_to_render_are_refused():
    for make, said in (
        (gym.make, "allowed are None, 'ansi', 'rgb_array'"),
        (gym.make_vec, 'vectorization_mode="sync"'),
    ):
        with pytest.raises(ValueError, match=rf"render_mode is 'svg'.*{said}"):
            make("prune_env/Synthetic-v0", render_mode="svg")


def test_a_spawned_worker_makes_a_twin_by_its_id():
    """It has imported nothing; the module before the colon registers the id."""
    code = """
import gymnasium as gym

if __name__ == "__main__":
    envs = gym.make_vec(
        "prune_env:prune_env/Synthetic-Scores-v0",
        num_envs=1,
        num_arms=20,
        vectorization_mode="async",
        vector_kwargs={"context": "spawn"},
    )
    print(envs.reset(seed=0)[0].shape)
    envs.close()
"""
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert out.stdout == "(1, 55)\n"


def test_the_twins_of_a_strangers_id_name_its_module(monkeypatch):
    monkeypatch.setattr(gym.envs.registration, "registry", registry := dict(gym.registry))
    monkeypatch.setattr(gym, "registry", registry)
    learner = "prune_env.learners.synthetic.learner:SyntheticLearner"
    gym.register("mine/Birds-v0", "prune_env.entry_points:rung_env", kwargs={"learner": learner})
    described = small_ids.register_twins("mine:mine/Birds-v0")
    assert sorted(described) == ["mine/Birds-Rules-v0", "mine/Birds-Scores-v0"]
    assert small_ids.base_id("mine/Birds-Scores-v0") == "mine:mine/Birds-v0"


@pytest.mark.parametrize(
    ("wrappers", "message"),
    [
        ([{"LinearScores": {}}, {"StackArms": {"name": ["loss"]}}], "argument 'name'"),
        ([{"LinearScores": {}}, {"SummaryObservation": {"foo": 1}}], "argument 'foo'"),
        ([{"Rules": {}}, {"KeepRatio": {"keep_ratio": 0.5}}, {"SummaryObservation": {}}], "'keep_"),
        ([{"LossBins": {"bins": None}}, {"SummaryObservation": {}}], "bins is None; expected int"),
        ([{"LinearScores": {"keep_ratio": "0.3"}}, {"SummaryObservation": {}}], "keep_ratio is '0"),
        ([{"LinearScores": {}}, {"StackArms": {"names": ["losss"]}}], "did you mean loss?"),
        ([{"LinearScores": {}}, {"StackArms": {"names": "loss"}}], "names is 'loss'; expected a l"),
        ([{"LinearScores": {}}, {"StackArms": {"names": []}}], "names is empty"),
        (
            [{"Rules": {"rules": ["random"]}}, {"SummaryObservation": {}}],
            "rules is .*expected a di",
        ),
        (
            [{"Rules": {"rules": {"a": ["loss"]}}}, {"SummaryObservation": {}}],
            "rule 'a' is .* a dict",
        ),
    ],
)
def test_many_runs_refuse_what_one_refuses(wrappers, message):
    options = {"num_arms": 8, "env_wrapper": wrappers}
    with pytest.raises(ValueError, match=message):
        gym.make_vec("prune_env/Synthetic-Scores-v0", num_envs=2, **options)
    with pytest.raises((ValueError, TypeError), match=message):
        gym.make("prune_env/Synthetic-Scores-v0", **options)


def test_many_runs_want_the_actions_that_one_wants():
    for make in (gym.make, partial(gym.make_vec, num_envs=2)):
        for kind, wrapper in (("Scores", "LinearScores"), ("Rules", "Rules")):
            said = rf"^{wrapper} needs the action space MultiBinary\(N\).*; got Box"
            with pytest.raises(ValueError, match=said):
                make(f"prune_env/Synthetic-{kind}-v0", num_arms=8, action="weights")


@pytest.mark.parametrize("kind", ["", "-Scores"])
@pytest.mark.parametrize("num_envs", [0, -1, 2.5])
def test_there_is_at_least_one_run(kind, num_envs):
    with pytest.raises(ValueError, match=f"num_envs is {num_envs}; (allowed is 1 or|expected int)"):
        gym.make_vec(f"prune_env/Synthetic{kind}-v0", num_envs=num_envs)


def test_a_misspelt_keep_ratio_is_meant():
    for make in (gym.make, partial(gym.make_vec, num_envs=2)):
        with pytest.raises(TypeError, match=r"'keepratio' \(did you mean keep_ratio\?\)"):
            make("prune_env/Synthetic-Scores-v0", num_arms=8, keepratio=0.3)
