"""How fast a rung is by itself, and with the agent that chooses: by turns in two checkouts.

    for tree in old new; do PYTHONPATH=$tree:$tree/agents python rung_apart.py; done

With `--arms 100000 1000000` it tells nanoseconds an arm and round of as many arms, in single runs.
It needs nothing of this folder, so that it runs beside code of any age.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import gymnasium as gym
import prune_agents

EPOCHS = 8


def episode(envs: Any, agent: Any) -> tuple[float, float]:
    """CPU seconds of an episode in the environment, and in the agent."""
    begun = time.thread_time()
    observation, state = envs.reset(seed=0)[0], None
    inside, outside = time.thread_time() - begun, 0.0
    for _ in range(EPOCHS):
        begun = time.thread_time()
        action, state = agent.predict(observation, state)
        chosen = time.thread_time()
        observation, *_ = envs.step(action)
        outside += chosen - begun
        inside += time.thread_time() - chosen
    return inside, outside


def of_sizes(options: argparse.Namespace) -> None:
    """Print what a round takes for each arm, in runs of several sizes."""
    agent = prune_agents.make(options.agent, keep_ratio=0.3)
    signals = ("seen", *agent.signals)
    for arms in options.arms:
        env = gym.make(
            options.env, epochs=EPOCHS, num_arms=arms, signals=signals, disable_env_checker=True
        )
        times = [episode(env, agent) for _ in range(options.repeats)]
        alone, chosen = (
            1e9 * statistics.median(t) / EPOCHS / arms for t in zip(*times, strict=True)
        )
        print(
            f"N = {arms:,}: {alone:.1f} ns an arm and round, and {chosen:.1f} of {options.agent}",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--env", default="prune_env/Synthetic-v0")
    parser.add_argument("--agent", default="random_dynamic")
    parser.add_argument("--runs", type=int, nargs="+", default=[0, 1, 16, 256], help="0: gym.make")
    parser.add_argument("--arms", type=int, nargs="+", help="sizes of single runs, instead")
    parser.add_argument("--repeats", type=int, default=12)
    options = parser.parse_args()
    if options.arms:
        return of_sizes(options)
    agent, taken = prune_agents.make(options.agent, keep_ratio=0.3), dict[int, Any]()
    many = {
        runs: gym.make_vec(options.env, runs, epochs=EPOCHS)
        if runs
        else gym.make(options.env, epochs=EPOCHS, disable_env_checker=True)
        for runs in options.runs
    }
    for _ in range(options.repeats):
        for runs, envs in many.items():
            for _ in range(1 if runs > 8 else 8):
                taken.setdefault(runs, []).append(episode(envs, agent))
    for runs, times in taken.items():
        alone = statistics.median(inside for inside, _ in times) / max(runs, 1)
        both = statistics.median(map(sum, times)) / max(runs, 1)
        print(f"M = {runs}: {1 / alone:.0f} episodes a CPU-second, with the agent {1 / both:.0f}")


if __name__ == "__main__":
    main()
