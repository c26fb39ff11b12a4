"""SB3Agent: a trained model of Stable-Baselines3 as an agent like any other.

It was trained through wrappers. Their pure parts, `arm_features` and `choosers` of
`prune_env.wrappers`, turn the environment's own observation into what the model knows, and the
model's action into arms, so the agent runs on the ids without wrappers, on any data set, and on M
runs at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from prune_agents.agent import Agent, Observation, State
from prune_agents.sb3.models import for_predictions, load_model, saved_preset
from prune_env.wrappers import arm_features, choosers
from prune_env.wrappers.translation import Translation

if TYPE_CHECKING:
    from gymnasium.spaces import Discrete
    from stable_baselines3.common.base_class import BaseAlgorithm

    from prune_agents.sb3.presets import Preset


@dataclass(frozen=True, kw_only=True)
class SB3Agent(Agent):
    """A trained Stable-Baselines3 model, from a folder that `prune_agents.sb3.save` has written.

    A subclass with another `read` has a model that no folder can hold, such as one with a feature
    extractor of its own.
    """

    path: str
    """the folder"""
    deterministic: bool = True
    """take the model's best action, instead of drawing one as in training"""

    signals: ClassVar[tuple[str, ...]] = tuple(
        name for name in arm_features.READS if name != "seen"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        chooser = self._trained[2].chooser  # a folder that cannot be read is refused here
        if isinstance(chooser, choosers.KeepRatio):  # the model decides itself how many
            object.__setattr__(self, "keeps_k", False)
            object.__setattr__(self, "reads_keep_ratio", False)

    def read(self) -> tuple[BaseAlgorithm, Preset]:
        """The model, and the preset whose wrappers it was trained in; asked for once."""
        return load_model(self.path)

    @cached_property
    def _trained(self) -> tuple[BaseAlgorithm, Preset, Translation]:
        model, preset = self.read()
        return model, preset, Translation(preset.wrappers())

    @cached_property
    def _for_arms(self) -> dict[int, BaseAlgorithm]:
        """Per-arm models by their N, made when they are first asked for."""
        return {}

    def _model(self, num_arms: int) -> BaseAlgorithm:
        model, preset, way = self._trained
        if not way.stacks:
            return model
        if num_arms not in self._for_arms:
            moved = for_predictions(preset, num_arms)
            moved.policy.load_state_dict(model.policy.state_dict())
            self._for_arms[num_arms] = moved
        return self._for_arms[num_arms]

    def start(self, num_runs: int, num_arms: int) -> State:
        memory = arm_features.fresh_memory(num_runs, num_arms)
        # of RecurrentPPO: (layers, 1, width)
        shape = getattr(self._trained[0].policy, "lstm_hidden_state_shape", None)
        if shape is None:
            return memory
        zeros = np.zeros((num_runs, shape[0], shape[2]), np.float32)
        return memory | {"lstm_hidden": zeros, "lstm_cell": zeros.copy()}

    def update(self, state: State, observation: Observation) -> None:
        arm_features.remember(state, observation)

    def choose(
        self, state: State, observation: Observation, k: int, rng: np.random.Generator
    ) -> NDArray[Any]:
        way = self._trained[2]
        num_runs, num_arms = observation["seen"].shape
        observed = way.observe(state, observation, rng)
        actions = self._act(self._model(num_arms), observed, state, rng)
        ratios = np.full(num_runs, self.keep_ratio)
        return way.chooser.choose(actions, ratios, state, observation, rng)

    def _act(
        self,
        model: BaseAlgorithm,
        observed: NDArray[np.float32],
        state: State,
        rng: np.random.Generator,
    ) -> NDArray[Any]:
        """The model's actions of M runs; torch's global generator, which SB3 uses, is lent."""
        import torch

        recurrent = "lstm_hidden" in state
        names = ("lstm_hidden", "lstm_cell") if recurrent else ()
        lstm: Any = tuple(np.moveaxis(state[name], 0, 1) for name in names) or None
        none = np.zeros(len(observed), bool)  # runs that begin have fresh states already
        # DQN explores by NumPy's global generator and an unseeded space: done here in its place
        explored = None if self.deterministic else getattr(model, "exploration_rate", None)
        greedy = self.deterministic or explored is not None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            actions, lstm = model.predict(observed, lstm, none, greedy)
        if explored is not None:
            drawn = rng.integers(cast("Discrete", model.action_space).n, size=actions.shape)
            actions = np.where(rng.random(actions.shape) < explored, drawn, actions)
        for name, array in zip(names, lstm or (), strict=False):
            state[name][...] = np.moveaxis(array, 1, 0)
        return actions


def load(folder: str | Path, **options: Any) -> SB3Agent:
    """The agent in a saved folder; see `SB3Agent` for the options.

    Its keep ratio is the one that it was trained at, unless the options have another.

    Raises:
        ValueError: the folder is not one that `save` has written.
    """
    if wrappers := saved_preset(folder).wrappers():  # else it is refused below
        options = {"keep_ratio": Translation(wrappers).keep_ratio} | options
    return SB3Agent(path=str(folder), **options)
