"""Agents of Stable-Baselines3: trained, saved, loaded without unpickling, run like any other.

Nearly everything is on the synthetic rung, where a round takes a millisecond.
"""

import io
import json
import pickle
import subprocess
import sys
import tempfile
import zipfile

import gymnasium as gym
import numpy as np
import prune_agents
import pytest
import torch
from gymnasium.wrappers import NormalizeObservation, RescaleAction
from prune_agents import sb3
from prune_agents.sb3.presets import ALGORITHMS, BOX_ONLY, DISCRETE_ONLY, OFF_POLICY, Preset
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import prune_env  # noqa: F401
from prune_env.wrappers import arm_features

SMALL = {"env_kwargs": {"num_arms": 60, "epochs": 4}, "policy_kwargs": {"net_arch": [8]}}
SIGNALS = ("seen", *sb3.SB3Agent.signals)


def preset_for(algo="ppo", env="prune_env/Synthetic-Scores-v0", **changes):
    """A preset that trains in a moment."""
    if algo in DISCRETE_ONLY:
        env = env.replace("Scores", "Rules")
    options = {"learning_starts": 16, "buffer_size": 500, "batch_size": 8}
    if algo not in OFF_POLICY:
        options = {"n_steps": 16, "batch_size": 8}
    options |= {"a2c": {"batch_size": None}, "ars": {"n_delta": 2, "n_steps": None}}.get(algo, {})
    if algo == "ars":
        options |= {"batch_size": None, "policy_kwargs": {}, "policy": "LinearPolicy"}
    if algo == "recurrent_ppo":
        options |= {"policy": "MlpLstmPolicy", "policy_kwargs": {"lstm_hidden_size": 8}}
    given = {key: value for key, value in options.items() if value is not None}
    return Preset.from_dict({"algo": algo, "env": env, "n_timesteps": 32} | SMALL | given | changes)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A trained PPO, its preset and the folder that it is saved in."""
    preset = preset_for()
    model = sb3.train(preset, seed=0)
    folder = tmp_path_factory.mktemp("zoo") / "ppo"
    sb3.save(model, preset, folder, {"return": 1.0})
    return model, preset, folder


def run(agent, env, seed=0):
    """The actions of an episode."""
    observation, _ = env.reset(seed=seed)
    state, over, actions = None, False, []
    while not over:
        action, state = agent.predict(observation, state)
        actions.append(action)
        observation, _, over, *_ = env.step(action)
    return np.array(actions)


def plain(**options):
    return gym.make("prune_env/Synthetic-v0", signals=SIGNALS, **({"num_arms": 60} | options))


@pytest.mark.parametrize(
    "algo",
    [
        pytest.param(algo, marks=[] if algo in ("ppo", "sac", "dqn") else pytest.mark.slow)
        for algo in ALGORITHMS
    ],
)
def test_every_algorithm_trains_on_the_digits_and_runs_as_an_agent(algo, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if ALGORITHMS[algo].startswith("sb3_contrib"):
        pytest.importorskip("sb3_contrib", reason="pip install prune_env[contrib]")
    preset = preset_for(
        algo,
        "prune_env/Digits-Scores-v0",
        n_timesteps=40 if algo in ("ppo", "sac", "dqn") else 200,
        env_kwargs={"limit": 60, "epochs": 4, "test": False, "device": "cpu"},
    )
    model = sb3.train(preset)
    assert model.num_timesteps >= preset.n_timesteps
    assert not list(tmp_path.glob("SB3*"))
    sb3.save(model, preset, tmp_path / algo)
    agent = prune_agents.make(str(tmp_path / algo), keep_ratio=0.5)
    env = gym.make("prune_env/Digits-v0", limit=60, epochs=2, signals=SIGNALS, device="cpu")
    assert run(agent, env).sum(axis=1).tolist() == [27, 27]


def test_an_agent_chooses_what_the_model_chooses_through_the_wrappers(tmp_path):
    preset = preset_for(env_kwargs={"num_arms": 60, "epochs": 4, "feedback": "full"})
    model = sb3.train(preset)
    with torch.no_grad():  # a model that follows no noise and whose actions differ by round
        model.policy.action_net.weight *= 30
        model.policy.action_net.weight[9] = model.policy.action_net.bias[9] = 0
    sb3.save(model, preset, tmp_path / "ppo")
    agent = sb3.load(tmp_path / "ppo")

    env, state = preset.make_env(), None
    core = env.unwrapped
    observation, _ = env.reset(seed=5)
    for number in range(4):
        seen = {name: array[0] for name, array in core.rounds.observation().items()}
        seen["label"] = core.learner.labels.astype(np.float32)
        chosen, state = agent.predict(seen, state)
        action, _ = model.predict(observation, deterministic=True)
        before = core.rounds.arms.pulls[0].copy()
        observation, *_ = env.step(action)
        assert chosen.sum() == 18
        if number:  # before the first round all arms look alike, so noise decides there
            np.testing.assert_array_equal(chosen, core.rounds.arms.pulls[0] - before)


def test_the_same_actions_in_a_new_process(saved):
    _, _, folder = saved
    code = f"""
