"""Agents of one's own, as people write them: each runs, or is answered with what to do."""

import re
import sys
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import prune_agents
import pytest
from prune_agents import Agent
from prune_agents.adopted import Adopted
from prune_agents.tools import sampling

import prune_env  # noqa: F401, registers the ids


@pytest.fixture
def own(monkeypatch):
    """A module `my_module` with what a test puts there."""
    module = ModuleType("my_module")
    monkeypatch.setitem(sys.modules, "my_module", module)
    registry = prune_agents.registry
    registry.names()  # those of this package stay when the test is over
    monkeypatch.setattr(registry, "_REGISTERED", dict(registry._REGISTERED))
    return module


@dataclass(frozen=True, kw_only=True)
class Chooses(Agent):
    """Chooses what a test says."""

    answer: object = None
    begins: object = None
    signals = ("loss",)

    def start(self, num_runs, num_arms):
        return {} if self.begins is None else self.begins

    def choose(self, state, observation, k, rng):
        return self.answer(observation["loss"], k, rng)


def ask(agent, observe, num_arms=4):
    return agent.predict(observe(loss=np.arange(num_arms)))


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (lambda loss, k, rng: loss > 1, [0, 0, 1, 1]),
        (lambda loss, k, rng: (loss > 1).astype(np.float64), [0, 0, 1, 1]),
        (lambda loss, k, rng: (loss > 1).astype(int).tolist(), [0, 0, 1, 1]),
    ],
)
def test_a_choice_of_zeros_and_ones_is_taken(observe, answer, kept):
    action, _ = ask(Chooses(answer=answer, keep_ratio=0.5), observe)
    assert action.tolist() == kept
    assert action.dtype == np.int8


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda loss, k, rng: loss / 3, r"returned 2 values that are neither 0 nor 1; .*best_k"),
        (
            lambda loss, k, rng: np.argsort(loss)[:, -k:],
            r"int64 of shape \(1, 1\); expected \(1, 4\)",
        ),
        (lambda loss, k, rng: loss[0] > 1, r"bool of shape \(4,\); expected \(1, 4\)"),
        (lambda loss, k, rng: None, "Chooses.choose returned object"),
        (lambda loss, k, rng: sampling.best_k(loss / 0, k, rng), "Chooses: 1 of 4 scores are NaN"),
        (lambda loss, k, rng: sampling.weighted_k(loss * np.nan, k, rng), "4 of 4 scores are NaN"),
        (lambda loss, k, rng: sampling.inclusion(loss / 0, k), "1 of 4 scores are NaN"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_a_choice_that_would_be_cut_to_zeros_and_ones_is_refused(observe, answer, message):
    with pytest.raises(ValueError, match=message):
        ask(Chooses(answer=answer), observe)


@pytest.mark.parametrize(
    ("begins", "message"),
    [
        ({"count": 0}, "the state of Chooses has 'count', which is int 0; allowed is"),
        ([], "the state of Chooses is list"),
        ({"mean": np.zeros(4)}, r"Chooses.start returned 'mean' of shape \(4,\); .*axis of 1 runs"),
    ],
)
def test_a_state_that_could_not_be_saved_is_refused_at_the_first_choice(observe, begins, message):
    agent = Chooses(answer=lambda loss, k, rng: loss > 1, begins=begins)
    with pytest.raises(ValueError, match=message):
        ask(agent, observe)


def test_an_option_without_the_decorator_is_refused(own):
    class Forgotten(Agent):
        c: float = 1.0

        def choose(self, state, observation, k, rng):
            return observation["seen"] > 0

    class Plain(Agent):
        """It declares nothing, so it needs no decorator."""

        signals = ("age",)

        def choose(self, state, observation, k, rng):
            return observation["seen"] > 0

    own.Forgotten, own.Plain = Forgotten, Plain
    message = r"Forgotten declares the option c, but is no dataclass; write @dataclass\(frozen=True"
    for build in (Forgotten, lambda: prune_agents.make("my_module:Forgotten", c=2.0)):
        with pytest.raises(ValueError, match=message):
            build()
    assert prune_agents.make("my_module:Plain", keep_ratio=0.5).keep_ratio == 0.5


def test_an_option_without_a_type_is_told_how_it_is_declared(own):
    @dataclass(frozen=True, kw_only=True)
    class Wide(Agent):
        width = 0.5

    own.Wide = Wide
    message = r"Wide\.width has no type, so it is no option; write width: float = 0\.5"
    with pytest.raises(ValueError, match=message):
        prune_agents.make("my_module:Wide", width=0.2)


def test_a_name_given_by_register_may_stand_behind_its_module(own):
    @prune_agents.register("oldest_first")
    @dataclass(frozen=True, kw_only=True)
    class OldestFirst(Agent):
        def choose(self, state, observation, k, rng):
            return observation["seen"] > 0

    OldestFirst.__module__ = "my_module"
    assert prune_agents.find("my_module:oldest_first") is OldestFirst
    own.OldestFirst = OldestFirst
    with pytest.raises(ValueError, match=r"unknown agent in my_module 'ucb'; allowed are OldestF"):
        prune_agents.find("my_module:ucb")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (
            "from prune_agents import Agent\nclass Mine(Agent): ...\nmade = Mine()",
            "unknown agent in their_module 'Mime' (did you mean Mine?); allowed are Mine, made",
        ),
        ("from prune_agents import Agent", "unknown agent in their_module 'Mime'"),
    ],
)
def test_only_what_a_module_defines_is_on_offer(tmp_path, monkeypatch, module, said):
    """The base class that it imports is none of its agents."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "their_module.py").write_text(module)
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        prune_agents.find("their_module:Mime")
    del sys.modules["their_module"]


def test_a_module_that_fails_is_said_in_one_line(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_agent.py").write_text("from prune_agents import Agent\n1 / 0\n")
    message = "cannot import agent 'broken_agent:A': broken_agent.py, line 2: ZeroDivisionError"
    with pytest.raises(ValueError, match=message):
        prune_agents.make("broken_agent:A")


class Bare:
    """It has only `predict`, and no option."""

    def predict(self, observation, state=None):
        return observation["loss"] >= np.median(observation["loss"]), state


def test_what_has_only_predict_gets_what_a_run_asks(own):
    own.Bare, own.bare = Bare, Bare()
    for name in ("my_module:Bare", "my_module:bare"):
        agent = prune_agents.make_for_run(name, keep_ratio=0.5, seed=3)
        assert isinstance(agent, Adopted)
        assert (agent.action, agent.env_options(8), agent.prior(8)) == ("keep", {}, None)
        assert not agent.reads_keep_ratio
        assert not prune_agents.reads_keep_ratio(name)
        assert {"loss", "age", "label", "progress"} < set(agent.signals)
        assert not {"val_loss", "features", "reference_loss"} & set(agent.signals)
    with pytest.raises(ValueError, match="'my_module:bare' is made already; it takes no c"):
        prune_agents.make_for_run("my_module:bare", keep_ratio=0.5, c=1)
    with pytest.raises(ValueError, match="unknown option of agent 'my_module:Bare' 'c'"):
        prune_agents.make_for_run("my_module:Bare", keep_ratio=0.5, c=1)


def test_an_agent_whose_init_drops_what_the_run_says_is_refused(own):
    class Own(Agent):
        def scores(self, state, observation, rng):
            return observation["seen"]

    class Forgets(Own):
        def __init__(self, weight=1.0):
            self.__dict__["weight"] = weight

    class KeepsHalf(Own):
        def __init__(self, keep_ratio=0.3):
            super().__init__(keep_ratio=keep_ratio)

    class PassesOn(Own):
        def __init__(self, weight=1.0, **shared):
            super().__init__(**shared)

    class Whole(Own):
        def __init__(self, keep_ratio=0.3, seed=0):
            super().__init__(keep_ratio=keep_ratio, seed=seed)

    own.Forgets, own.KeepsHalf, own.PassesOn, own.Whole = Forgets, KeepsHalf, PassesOn, Whole
    with pytest.raises(ValueError, match=r"Forgets has keep_ratio=0.3 where the run says 0.5: its"):
        prune_agents.make_for_run("my_module:Forgets", keep_ratio=0.5)
    with pytest.raises(ValueError, match=r"__init__ must take seed and pass it to super\(\)"):
        prune_agents.make_for_run("my_module:KeepsHalf", keep_ratio=0.5, seed=3)
    for name in ("my_module:PassesOn", "my_module:Whole"):
        agent = prune_agents.make_for_run(name, keep_ratio=0.5, seed=3)
        assert (agent.keep_ratio, agent.seed) == (0.5, 3)


def test_a_class_that_has_some_of_it_keeps_what_it_has(own):
    class Half(Bare):
        signals = ("loss",)

        def __init__(self, keep_ratio):
            self.keep_ratio = keep_ratio

    own.Half = Half
    agent = prune_agents.make_for_run("my_module:Half", keep_ratio=0.5)
    assert agent.signals == ("loss",)
    assert agent.agent.keep_ratio == 0.5
    assert agent.reads_keep_ratio
    with pytest.raises(ValueError, match=r"agent 'my_module:Half' cannot be made so: .*keep_ratio"):
        prune_agents.make("my_module:Half")


def test_a_predict_without_a_state_is_refused_when_it_is_made(own):
    class Sklearn:
        def predict(self, features):
            return features

    own.Sklearn = Sklearn
    with pytest.raises(ValueError, match=r"Sklearn.predict cannot be called with \(observation"):
        prune_agents.make_for_run("my_module:Sklearn", keep_ratio=0.5)


def test_a_model_is_shown_what_it_was_trained_on(own):
    import gymnasium as gym
    from stable_baselines3 import A2C

    env = gym.make("prune_env/Synthetic-v0", num_arms=20, signals=("loss", "seen"))
    own.model = A2C("MultiInputPolicy", env, n_steps=4, policy_kwargs={"net_arch": [4]}, seed=0)
    agent = prune_agents.make_for_run("my_module:model", keep_ratio=0.5)
    assert set(agent.signals) == {"loss", "seen"}
    more, _ = gym.make("prune_env/Synthetic-v0", num_arms=20).reset(seed=0)
    action, state = agent.predict(more)
    assert env.action_space.contains(action)
    assert state is None

    twin = gym.make("prune_env/Synthetic-Scores-v0", num_arms=20)
    own.small = A2C("MlpPolicy", twin, n_steps=4)
    with pytest.raises(ValueError, match=r"the A2C was trained on other spaces.*sb3\.save\(model"):
        prune_agents.make_for_run("my_module:small", keep_ratio=0.5)

    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    own.model = A2C("MultiInputPolicy", VecNormalize(DummyVecEnv([lambda: env])), n_steps=4)
    with pytest.raises(ValueError, match="the A2C was trained in VecNormalize, whose means it do"):
        prune_agents.make_for_run("my_module:model", keep_ratio=0.5)


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A trained agent in the folder `mine` of the working directory."""
    from prune_agents import sb3

    preset = sb3.Preset("ppo", "prune_env/Synthetic-Scores-v0", hyperparameters={"n_steps": 8})
    sb3.save(sb3.build(preset, sb3.training_env(preset)), preset, tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_trained_agent_needs_no_slash(zoo):
    (zoo / "ucb").mkdir()
    (zoo / "ucb" / "preset.yaml").write_text("")
    assert prune_agents.make("mine").path == "mine"
    assert prune_agents.make_for_run("./mine", keep_ratio=0.1).path == "./mine"
    assert [prune_agents.saved_folder(name) for name in ("mine", "ucb", "a:b", "other")] == [
        *("mine", None, None, None)
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine/model.zip", "mine/model.zip is a file of an agent; name its folder, mine"),
        ("bare.zip", r"bare.zip is not a saved agent.*sb3.from_zip\(path, preset, trust=True\)"),
        ("no/such", "there is no agent no/such"),
        ("such.zip", "there is no agent such.zip"),
    ],
)
def test_a_zip_alone_is_answered_with_what_to_do(zoo, name, message):
    (zoo / "bare.zip").write_bytes((zoo / "mine" / "model.zip").read_bytes())
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        prune_agents.make_for_run(name, keep_ratio=0.5)
