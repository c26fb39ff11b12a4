"""Train an agent of Stable-Baselines3, with checkpoints and an evaluation on seeds it never saw.

What comes out is a folder that `prune_agents.sb3.load` reads and `prune-env run --agent FOLDER`
runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import prune_agents
from prune_agents import sb3
from prune_agents.sb3.presets import Preset

from prune_bench.run import stopping
from prune_bench.standings.statistics import Estimate, mean_of, paired_differences
from prune_bench.training.instances import HELD_OUT, training_seed
from prune_bench.training.options import TrainOptions, check_resume, read_preset
from prune_env import notices
from prune_env.driving import ask
from prune_env.files import patiently, read_json, sweep, try_disk
from prune_env.learners.protocol import Sourced
from prune_env.wrappers.small_ids import base_id

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

CONTROLS = ("random_dynamic", "static_random")
"""What a trained agent is compared with, at equal cost."""


def train(
    options: TrainOptions, on_progress: Callable[[dict[str, Any]], None] = lambda row: None
) -> dict[str, Any]:
    """Train, save and evaluate an agent.

    Args:
        options: what to train.
        on_progress: called after each episode and each evaluation with what is known by then.

    Returns:
        The scores, which are in `result.json` too.

    Raises:
        ValueError, FileNotFoundError: bad options; nothing has been trained then.
    """
    preset = read_preset(options)
    if preset.policy == "ArmwisePolicy":
        small = base_id(preset.env).replace("-v0", "-Scores-v0")
        notices.say(
            f"{preset.env} has an action for every arm: one small network for all arms learns "
            f"(ArmwisePolicy), slowly; the actions of {small} are ten numbers"
        )
    there = (options.out / "model.zip").exists()
    check_resume(options, "an agent", there)
    sweep(options.out)
    log = str(options.out / "tensorboard") if find_spec("tensorboard") else None
    data = data_of(preset)
    model = resumed(options, preset, log, data) if there else None
    watch = _watcher(options, preset, data, on_progress)
    try_disk(options.out)
    with stopping.delayed():  # `Watch` looks for a signal after each round
        model = sb3.train(preset, training_seed(options.seed, preset.n_envs), watch, log, model)
        save = partial(sb3.save, model, preset, options.out, replay=True, data=data)
        patiently(save, until=stopping.asked)
    scores = compare(options.out, preset, range(HELD_OUT, HELD_OUT + options.eval_seeds))
    patiently(partial(save, scores=scores))
    return scores


def data_of(preset: Preset) -> str | None:
    """The digest of the data that the environments of a preset have; None where there are none."""
    learner = preset.make_env().unwrapped.learner  # type: ignore[attr-defined]
    return learner.digest if isinstance(learner, Sourced) else None


def resumed(
    options: TrainOptions, preset: Preset, log: str | None, data: str | None = None
) -> BaseAlgorithm:
    """The model of the last checkpoint, with environments on other seeds than before.

    All that it has learned is that of the checkpoint, its replay buffer too; the episodes and the
    rollout under way then are lost, so a resumed training does not repeat bit for bit what an
    uninterrupted one does.
    """
    saved, now = sb3.saved_preset(options.out).to_dict(), preset.to_dict()
    for name in {**saved, **now}:
        if name != "n_timesteps" and saved.get(name) != now.get(name):
            raise ValueError(
                f"{options.out} was trained with another preset: there {name} is "
                f"{saved.get(name)!r}, here {now.get(name)!r}; a folder that sb3.save has written "
                "is gone on with in Python, by sb3.load_model"
            )
    before = read_json(options.out / "result.json").get("data", data)
    if before != data:
        raise ValueError(
            f"{options.out} was trained on other data: there they are {before}, here {data}; name "
            "another folder"
        )
    model, _ = sb3.load_model(options.out, sb3.training_env(preset))
    model.set_random_seed(training_seed(options.seed + model.num_timesteps, preset.n_envs))
    model.tensorboard_log = log
    return model


def _watcher(
    options: TrainOptions,
    preset: Preset,
    data: str | None,
    on_progress: Callable[[dict[str, Any]], None],
) -> Any:
    """A callback of SB3 that reports episodes, saves checkpoints and evaluates them."""
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.vec_env import DummyVecEnv

    class Watch(BaseCallback):
        def _init_callback(self) -> None:
            self.row: dict[str, Any] = {"total": preset.n_timesteps, "episodes": 0}
            self.next = self.num_timesteps + options.checkpoint_rounds
            self.env = DummyVecEnv([preset.make_env])

        def _on_step(self) -> bool:
            for info in self.locals.get("infos", ()):  # ARS has none
                if "episode" in info:
                    self.row["episodes"] += 1
                    self.row["return"] = float(info["episode"]["r"])
                    if "val_accuracy" in info:
                        self.row["val_accuracy"] = info["val_accuracy"]
            if stopping.asked():
                self._save()
                stopping.stop()
            if self.num_timesteps >= self.next:
                self.next += options.checkpoint_rounds
                self._save()
                self.env.seed(HELD_OUT)
                returns, _ = evaluate_policy(self.model, self.env, n_eval_episodes=3, warn=False)
                self.row["eval_return"] = float(np.asarray(returns))
                self.logger.record("eval/return", self.row["eval_return"])
            on_progress(self.row | {"rounds": self.num_timesteps})
            return True

        def _save(self) -> None:
            try:
                sb3.save(self.model, preset, options.out, replay=True, data=data)
            except OSError as error:
                notices.say(f"{options.out} was not written, what was there stays: {error}")

    return Watch()


def compare(folder: Path, preset: Preset, seeds: Sequence[int]) -> dict[str, Any]:
    """The saved agent and the controls, each once on each seed, on the id without wrappers.

    The controls have the agent's keep ratio; that of one that decides itself how much it keeps is
    the mean share that it has kept, unless a budget makes all equally dear.

    Returns:
        By agent the mean of the last val_loss (where there is validation) and test_accuracy, and by
        control the mean paired difference (ours minus the control's) with its 95 % t-interval.
    """
    ratio = dict(preset.wrappers()[0][1]).get("keep_ratio", 0.3)
    trained = sb3.load(folder, keep_ratio=ratio)
    wanted = {"reward": "kept_loss", "signals": ("seen", *trained.signals), "test": True}
    env = gym.make(base_id(preset.env), **(preset.env_kwargs | wanted))
    last: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in ("trained", *CONTROLS)}
    kept: list[int] = []
    for seed in seeds:  # of the agents too, or all runs of a control would be on the same arms
        last["trained"][seed] = last_info(replace(trained, seed=seed), env, seed)
        kept += [info["kept"] for info in env.get_wrapper_attr("history")]
    if not trained.reads_keep_ratio and env.get_wrapper_attr("options").budget is None:
        ratio = float(np.mean(kept)) / env.get_wrapper_attr("learner").num_arms
    for name, seed in product(CONTROLS, seeds):
        control = prune_agents.make(name, keep_ratio=ratio, seed=seed)
        last[name][seed] = last_info(control, env, seed)
    scores: dict[str, Any] = {
        "n": len(seeds),
        "seeds": [min(seeds), max(seeds)],
        "keep_ratio": ratio,
    }
    measured = last["trained"][seeds[0]]
    for metric in [name for name in ("val_loss", "test_accuracy") if name in measured]:
        of = {name: {s: info[metric] for s, info in runs.items()} for name, runs in last.items()}
        scores[metric] = {name: float(np.mean(list(runs.values()))) for name, runs in of.items()}
        for control in CONTROLS:
            difference = paired_differences(of["trained"], of[control])
            scores[metric][f"minus_{control}"] = _interval(mean_of(difference))
    return scores


def last_info(agent: Any, env: gym.Env[Any, Any], seed: int) -> dict[str, Any]:
    """Run one episode; the info of its last round."""
    observation, info = env.reset(seed=seed)
    state, over, num_arms = None, False, env.get_wrapper_attr("learner").num_arms
    while not over:
        action, state = ask(agent, observation, state, num_arms)
        observation, _, over, _, info = env.step(action)
    return info


def _interval(found: Estimate) -> list[float | None]:
    return [found.value, found.low, found.high]