import json, gymnasium as gym, prune_env, prune_agents
agent = prune_agents.make({str(folder)!r}, keep_ratio=0.2, seed=3)
env = gym.make("prune_env/Synthetic-v0", num_arms=60, signals=("seen", *agent.signals))
observation, _ = env.reset(seed=7)
state, over, actions = None, False, []
while not over:
    action, state = agent.predict(observation, state)
    actions.append(action.tolist())
    observation, _, over, *_ = env.step(action)
print(json.dumps(actions))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    here = run(sb3.load(folder, keep_ratio=0.2, seed=3), plain(), seed=7)
    assert json.loads(out.stdout) == here.tolist()


def test_a_saved_folder_says_what_it_is(saved):
    _, preset, folder = saved
    result = json.loads((folder / "result.json").read_text())
    assert result["num_timesteps"] == 32
    assert {"prune_env", "stable-baselines3", "torch"} <= set(result["versions"])
    assert sb3.load_model(folder)[1] == preset.resolved()
    text = (folder / "preset.yaml").read_text()
    assert "env_wrapper:\n- LinearScores:\n    keep_ratio: 0.3\n- SummaryObservation: {}\n" in text


class Bomb:
    """Unpickling this fails the test."""

    def __reduce__(self):
        return (pytest.fail, ("code of a stranger has run",))


def rewritten(folder, target, **entries):
    """A copy of a saved folder with other entries in its model.zip."""
    target.mkdir()
    for name in ("preset.yaml", "result.json"):
        (target / name).write_text((folder / name).read_text())
    with (
        zipfile.ZipFile(folder / "model.zip") as old,
        zipfile.ZipFile(target / "model.zip", "w") as new,
    ):
        for name in old.namelist():
            new.writestr(name, entries.get(name.replace(".", "_"), old.read(name)))
    return target


def test_the_pickled_part_is_never_read(saved, tmp_path):
    import base64

    bomb = base64.b64encode(pickle.dumps(Bomb())).decode()
    with zipfile.ZipFile(saved[2] / "model.zip") as archive:
        data = json.loads(archive.read("data"))
    data = json.dumps(data | {"policy_class": {":type:": "x", ":serialized:": bomb}})
    folder = rewritten(saved[2], tmp_path / "stranger", data=data)
    np.testing.assert_array_equal(run(sb3.load(folder), plain()), run(sb3.load(saved[2]), plain()))


