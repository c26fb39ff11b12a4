"""Train agents with Stable-Baselines3, save them, and use them like any other agent.

```python
from prune_agents import sb3

preset = sb3.Preset("ppo", "prune_env/Digits-Scores-v0", n_timesteps=20_000)
model = sb3.train(preset, seed=0)
sb3.save(model, preset, "agents/zoo/mine")
agent = sb3.load("agents/zoo/mine", keep_ratio=0.1)
env = gym.make("prune_env/CIFAR10-v0", signals=("seen", *agent.signals))
observation, info = env.reset(seed=0)
action, state = agent.predict(observation)  # a mask of 45,000 arms
```

A saved folder holds

* `preset.yaml`: what the model was made with, plain data, its wrappers spelled out
* `model.zip`: what SB3 saves. `load` reads its tensors and counters, see `prune_agents.sb3.state`,
  and never the pickled part, so a folder from a stranger runs no code
* `result.json`: the versions it was made with, and its scores
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import yaml

from prune_agents.sb3 import state
from prune_agents.sb3.completed import completed
from prune_agents.sb3.presets import OFF_POLICY, Preset, algorithm, arguments, check
from prune_env.checks import check_argument, in_words
from prune_env.files import Damaged, read_yaml, write_json, write_text
from prune_env.notices import say
from prune_env.trained_model import refuse_normalised
from prune_env.wrappers.choosers import KeepRatio
from prune_env.wrappers.small_ids import base_id, spec_of, twin_vector_env
from prune_env.wrappers.translation import Translation

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.vec_env import VecEnv

TRIED = 32
"""Observations on which a model and what would be read of it have to act alike."""

MANY_ARMS = 300
"""From about here a policy with outputs of its own for each arm does not learn."""

PACKAGES = ("prune_env", "stable-baselines3", "sb3-contrib", "gymnasium", "torch", "numpy")


def build(preset: Preset, env: gym.Env[Any, Any] | VecEnv, **more: Any) -> BaseAlgorithm:
    """An untrained model for an environment; `more` goes to the algorithm, such as seed."""
    acted = env.action_space
    size = int(np.prod(acted.shape or (1,)))
    if preset.policy != "ArmwisePolicy" and size > MANY_ARMS:
        twin = preset.env.replace("-v0", "-Scores-v0")
        warnings.warn(
            f"{preset.algo} is to learn {size} outputs, one for each arm. Its log-probability is a "
            f"sum over them, which does not train from some {MANY_ARMS} on and dies of NaN at "
            f"50,000. Use the twin {twin!r}, or policy ArmwisePolicy on StackArms(ArmScores(env))",
            stacklevel=2,
        )
    given = arguments(preset, acted)
    made = algorithm(preset.algo)
    try:
        return made(given.pop("policy"), env, **(given | more))
    except (TypeError, ValueError, AssertionError, AttributeError, KeyError) as error:
        why = in_words(error)
        raise ValueError(f"{preset.algo} cannot be made from this preset: {why}") from error


def train(
    preset: Preset,
    seed: int = 0,
    callback: Any = None,
    log: str | None = None,
    model: BaseAlgorithm | None = None,
) -> BaseAlgorithm:
    """Train a model on its preset's environment for `n_timesteps` rounds.

    Args:
        preset: what to train and how long.
        seed: of the model and the environments: environment i begins with seed + i.
        callback: a callback of SB3, or a list of them.
        log: folder for TensorBoard logs; needs the package tensorboard.
        model: one to go on with, which has `num_timesteps` rounds behind it.
    """
    from stable_baselines3.common.logger import Logger

    if model is None:
        model = build(preset, training_env(preset, seed), seed=seed, tensorboard_log=log)
    # SB3 counts anew only where a training begins
    keywords: dict[str, Any] = {"reset_num_timesteps": model.num_timesteps == 0}
    if preset.algo == "maskable_ppo":
        keywords["use_masking"] = False  # every rule is always allowed
    left = preset.n_timesteps - model.num_timesteps
    if left > 0:
        if model.tensorboard_log is None and model.verbose == 0:
            model.set_logger(Logger(None, []))  # SB3's own makes an empty folder in /tmp
        model.learn(left, callback=callback, **keywords)
    return model


def training_env(preset: Preset, seed: int = 0) -> VecEnv:
    """The environments of a preset; `info["episode"]` holds their returns.

    More than one of an id that has a vector environment are stepped at once, others in turn.

    Raises:
        ValueError: the environment does not have an argument of the preset.
    """
    from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

    spec = spec_of(base_id(preset.env))
    try:
        if preset.n_envs > 1 and spec is not None and spec.vector_entry_point is not None:
            from prune_env.sb3_vec_env import SB3VecEnv

            envs: VecEnv = SB3VecEnv(twin_vector_env(preset.n_envs, **preset.env_arguments()))
        else:
            envs = DummyVecEnv([preset.make_env] * preset.n_envs)
    except TypeError as error:
        raise ValueError(f"{preset.env} cannot be made so: {error.__context__ or error}") from error
    envs.seed(seed)
    return VecMonitor(envs)


def save(
    model: BaseAlgorithm,
    preset: Preset,
    folder: str | Path,
    scores: dict[str, Any] | None = None,
    replay: bool = False,
    data: str | None = None,
) -> None:
    """Write a folder that `load` reads. Each file is replaced as a whole.

    Args:
        model: what was trained.
        preset: what it was made with; of the policy, the hyper-parameters and the keep ratio what
            it leaves open is read off the model.
        folder: where to.
        scores: what `result.json` says of it.
        replay: keep the replay buffer too, so that the training can go on; all that it needs is in
            `model.zip` then, and a kill at any moment leaves the last one or this one.
        data: digest of what it was trained on, for who goes on with it.

    Raises:
        ValueError: preset is no `Preset`, or the model is of another algorithm, or was shown, or
            does, something else than the preset says. Nothing is written.
    """
    check_argument("preset", preset, Preset)
    if not isinstance(model, algorithm(preset.algo)):
        raise ValueError(f"the model is of {type(model).__name__}; its preset says {preset.algo}")
    refuse_normalised(model)
    num_arms = _num_arms(model, preset)
    preset = completed(preset, model)
    _check_same(model, preset, num_arms)
    folder = Path(folder)
    write_text(folder / "preset.yaml", yaml.safe_dump(preset.to_dict(), sort_keys=False))
    state.write(model, folder / "model.zip", replay)
    result = {"num_timesteps": model.num_timesteps, "versions": _versions(), "scores": scores or {}}
    write_json(folder / "result.json", result | ({} if data is None else {"data": data}))


def _num_arms(model: Any, preset: Preset, who: str = "the model") -> int:
    """The arms that a model, or an environment, has where its spaces tell.

    Raises:
        ValueError: they are not those of the preset.
    """
    way = Translation(preset.wrappers())
    (size, *_) = (model.observation_space if way.stacks else model.action_space).shape or (1,)
    num_arms = size - (isinstance(way.chooser, KeepRatio) and not way.stacks)
    expected = {
        "observation_space": way.observation_space(num_arms),
        "action_space": way.chooser.space(num_arms),
    }
    for name, space in expected.items():
        if (own := getattr(model, name)) != space:
            raise ValueError(
                f"the {name} of {who} is {own}, and that of {preset.env} with the wrappers of "
                f"its preset {space}; the agent has those and none of your own"
            )
    return num_arms


def _check_same(model: BaseAlgorithm, preset: Preset, num_arms: int) -> None:
    """Refuse a preset by which the file of a model would be read as one that acts otherwise."""
    import torch

    made = "Preset(policy=..., policy_kwargs=..., hyperparameters=...) says how it was made"
    space = deepcopy(model.observation_space)
    space.seed(0)
    shown = np.stack([space.sample() for _ in range(TRIED)])
    with TemporaryDirectory() as folder, torch.random.fork_rng(devices=[]):
        file = Path(folder) / "model.zip"
        state.write(model, file)
        copy = for_predictions(preset, num_arms)
        try:
            state.restore(copy, file)
        except Damaged as error:
            why = in_words(error.__cause__ or error)
            raise ValueError(f"the model does not fit its preset: {why}; {made}") from error
    acts, says = (one.predict(shown, deterministic=True)[0] for one in (model, copy))
    if not np.allclose(acts, says, atol=1e-4):
        raise ValueError(f"the model made again from its preset acts otherwise; {made}")
    for name in model._get_torch_save_params()[0]:
        own, again = (attrgetter(name)(one) for one in (model, copy))
        if isinstance(own, torch.optim.Optimizer) and type(own) is not type(again):
            say(
                f"the {name} of the model is {type(own).__name__}, and made again from its preset "
                f"{type(again).__name__}: the agent acts alike, and a training that goes on from "
                "its folder has the latter"
            )


def load_model(
    folder: str | Path, env: gym.Env[Any, Any] | VecEnv | None = None
) -> tuple[BaseAlgorithm, Preset]:
    """The SB3 model in a saved folder, and its preset. Nothing is unpickled.

    Args:
        folder: what `save` has written.
        env: an environment to go on training in; None suits predictions only.

    Raises:
        ValueError: there is something else, or something that only unpickling would read.
    """
    preset = saved_preset(folder)
    try:
        check(preset)
        if env is not None:
            _num_arms(env, preset, "env")
        model = for_predictions(preset) if env is None else build(preset, env)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:  # SB3 and torch refuse
        raise ValueError(f"{Path(folder) / 'preset.yaml'}: {in_words(error)}") from error
    state.restore(model, Path(folder) / "model.zip", replay=env is not None)
    return model, preset


def saved_preset(folder: str | Path) -> Preset:
    """The preset of a saved folder.

    Raises:
        ValueError: there is none, or it is not one.
    """
    path = Path(folder) / "preset.yaml"
    if not path.is_file():
        if not Path(folder).exists():
            raise FileNotFoundError(f"there is no agent {folder}")
        if (Path(folder).parent / "preset.yaml").is_file():
            raise ValueError(f"{folder} is a file of an agent; name its folder, {path.parents[1]}")
        raise ValueError(
            f"{folder} is not a saved agent: it has no preset.yaml. A zip of SB3 alone can only be "
            "unpickled, which runs whatever code its maker put there; if you made it, "
            "prune_agents.sb3.from_zip(path, preset, trust=True) reads it and "
            "prune_agents.sb3.save(model, preset, folder) writes a folder that runs"
        )
    content = read_yaml(path)
    try:
        return Preset.from_dict(content)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a preset: {error}") from error


def from_zip(path: str | Path, preset: Preset, trust: bool = False) -> BaseAlgorithm:
    """Read what SB3's own `model.save` wrote; `save` it with its preset to have it as an agent.

    Args:
        path: the zip.
        preset: its algo, env and wrappers.
        trust: let SB3 unpickle what is in the zip, which runs whatever code its maker put there.

    Raises:
        ValueError: `trust` is False.
        FileNotFoundError: there is no such file.
    """
    if not trust:
        raise ValueError(
            f"reading {path} means unpickling it, which runs whatever code its maker put there; "
            "pass trust=True if you made it"
        )
    if not any(Path(f"{path}{end}").is_file() for end in ("", ".zip")):
        raise FileNotFoundError(f"there is no {path} in {Path.cwd()}")
    return algorithm(preset.algo).load(path, device="cpu")  # type: ignore[attr-defined]


def for_predictions(preset: Preset, num_arms: int = 1) -> BaseAlgorithm:
    """An untrained model without an environment; only a per-arm policy asks for the right N."""
    from stable_baselines3.common.vec_env import DummyVecEnv

    makers: list[Callable[[], gym.Env[Any, Any]]]
    makers = [partial(_Spaces, preset, num_arms)] * preset.n_envs
    more = {"buffer_size": 1} if preset.algo in OFF_POLICY else {}
    return build(preset, DummyVecEnv(makers), **more)


class _Spaces(gym.Env[Any, Any]):
    """Only the spaces of a preset's environment."""

    def __init__(self, preset: Preset, num_arms: int) -> None:
        way = Translation(preset.wrappers())
        self.observation_space = way.observation_space(num_arms)
        self.action_space = way.chooser.space(num_arms)


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
