"""PruneVectorEnv: M training runs side by side, as one Gymnasium vector environment.

`SB3VecEnv`, which lets Stable-Baselines3 take it, is here too, imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from prune_env.checks import in_a_line
from prune_env.core.clock import Clock
from prune_env.core.rounds import RoundOptions, Rounds
from prune_env.core.selection import ActionKind, decode
from prune_env.env import Observation, action_space, observation_space
from prune_env.learners.protocol import ParallelLearner

if TYPE_CHECKING:
    from prune_env.sb3_vec_env import SB3VecEnv

__all__ = ["PruneVectorEnv", "SB3VecEnv"]

Infos = dict[str, Any]


class PruneVectorEnv(gym.vector.VectorEnv[Observation, NDArray[Any], NDArray[Any]]):
    """M independent runs of one learner, a round in all of them by one call of NumPy.

    Slot i of `reset(seed=s)` is the same, bit for bit and over all episodes, as `PruneEnv` with
    `reset(seed=s + i)`: observations are (M, N), rewards (M,). A run that ends begins anew in the
    same step; what it ended with is in `infos["final_obs"]` and `infos["final_info"]`. Built-in
    agents act on all runs at once:

    ```python
    envs = gym.make_vec("prune_env:prune_env/Synthetic-v0", num_envs=256)
    agent, state, over = prune_agents.make("ucb"), None, None
    observations, infos = envs.reset(seed=0)
    for _ in range(8):
        actions, state = agent.predict(observations, state, over)
        observations, rewards, terminations, truncations, infos = envs.step(actions)
        over = terminations | truncations
    ```

    Args:
        learner: the things that are trained; M is `learner.num_runs`.
        action: "keep" or "weights", as for `PruneEnv`.
        weight_max: the highest weight of an arm.
        render_mode: None; there is nothing else.
        options: fields of `RoundOptions`.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "render_modes": [],
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        learner: ParallelLearner,
        *,
        action: ActionKind = "keep",
        weight_max: float = 100.0,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        if render_mode is not None:
            raise ValueError(
                f"render_mode is {render_mode!r}, but M runs at once draw nothing; gym.make draws "
                'one run, and gym.make_vec(..., vectorization_mode="sync") several'
            )
        self.options = RoundOptions.of(options)
        self.learner, self.num_envs = learner, learner.num_runs
        self.autoreset_mode = self.metadata["autoreset_mode"]  # TorchRL looks for it here
        self.action_kind: ActionKind = action
        self.weight_max = weight_max
        self.single_action_space = action_space(action, weight_max, learner.num_arms)
        self.rounds = Rounds(learner, self.options)
        self.single_observation_space = observation_space(self.rounds)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.generators: list[np.random.Generator] = []
        """One for each slot; empty before the first reset."""
        self._seeds: list[int] = []

    @property
    def clock(self) -> Clock:
        """Where the time went since the last `reset`."""
        return self.rounds.clock

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """The generator of each slot; none before the first `reset`."""
        return tuple(self.generators)

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]
        """The seed of each; -1 where the generator is from `load_state_dict`."""
        return tuple(self._seeds)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, Infos]:
        """Begin new runs.

        Args:
            seed: slot i gets seed + i, or the i-th of a list; None goes on with the generators that
                the slots have.
            options: `reset_mask`, (M,) bool, where given: only these runs begin anew. The others
                stay as they are, their generators too.

        Raises:
            ValueError: the seeds or the mask do not fit M slots, or the mask is all False.
            TypeError: the mask is no array of bool.
            gymnasium.error.ResetNeeded: the mask leaves out runs that never began.
        """
        runs = reset_mask(options, self.num_envs)
        if isinstance(seed, int | np.integer):
            seed = [int(seed) + i for i in range(self.num_envs)]
        seeds = [None] * self.num_envs if seed is None else seed
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds came; expected one for each of {self.num_envs}")
        if not self.generators and not runs.all():
            raise gym.error.ResetNeeded(
                "reset_mask leaves out runs that never began; call reset() without it"
            )
        old: Sequence[tuple[np.random.Generator, int] | None]
        old = [*zip(self.generators, self._seeds, strict=True)] or [None] * self.num_envs
        drawn = [
            pair if pair and (one is None or not begins) else gym.utils.seeding.np_random(one)
            for one, pair, begins in zip(seeds, old, runs, strict=True)
        ]
        self.generators = [generator for generator, _ in drawn]
        self._seeds = [int(one) for _, one in drawn]
        begin = self.rounds.reset if runs.all() else partial(self.rounds.reset_runs, runs)
        begin(self._draw_seeds(runs))
        return self.rounds.observation(), _masked(self.rounds.infos(), runs)

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Infos]:
        """One round in every run. actions: (M, N), masks or weights.

        Raises:
            ValueError: an action is not allowed; nothing has changed in any run.
            gymnasium.error.ResetNeeded: there has been no reset.
        """
        if not self.generators:
            raise gym.error.ResetNeeded("no episode is running; call reset() first")
        with self.clock("select"):
            selection = decode(
                actions, self.action_kind, self.num_envs, self.learner.num_arms, self.weight_max
            )
        rewards, over, step_infos = self.rounds.step(selection)
        truncations = np.zeros(self.num_envs, bool)
        if not over.any():
            infos = _masked(step_infos, ~over)
            return self.rounds.observation(), rewards, over, truncations, infos

        final = self._final(over, step_infos)
        self.rounds.reset_runs(over, self._draw_seeds(over))
        infos = _masked({name: step_infos[name] for name in _of_every_round(step_infos)}, ~over)
        for name, values in self.rounds.infos().items():
            infos[name] = np.where(over, values, step_infos[name])
            infos[f"_{name}"] = np.ones(self.num_envs, bool)
        return self.rounds.observation(), rewards, over, truncations, infos | final

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue all runs bit for bit."""
        states = [generator.bit_generator.state for generator in self.generators]
        return {"rounds": self.rounds.state_dict(), "np_random": states}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict` of an environment that was made with the same arguments."""
        self.rounds.load_state_dict(state["rounds"])
        self.generators = [np.random.default_rng() for _ in state["np_random"]]
        self._seeds = [-1] * len(self.generators)
        for generator, saved in zip(self.generators, state["np_random"], strict=True):
            generator.bit_generator.state = saved

    def _draw_seeds(self, runs: NDArray[np.bool_]) -> list[int]:
        """A new seed for each of these runs, drawn as `PruneEnv` draws it."""
        return [int(self.generators[run].integers(2**31)) for run in np.flatnonzero(runs)]

    def _final(self, over: NDArray[np.bool_], infos: dict[str, NDArray[Any]]) -> Infos:
        """What the runs that are over ended with, as Gymnasium wants it."""
        every = self.rounds.observation() if over.all() else None
        final_obs = np.full(self.num_envs, None, object)
        for run in map(int, np.flatnonzero(over)):
            shown, row = (self.rounds.observation(run), 0) if every is None else (every, run)
            final_obs[run] = {name: array[row] for name, array in shown.items()}
        return _masked({"final_obs": final_obs, "final_info": _masked(infos, over)}, over)


