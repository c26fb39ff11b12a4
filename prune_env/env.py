"""PruneEnv: the Gymnasium face of one training run whose arms are its training samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, cast, get_args

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from prune_env import dashboard
from prune_env.checks import In, check_argument
from prune_env.core.clock import Clock
from prune_env.core.rounds import RoundOptions, Rounds
from prune_env.core.selection import ActionKind, as_array, decode
from prune_env.core.signals import SIGNALS
from prune_env.learners.protocol import Learner

Observation = dict[str, NDArray[np.float32]]


class PruneEnv(gym.Env[Observation, NDArray[Any]]):
    """Choose, round by round, which samples a classifier trains on.

    ## Description
    An episode is one training run of a classifier, a step is one selection round: an epoch over
    the arms that the agent keeps. The arms are the N training samples. After arXiv 2111.12621,
    which treats dynamic data pruning as a bandit problem.

    ## Action space
    | `action=` | space | meaning |
    |---|---|---|
    | `"keep"` (default) | `MultiBinary(N)` | 1 keeps an arm for this round, 0 prunes it |
    | `"weights"` | `Box(0, weight_max, (N,), float32)` | 0 prunes, w > 0: its loss counts w times |

    With weights the loss of a batch is the sum of w * loss divided by the batch size, not by the
    sum of the weights. An action of the wrong shape, with NaN, that keeps nothing or more than the
    budget allows raises a ValueError, and the episode stays as it was.

    ## Observation space
    `Dict` of finite float32 arrays, those that `signals=` names: by default all but the last three
    of arms. No two share memory.

    | entry | shape | meaning | at the start |
    |---|---|---|---|
    | `loss` | (N,) | cross-entropy in nats, before the update, unsmoothed, unweighted | log C |
    | `confidence` | (N,) | probability of the label | 1/C |
    | `margin` | (N,) | that minus the highest other probability | 0 |
    | `correct` | (N,) | 1 where the label is the most probable class | 0 |
    | `error_norm` | (N,) | 2-norm of the probabilities minus the one-hot label | sqrt(1 - 1/C) |
    | `seen` | (N,) | 1 where the arm was observed in the last round | 0 |
    | `age` | (N,) | rounds since it was last observed | 0 |
    | `pulls` | (N,) | rounds in which it was kept | 0 |
    | `label` | (N,) | its class | |
    | `reference_loss` | (N,) | loss under a moving average of the weights; costs a pass | log C |
    | `features` | (N, D) | what goes into the last linear layer, clipped to 1e6 | 0 |
    | `progress` | (1,) | share of the run that is over | 0 |
    | `budget_left` | (1,) | epochs of the whole data still paid for | `epochs` or `budget` |
    | `val_loss` | (1,) | nats, on the validation split, last measured | log C |
    | `val_accuracy` | (1,) | in [0, 1], likewise | 1/C |

    Entries of an arm are as of its last observation: with `feedback="semi"` only kept arms are
    observed, during training; with `"full"` a forward pass over the rest follows every `refresh`
    rounds but not the last of a run, and is charged. Only real networks measure `reference_loss`
    and `features`, in the very pass that measures the loss and on the same images. The average
    follows every step of training, see `reference_decay` in `prune_env.networks.Recipe`; a sample
    that is trained then costs 4 passes, one that is only observed 2. `features` are free but for
    memory, 4 N D bytes; where a layer takes more than 256, they are projected onto 256 directions,
    which leaves their distances as they are but for a tenth.

    ## Rewards
    | `reward=` | value |
    |---|---|
    | `"val_loss_drop"` (default) | fall of the validation loss in nats; sums to log C - last loss |
    | `"kept_loss"` | mean loss of the kept arms in nats: the bandit's own reward |
    | `"val_accuracy_gain"` | rise of the validation accuracy |
    | `"package.module:function"` | your own: `RoundOutcome` -> (M,) array |

    Your own reward is shown validation, and evaluations are charged, where it is marked with
    `prune_env.core.rewards.reads_validation`.

    ## Starting state
    A new network, initialised from the seed. Augmentation noise and data order follow from the
    seed too, and do not depend on what is kept.

    ## Episode end
    `terminated` after `epochs` rounds, when the `budget` is spent but for what is no round (at
    most a hundredth of the arms, or of a budget below one epoch), or when the loss is no longer
    finite (`info["diverged"]`). `truncated` is always False.

    ## Info
    `round`, `kept`, `kept_loss`, `val_loss`, `val_accuracy` (both absent with `num_validation=0`),
    `evaluated` (whether the last two are of this round), `diverged`; the cost so far in sample
    passes (forward 1, backward 2): `passes` is what is charged, `passes_train`, `passes_refresh`
    and `passes_evaluate` its parts (evaluations are charged where the observation or the reward
    reads them, but the one at the end of a run that `evaluate_every` does not ask for is free); in
    the last step `test_loss` and `test_accuracy`. No times: those are in `env.unwrapped.clock`.

    ## Arguments
    Those of `RoundOptions` and of the learner's entry point (see `prune_env.entry_points`).

    Args:
        learner: the thing that is trained; it must hold one run.
        action: "keep" or "weights".
        weight_max: the highest weight of an arm.
        render_mode: None, "ansi" (text) or "rgb_array" (a dashboard, (H, W, 3) uint8).
        options: fields of `RoundOptions`.

    ## Version history
    * v0: first version.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 1}  # noqa: RUF012

    def __init__(
        self,
        learner: Learner,
        *,
        action: ActionKind = "keep",
        weight_max: float = 100.0,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        if learner.num_runs != 1:
            raise ValueError(f"the learner holds {learner.num_runs} runs; PruneEnv takes 1")
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(
                f"render_mode is {render_mode!r}; allowed are None, "
                + ", ".join(map(repr, self.metadata["render_modes"]))
            )
        self.options = RoundOptions.of(options)
        self.learner = learner
        self.rounds = Rounds(learner, self.options)
        self.render_mode = render_mode
        self.action_kind: ActionKind = action
        self.weight_max = weight_max
        self.action_space = action_space(action, weight_max, learner.num_arms)
        self.observation_space = observation_space(self.rounds)
        self.history: list[dict[str, Any]] = []
        """The info of each round of this episode."""
        self.choice: dict[str, NDArray[Any]] = {}
        """For the dashboard: what the last round kept, on which losses; see `dashboard.choice`."""
        self._running = False

    def evaluate_every(self, rounds: int) -> None:
        """Let so many rounds lie between two evaluations; the next `reset` begins an episode."""
        self.options = replace(self.options, evaluate_every=rounds)
        self.rounds = Rounds(self.learner, self.options)
        self._running = False

    @property
    def clock(self) -> Clock:
        """Where the time of this episode went."""
        return self.rounds.clock

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin a new training run. `options` is not used."""
        super().reset(seed=seed)
        self.rounds.reset([int(self.np_random.integers(2**31))])
        self.history, self.choice = [], {}
        self._running = True
        return self._observation(), _of_one_run(self.rounds.infos())

    def step(self, action: NDArray[Any]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Train on the arms that the action keeps.

        Args:
            action: (N,), a mask or weights; see the class docstring.

        Returns:
            observation, reward, terminated, truncated (always False), info.

        Raises:
            ValueError: the action is not allowed; nothing has changed. Or what code of one's own (a
                reward, a loss) raised in the round, which is then half done: `reset`.
            gymnasium.error.ResetNeeded: the episode is over, or none has begun.
        """
        if not self._running:
            raise gym.error.ResetNeeded("no episode is running; call reset() first")
        with self.clock("select"):
            array = as_array(action)
            if array.shape != (self.learner.num_arms,):
                raise ValueError(
                    f"the action has shape {array.shape}; expected ({self.learner.num_arms},)"
                )
            selection = decode(
                array[None], self.action_kind, 1, self.learner.num_arms, self.weight_max
            )
        choice = dashboard.choice(self.rounds.arms, selection) if self.render_mode else {}
        rewards, terminated, infos = self.rounds.step(selection)
        self.choice = choice
        info = _of_one_run(infos)
        self.history.append(info)
        self._running = not terminated[0]
        return self._observation(), float(rewards[0]), bool(terminated[0]), False, dict(info)

    def render(self) -> str | NDArray[np.uint8] | None:
        """The dashboard of this episode: text, or an (H, W, 3) uint8 image."""
        if self.render_mode is None:
            return None
        return dashboard.render(self.summary(), self.render_mode)

    def summary(self) -> dashboard.Summary:
        """The numbers that the dashboard shows."""
        title = self.spec.id if self.spec else type(self).__name__
        return dashboard.summarise(self.rounds, self.history, self.choice, title)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue this episode, on a CPU bit for bit."""
        return {
            "rounds": self.rounds.state_dict(),
            "np_random": self.np_random.bit_generator.state,
            "history": [dict(info) for info in self.history],
            "choice": {name: array.copy() for name, array in self.choice.items()},
            "running": self._running,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue an episode from `state_dict`; on a CPU the next steps are the same, bit for bit.

        On a GPU cuDNN may add in another order. The environment must have been made with the same
        arguments, and one from `gym.make` wants a `reset` before its first step all the same.
        """
        self.rounds.load_state_dict(state["rounds"])
        self.np_random.bit_generator.state = state["np_random"]
        self.history = [dict(info) for info in state["history"]]
        self.choice = {name: array.copy() for name, array in state["choice"].items()}
        self._running = state["running"]

    def _observation(self) -> Observation:
        return {name: array[0] for name, array in self.rounds.observation().items()}


def action_space(
    action: ActionKind, weight_max: float, num_arms: int
) -> spaces.MultiBinary | spaces.Box:
    """The action space of one run over N arms."""
    if action not in get_args(ActionKind):
        raise ValueError(f'action is {action!r}; allowed is "keep" or "weights"')
    check_argument("weight_max", weight_max, Annotated[float, In("(0, inf]")])
    if action == "keep":
        return spaces.MultiBinary(num_arms)
    return spaces.Box(0.0, weight_max, (num_arms,), np.float32)


def observation_space(rounds: Rounds) -> spaces.Space[Observation]:
    """The observation space of one of these runs: those entries that `signals` names."""
    entries: dict[str, spaces.Space[Any]] = {}
    for name in rounds.options.signals:
        low, high = SIGNALS[name].low, SIGNALS[name].high
        if SIGNALS[name].source == "run":
            entries[name] = spaces.Box(low, high, (1,), np.float32)
        else:
            high = rounds.learner.num_classes - 1 if name == "label" else high
            entries[name] = _box(low, high, (rounds.num_arms, *rounds.extras.get(name, ())))
    return cast("spaces.Space[Observation]", spaces.Dict(entries))


def _box(low: float, high: float, shape: tuple[int, ...]) -> spaces.Box:
    """A Box whose bounds take no memory: at ten million arms Gymnasium's own take 100 MB each."""
    box = spaces.Box(low, high, shape, np.float32)
    for name in ("low", "high", "bounded_below", "bounded_above"):
        setattr(box, name, np.broadcast_to(getattr(box, name).flat[0], shape))
    return box


def _of_one_run(infos: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """The info of a single run, as plain Python values."""
    return {name: array[0].item() for name, array in infos.items()}