def test_tensors_that_are_a_pickle_are_refused(saved, tmp_path):
    folder = rewritten(saved[2], tmp_path / "stranger", policy_pth=pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="does not fit its preset"):
        sb3.load(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_the_folder(saved, tmp_path, value):
    """Else torch says so in the middle of a run, of a parameter loc and of no folder."""
    with zipfile.ZipFile(saved[2] / "model.zip") as archive:
        weights = torch.load(io.BytesIO(archive.read("policy.pth")), weights_only=True)
    weights["action_net.bias"][0] = value
    content = io.BytesIO()
    torch.save(weights, content)
    folder = rewritten(saved[2], tmp_path / "diverged", policy_pth=content.getvalue())
    said = r"diverged/model.zip holds NaN or infinite .* in policy action_net.bias; train the agent"
    with pytest.raises(ValueError, match=said):
        sb3.load(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "is not a preset"),
        ("algo: ppo\nenv: !!python/object/apply:os.getcwd []", "preset.yaml is not YAML"),
        ("algo: pop\nenv: prune_env/Digits-Scores-v0", "unknown algo 'pop'"),
        ("algo: ppo\nenv: prune_env/Digits-v0", "Digits-v0 has an action for every arm"),
        ("algo: ppo\nenv: prune_env/Digits-v0\nenv_wrapper: [os.system: {}]", "unknown wrapper"),
        (
            "algo: ppo\nenv: prune_env/Digits-Scores-v0\npolicy_kwargs: {net_arch: [3]}",
            "does not fit its preset",
        ),
    ],
)
def test_other_folders_are_refused(saved, tmp_path, text, message):
    folder = rewritten(saved[2], tmp_path / "other")
    (folder / "preset.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        sb3.load(folder)


def test_a_bare_zip_needs_trust(saved, tmp_path):
    model, preset, folder = saved
    with pytest.raises(ValueError, match=r"no preset.yaml.*prune_agents.sb3.from_zip"):
        sb3.load(tmp_path)
    with pytest.raises(ValueError, match="pass trust=True"):
        sb3.from_zip(folder / "model.zip", preset)
    with pytest.raises(FileNotFoundError, match=r"there is no mine\.zip in /"):
        sb3.from_zip("mine.zip", preset, trust=True)
    loaded = sb3.from_zip(folder / "model.zip", preset, trust=True)
    for ours, theirs in zip(loaded.policy.parameters(), model.policy.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_many_runs_at_once_are_what_they_are_alone(saved):
    """Three observations that differ, twice, the second run begun anew in between."""
    agent = sb3.load(saved[2])
    _quiet(agent)
    rounds = [_observations(seed) for seed in (0, 1)]
    begun = np.array([False, True, False])
    together, state = agent.predict(rounds[0])
    assert together.sum(axis=1).tolist() == [18] * 3
    again, _ = agent.predict(rounds[1], state, begun)
    for run in range(3):
        first, second = ({n: a[[run]] for n, a in r.items()} for r in rounds)
        alone, state = agent.predict(first)
        np.testing.assert_array_equal(alone[0], together[run])
        alone, _ = agent.predict(second, state, begun[[run]])
        np.testing.assert_array_equal(alone[0], again[run])
    assert len({row.tobytes() for row in together}) == 3


def _quiet(agent):
    """Let a linear-scores model give no weight to noise: then its choice needs no random number."""
    model = agent._trained[0]
    noise = arm_features.FEATURES.index("noise")
    predict = model.predict

    def without_noise(*given):
        actions, memory = predict(*given)
        actions = actions + 0.1 * np.cos(np.arange(actions.shape[1]))  # weights that differ
        actions[:, noise] = 0
        return actions, memory

    model.predict = without_noise


def _observations(seed):
    """Of three runs over 60 arms, made up."""
    space = gym.make_vec(
        "prune_env/Synthetic-v0", 3, num_arms=60, signals=SIGNALS
    ).observation_space
    rng = np.random.default_rng(seed)
    made = {name: rng.random(box.shape, np.float32) for name, box in space.items()}
    given = {"seen": 1, "label": np.arange(60) % 10, "budget_left": 4}
    return made | {
        name: np.broadcast_to(np.float32(value), made[name].shape) for name, value in given.items()
    }


def test_a_model_that_decides_how_much_to_keep_says_so(saved, tmp_path):
    preset = preset_for(
        env="prune_env/Synthetic-v0",
        env_wrapper=[{"LinearScores": {}}, {"KeepRatio": {}}, {"SummaryObservation": {}}],
    )
    sb3.save(sb3.train(preset, seed=0), preset, tmp_path / "own")
    own, fixed = sb3.load(tmp_path / "own"), sb3.load(saved[2])
    assert (own.keeps_k, own.reads_keep_ratio) == (False, False)
    assert (fixed.keeps_k, fixed.reads_keep_ratio) == (True, True)
    masks = [
        run(sb3.load(tmp_path / "own", keep_ratio=ratio, seed=1), plain()) for ratio in (0.05, 0.9)
    ]
    np.testing.assert_array_equal(*masks)


def test_a_stock_policy_over_many_arms_warns_and_names_the_twin():
    preset = preset_for(env="prune_env/Synthetic-v0", policy="MultiInputPolicy")
    env = gym.make("prune_env/Synthetic-v0", num_arms=400)
    with pytest.warns(UserWarning, match=r"400 outputs.*prune_env/Synthetic-Scores-v0"):
        sb3.build(preset, env)


@pytest.mark.parametrize("n_envs", [1, 4])
def test_an_armwise_agent_runs_on_other_numbers_of_arms(tmp_path, n_envs):
    preset = preset_for(
        env="prune_env/Synthetic-v0",
        policy="ArmwisePolicy",
        policy_kwargs={"width": 4},
        env_wrapper=[{"ArmScores": {"keep_ratio": 0.3}}, {"StackArms": {}}],
        n_envs=n_envs,
    )
    sb3.save(sb3.train(preset), preset, tmp_path / "armwise")
    agent = sb3.load(tmp_path / "armwise")
    for num_arms in (60, 90):
        kept = run(agent, plain(num_arms=num_arms)).sum(axis=1)
        assert (kept == 0.3 * num_arms).all()


def test_many_runs_of_a_rung_train_as_one():
    """The small spaces of 5 runs at once; slot 0 is what the twin alone would show."""
    preset = preset_for(n_envs=5)
    env = sb3.training_env(preset)
    env.seed(3)
    observations = env.reset()
    alone, _ = preset.make_env().reset(seed=3)
    assert observations.shape == (5, 55)
    np.testing.assert_array_equal(observations[0], alone)
    greedy = np.tile(np.eye(10, dtype=np.float32)[0], (5, 1))
    for _ in range(4):
        observations, _, done, infos = env.step(greedy)
    assert done.all()
    np.testing.assert_array_equal(observations[:, 0], [0] * 5)  # progress of the new runs
    assert infos[0]["terminal_observation"][0] == 1
    assert infos[0]["kept"] == 18


def test_box_and_discrete_algorithms_are_told_apart():
    assert not set(BOX_ONLY) & set(DISCRETE_ONLY)
    assert set(BOX_ONLY) | set(DISCRETE_ONLY) < set(ALGORITHMS)


@pytest.mark.parametrize(
    ("wrap", "said"),
    [
        (lambda env: VecNormalize(DummyVecEnv([lambda: env])), "trained in VecNormalize, whose m"),
        (
            lambda env: RescaleAction(env, np.float32(0), np.float32(1)),
            r"action_space .* is Box\(0",
        ),
        (NormalizeObservation, r"observation_space of the model is Box\(-inf"),
        (lambda env: VecNormalize(DummyVecEnv([lambda: env]), norm_obs=False), None),
    ],
)
def test_a_model_that_was_shown_something_else_is_not_saved(wrap, said, tmp_path):
    """Its agent would be shown what it does not know, and nobody would be told."""
    preset = preset_for(env_kwargs={"num_arms": 40}, policy_kwargs={})
    model = PPO("MlpPolicy", wrap(preset.make_env()), n_steps=8, batch_size=8)
    if said is None:
        sb3.save(model, preset, tmp_path / "mine")
    else:
        with pytest.raises(ValueError, match=said):
            sb3.save(model, preset, tmp_path / "mine")
    assert (tmp_path / "mine").exists() == (said is None)


def test_a_model_of_another_algorithm_is_not_saved(tmp_path):
    """Its weights would be named one by one when the folder is read."""
    preset = preset_for(env_kwargs={"num_arms": 40})
    model = A2C("MlpPolicy", preset.make_env(), n_steps=8)
    with pytest.raises(ValueError, match="the model is of A2C; its preset says ppo"):
        sb3.save(model, preset, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_an_agent_that_explores_repeats_and_leaves_global_generators_alone(tmp_path):
    preset = preset_for("dqn")
    model = sb3.train(preset, seed=0)
    model.exploration_rate = 0.5
    sb3.save(model, preset, tmp_path)
    env = gym.make("prune_env/Synthetic-v0", signals=SIGNALS, **SMALL["env_kwargs"])
    agent = sb3.load(tmp_path, deterministic=False, seed=1)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again = run(agent, env), run(agent, env)
    other = run(sb3.load(tmp_path, deterministic=False, seed=2), env)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_name_is_no_preset(saved, tmp_path):
    with pytest.raises(ValueError, match="preset is 'ppo'; expected Preset"):
        sb3.save(saved[0], "ppo", tmp_path)
