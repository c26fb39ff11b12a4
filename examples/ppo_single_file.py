"""PPO in one file, in the style of CleanRL, on a twin: any library that knows Gymnasium will do.

python examples/ppo_single_file.py --env-id prune_env:prune_env/Digits-Scores-v0 --total-rounds 8000
"""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import torch
import tyro
from torch import Tensor, nn
from torch.distributions import Normal


@dataclass
class Args:
    env_id: str = "prune_env:prune_env/Digits-Scores-v0"
    """a twin with a Box action"""
    seed: int = 0
    """of everything random"""
    total_rounds: int = 8000
    """rounds to train for"""
    num_steps: int = 80
    """rounds between two updates: a few episodes"""
    update_epochs: int = 10
    """passes over them in an update"""
    minibatches: int = 2
    """gradient steps in a pass"""
    learning_rate: float = 1e-3
    """of Adam"""
    gae_lambda: float = 0.95
    """of the advantages; gamma is 1, since the rewards sum to the fall of the validation loss"""
    clip: float = 0.2
    """how far a probability ratio counts"""


class Policy(nn.Module):
    """A Gaussian over weights of signals, and a value."""

    def __init__(self, num_inputs: int, num_actions: int) -> None:
        super().__init__()
        self.mean = nn.Sequential(nn.Linear(num_inputs, 32), nn.Tanh(), nn.Linear(32, num_actions))
        self.value = nn.Sequential(nn.Linear(num_inputs, 32), nn.Tanh(), nn.Linear(32, 1))
        self.log_std = nn.Parameter(torch.full((num_actions,), -0.5))
        last = self.mean[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=0.01)

    def act(self, observation: Tensor) -> tuple[Normal, Tensor]:
        """(B, S) -> a distribution over (B, A) actions, and (B,) values."""
        return Normal(self.mean(observation), self.log_std.exp()), self.value(observation)[..., 0]


def main(args: Args) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)  # networks of this size are slower on more
    env = gym.wrappers.RecordEpisodeStatistics(gym.make(args.env_id))
    observed, acted = env.observation_space, env.action_space
    assert isinstance(observed, gym.spaces.Box)
    assert isinstance(acted, gym.spaces.Box)
    num_inputs, num_actions = observed.shape[0], acted.shape[0]
    policy = Policy(num_inputs, num_actions)
    optimizer = torch.optim.Adam(policy.parameters(), args.learning_rate, eps=1e-5)

    observations = torch.zeros(args.num_steps, num_inputs)
    actions = torch.zeros(args.num_steps, num_actions)
    log_probs, rewards, values, begins = torch.zeros(4, args.num_steps)

    observation, _ = env.reset(seed=args.seed)
    begin, returns = True, list[float]()
    for update in range(1, args.total_rounds // args.num_steps + 1):
        for t in range(args.num_steps):
            observations[t], begins[t] = torch.as_tensor(observation), float(begin)
            with torch.no_grad():
                distribution, values[t] = policy.act(observations[t])
                actions[t] = distribution.sample()
                log_probs[t] = distribution.log_prob(actions[t]).sum()
            action = np.clip(actions[t].numpy(), -1, 1)
            observation, reward, begin, _, info = env.step(action)
            rewards[t] = float(reward)
            if begin:
                returns.append(info["episode"]["r"])
                observation, _ = env.reset()

        with torch.no_grad():
            _, next_value = policy.act(torch.as_tensor(observation))
            goes_on = torch.cat([1 - begins[1:], torch.tensor([1.0 - begin])])
            next_values = torch.cat([values[1:], next_value[None]]) * goes_on
            errors = rewards + next_values - values
            advantages, last = torch.zeros(args.num_steps), torch.zeros(())
            for t in reversed(range(args.num_steps)):
                last = errors[t] + args.gae_lambda * goes_on[t] * last
                advantages[t] = last
            targets = advantages + values

        for _ in range(args.update_epochs):
            for batch in torch.randperm(args.num_steps).chunk(args.minibatches):
                distribution, value = policy.act(observations[batch])
                ratio = (distribution.log_prob(actions[batch]).sum(1) - log_probs[batch]).exp()
                gain = advantages[batch]
                gain = (gain - gain.mean()) / (gain.std() + 1e-8)
                clipped = ratio.clamp(1 - args.clip, 1 + args.clip)
                policy_loss = -torch.min(ratio * gain, clipped * gain).mean()
                loss = policy_loss + 0.5 * (value - targets[batch]).square().mean()
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
                optimizer.step()

        print(f"round {update * args.num_steps}: mean return {np.mean(returns[-20:]):.4f}")


if __name__ == "__main__":
    main(tyro.cli(Args))
