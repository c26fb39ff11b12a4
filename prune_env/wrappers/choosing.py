"""Wrappers that replace the N bits of the action by something small; the arms are chosen inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from prune_env.wrappers import choosers
from prune_env.wrappers.base import ArmWrapper, Env, check_acts, checked


class ChoosingWrapper(ArmWrapper):
    """Base of the wrappers whose action a chooser turns into arms.

    `keep_ratio` may be changed between two steps.
    """

    def __init__(self, env: Env, chooser: choosers.Chooser, keep_ratio: float) -> None:
        super().__init__(env)
        check_acts(type(self).__name__, env.action_space)
        self.chooser, self.keep_ratio = chooser, keep_ratio
        self.action_space = chooser.space(self.num_arms)

    @property
    def keep_ratio(self) -> float:
        """The share of the arms that is kept."""
        return self._keep_ratio

    @keep_ratio.setter
    def keep_ratio(self, keep_ratio: float) -> None:
        self._keep_ratio = choosers.checked_ratio(keep_ratio)

    def arms(self, action: Any) -> NDArray[np.int8]:
        """The mask of the arms to keep, (N,) int8."""
        if not self._observation:
            raise gym.error.ResetNeeded("no episode is running; call reset() first")
        array = checked(action, self.action_space)
        mask = self.chooser.choose(
            array[None], np.array([self.keep_ratio]), self._memory, self._observation, self._rng
        )
        return mask[0].astype(np.int8)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue this episode, the environment's own state in it."""
        return super().state_dict() | {"keep_ratio": self.keep_ratio}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        super().load_state_dict(state)
        self.keep_ratio = state["keep_ratio"]


class LinearScores(ChoosingWrapper, gym.utils.RecordConstructorArgs):
    """The action is a weight in [-1, 1] for each of `prune_env.wrappers.arm_features.FEATURES`.

    Each signal is standardised over the arms; the share `keep_ratio` of the arms whose weighted sum
    is highest is kept, ties broken at random. Weight on `loss` alone is greedy, on -`loss`
    easiest-first, on `age` oldest-first, on `noise` (or nothing) uniform random; `loss` and `noise`
    together draw arms with probabilities softmax(weight ratio * standardised loss).

    Example:
        >>> import gymnasium as gym, numpy as np, prune_env
        >>> from prune_env.wrappers.arm_features import FEATURES
        >>> from prune_env.wrappers import LinearScores
        >>> env = gym.make("prune_env/Digits-v0", limit=200, device="cpu")
        >>> env.action_space
        MultiBinary(180)
        >>> env = LinearScores(env, keep_ratio=0.1)
        >>> env.action_space
        Box(-1.0, 1.0, (10,), float32)
        >>> observation, info = env.reset(seed=0)
        >>> greedy = np.array([name == "loss" for name in FEATURES], np.float32)
        >>> observation, reward, terminated, truncated, info = env.step(greedy)
        >>> info["kept"]
        18
    """

    def __init__(self, env: Env, keep_ratio: float = 0.3) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, keep_ratio=keep_ratio)
        ChoosingWrapper.__init__(self, env, choosers.LinearScores(), keep_ratio)


class LossBins(ChoosingWrapper, gym.utils.RecordConstructorArgs):
    """The action says for each quantile of the loss how large a share of it is kept.

    -1 is nothing, 1 the most; shares are relative to each other, so that `keep_ratio` of all arms
    are kept. Within a bin arms are drawn uniformly.

    Example:
        >>> import gymnasium as gym, numpy as np, prune_env
        >>> from prune_env.wrappers import LossBins
        >>> env = gym.make("prune_env/Digits-v0", limit=200, device="cpu")
        >>> env = LossBins(env, keep_ratio=0.5, bins=4)
        >>> env.action_space
        Box(-1.0, 1.0, (4,), float32)
        >>> observation, info = env.reset(seed=0)
        >>> hard_half = np.array([-1, -1, 1, 1], np.float32)
        >>> env.step(hard_half)[4]["kept"]
        90
    """

    def __init__(self, env: Env, keep_ratio: float = 0.3, bins: int = 8) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, keep_ratio=keep_ratio, bins=bins)
        ChoosingWrapper.__init__(self, env, choosers.LossBins(bins), keep_ratio)


