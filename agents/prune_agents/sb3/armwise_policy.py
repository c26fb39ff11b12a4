"""ArmwisePolicy: one small network for all arms, for PPO and A2C of Stable-Baselines3.

A stock policy over N arms has outputs of its own for each arm. Its log-probability is a sum over N
numbers, so from some hundred arms on a probability ratio of PPO is 0 or infinite. Here every arm is
scored by the same network (DeepSets, arXiv 1703.06114: features of the arm and the mean over all
arms), and the log-probability is the mean over the arms. The number of parameters does not depend
on N, permuting the arms permutes the scores, and a policy moves between data sets by `move`.

The environment is `StackArms(ArmScores(env))`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.distributions import DiagGaussianDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn


class MeanGaussian(DiagGaussianDistribution):
    """Independent Gaussians whose log-probability and entropy are means over the arms."""

    def log_prob(self, actions: Tensor) -> Tensor:
        """(B,): the mean over the N arms of the log density of the (B, N) actions."""
        return self.distribution.log_prob(actions).mean(dim=1)

    def entropy(self) -> Tensor:
        """(B,): the mean over the arms."""
        return self.distribution.entropy().mean(dim=1)


class ArmwisePolicy(ActorCriticPolicy):
    """Score each of N arms by one network; (B, N, F) observations, (B, N) actions.

    Args:
        observation_space: Box (N, F).
        action_space: Box (N,).
        lr_schedule: as in SB3.
        width: of the hidden layers.
        log_std_init: log of the standard deviation of the scores; scores are clipped to [-1, 1].
        kwargs: as in SB3; `net_arch` and the feature extractor play no part.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Any,
        width: int = 32,
        log_std_init: float = -1.0,
        **kwargs: Any,
    ) -> None:
        observed, acted = observation_space.shape or (), action_space.shape or ()
        if not (
            isinstance(action_space, spaces.Box) and len(observed) == 2 and acted == observed[:1]
        ):
            raise ValueError(
                f"ArmwisePolicy needs a Box of (N, F) and a Box of (N,); got {observation_space} "
                f"and {action_space}. Wrap the environment: StackArms(ArmScores(env))"
            )
        self.width, self.num_arms, self.num_features = width, *observed
        super().__init__(
            observation_space, action_space, lr_schedule, log_std_init=log_std_init, **kwargs
        )

    def _build(self, lr_schedule: Any) -> None:
        """Make the networks and the optimizer; SB3 calls it at the end of its constructor."""
        width = self.width
        self.arm_net = nn.Sequential(
            nn.Linear(self.num_features, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh()
        )
        self.joint = nn.Linear(2 * width, width)
        self.score_net = nn.Linear(width, 1)
        self.value_head = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1))
        self.log_std = nn.Parameter(torch.tensor(self.log_std_init))
        gains = {self.arm_net: 2**0.5, self.joint: 2**0.5, self.score_net: 0.1, self.value_head: 1}
        for part, gain in gains.items():
            part.apply(partial(self.init_weights, gain=gain))
        self.action_dist = MeanGaussian(self.num_arms)
        self.optimizer = self.optimizer_class(
            self.parameters(),
            lr=lr_schedule(1),
            **self.optimizer_kwargs,  # type: ignore[call-arg]
        )

    def scores(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, F) -> the mean score of each arm, (B, N), and the value, (B, 1)."""
        arms = self.arm_net(observation.float())
        context = arms.mean(dim=1)
        # a layer over (arm, context), split: that spares N copies of the context
        own, shared = self.joint.weight.split(self.width, dim=1)
        hidden = torch.tanh(arms @ own.T + (context @ shared.T + self.joint.bias)[:, None])
        return self.score_net(hidden)[..., 0], self.value_head(context)

    def forward(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Actions, values and log-probabilities."""
        means, values = self.scores(obs)
        distribution = self.action_dist.proba_distribution(means, self.log_std)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, values, distribution.log_prob(actions)

    def evaluate_actions(self, obs: Any, actions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values, log-probabilities and entropies of given actions."""
        means, values = self.scores(obs)
        distribution = self.action_dist.proba_distribution(means, self.log_std)
        return values, distribution.log_prob(actions), distribution.entropy()

    def get_distribution(self, obs: Any) -> DiagGaussianDistribution:
        """The distribution of the actions."""
        means, _ = self.scores(obs)
        return MeanGaussian(self.num_arms).proba_distribution(means, self.log_std)

    def predict_values(self, obs: Any) -> Tensor:
        """(B, 1)."""
        return self.scores(obs)[1]

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {
            "width": self.width,
            "log_std_init": self.log_std_init,
        }


def move(model: BaseAlgorithm, env: Any) -> BaseAlgorithm:
    """Give a model with an ArmwisePolicy an environment of other N, to use it or train it on.

    `model.set_env` and `model.load` of SB3 refuse another N. The weights stay; rollouts that were
    collected and the state of the optimizer are dropped.

    Args:
        model: PPO or A2C with this policy; changed in place and returned.
        env: an environment whose features are those that the model was trained on.

    Raises:
        ValueError: the model has another policy, or the features differ in number.
    """
    if not isinstance(model.policy, ArmwisePolicy):
        raise ValueError(f"only an ArmwisePolicy can be moved; got {type(model.policy).__name__}")
    features = env.observation_space.shape[-1]
    if features != model.policy.num_features:
        raise ValueError(
            f"env has {features} features an arm; expected {model.policy.num_features}"
        )
    weights = model.policy.state_dict()
    model.observation_space, model.action_space = env.observation_space, env.action_space
    model.set_env(env)
    model._setup_model()  # anew for these spaces: the rollout buffer and a policy
    model.policy.load_state_dict(weights)
    return model