def reset_mask(options: dict[str, Any] | None, num_envs: int) -> NDArray[np.bool_]:
    """The runs that `reset` begins anew, (M,) bool: those of the option `reset_mask`, else all.

    Raises:
        ValueError: it has not one entry for each run, or none that is True.
        TypeError: it is no array of bool.
    """
    mask = (options or {}).get("reset_mask", np.ones(num_envs, bool))
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
        raise TypeError(f"reset_mask is {in_a_line(mask)}; expected a NumPy array of bool")
    if mask.shape != (num_envs,):
        raise ValueError(f"reset_mask has shape {mask.shape}; expected ({num_envs},)")
    if not mask.any():
        raise ValueError("reset_mask is all False; at least one run has to begin anew")
    return mask


def _of_every_round(infos: Infos) -> list[str]:
    """The names of the infos that a run has after each round, not at its end only."""
    return [name for name in infos if not name.startswith("test_")]


def _masked(infos: Infos, runs: NDArray[np.bool_]) -> Infos:
    """Vector infos: beside each entry, under _name, the runs that have it; the others show 0."""
    if not runs.any():
        return {}
    shown = {
        name: np.where(runs, values, np.zeros_like(values))
        if isinstance(values, np.ndarray) and values.dtype != object
        else values
        for name, values in infos.items()
    }
    return shown | {f"_{name}": runs.copy() for name in infos}


def __getattr__(name: str) -> Any:
    if name == "SB3VecEnv":  # importing Stable-Baselines3 takes seconds
        from prune_env.sb3_vec_env import SB3VecEnv

        return SB3VecEnv
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