class Rules(ChoosingWrapper, gym.utils.RecordConstructorArgs):
    """The action is the number of the selection rule that chooses this round.

    Rules are named points in the space of `LinearScores`, by default
    `prune_env.wrappers.choosers.RULES`. So they read one memory, whichever rule chose before, and
    need no agent: this package knows none.

    Example:
        >>> import gymnasium as gym, prune_env
        >>> from prune_env.wrappers import Rules
        >>> env = gym.make("prune_env/Digits-v0", limit=200, device="cpu")
        >>> env = Rules(env, keep_ratio=0.5, rules={"random": {"noise": 1}, "hard": {"loss": 1}})
        >>> env.action_space
        Discrete(2)
        >>> observation, info = env.reset(seed=0)
        >>> env.step(1)[4]["kept"]
        90
    """

    def __init__(
        self,
        env: Env,
        keep_ratio: float = 0.3,
        rules: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, keep_ratio=keep_ratio, rules=rules)
        chooser = choosers.Rules() if rules is None else choosers.Rules(rules)
        ChoosingWrapper.__init__(self, env, chooser, keep_ratio)


class ArmScores(ChoosingWrapper, gym.utils.RecordConstructorArgs):
    """The action is a score for each arm; the share `keep_ratio` with the highest is kept.

    Only for policies that share one network among the arms, such as
    `prune_agents.sb3.armwise_policy.ArmwisePolicy`.

    Example:
        >>> import gymnasium as gym, prune_env
        >>> from prune_env.wrappers import ArmScores
        >>> env = ArmScores(gym.make("prune_env/Digits-v0", limit=200, device="cpu"))
        >>> env.action_space
        Box(-1.0, 1.0, (180,), float32)
    """

    def __init__(self, env: Env, keep_ratio: float = 0.3) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, keep_ratio=keep_ratio)
        ChoosingWrapper.__init__(self, env, choosers.ArmScores(), keep_ratio)


class KeepRatio(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """One knob more on a wrapper that chooses: the share of the arms to keep this round.

    For environments with a `budget`: keep much for a few rounds or little for many. A Box action
    gets one more entry, where -1 is `low` and 1 is `high`; a Discrete one `levels` times as many
    values, level * n + rule. Shares are spaced geometrically. No round keeps more than the budget
    still pays for.

    Example:
        >>> import gymnasium as gym, numpy as np, prune_env
        >>> from prune_env.wrappers import KeepRatio, LinearScores
        >>> env = gym.make("prune_env/Digits-v0", limit=200, budget=2.0, device="cpu")
        >>> env = KeepRatio(LinearScores(env), low=0.1, high=1.0)
        >>> env.action_space
        Box(-1.0, 1.0, (11,), float32)
        >>> observation, info = env.reset(seed=0)
        >>> env.step(np.array([0] * 10 + [-1], np.float32))[4]["kept"]
        18
        >>> env.step(np.array([0] * 10 + [1], np.float32))[4]["kept"]
        180
    """

    def __init__(self, env: Env, low: float = 0.05, high: float = 1.0, levels: int = 5) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, low=low, high=high, levels=levels)
        if not isinstance(env, ChoosingWrapper):
            raise ValueError(
                f"KeepRatio goes around a wrapper that chooses, such as LinearScores; got {env}"
            )
        super().__init__(env)
        self.chooser = choosers.KeepRatio(env.chooser, low, high, levels)
        self.action_space = self.chooser.space(env.num_arms)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Set the share to keep and run the round."""
        assert isinstance(self.env, ChoosingWrapper)
        array = checked(action, self.action_space)
        ratios, rest = self.chooser.split(array[None], self.env.num_arms)
        self.env.keep_ratio = float(ratios[0])
        return self.env.step(rest[0])
