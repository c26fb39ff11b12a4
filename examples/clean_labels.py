"""Find wrong labels by a training, take them out, and train again: what does it gain?

python examples/clean_labels.py

A fifth of the labels of the digits are made wrong; validation and test are clean. A run on all arms
measures their losses in every round. The fifth of the highest mean loss goes, and so does, to
compare with, a random fifth. The second runs are of the same number of rounds, at 0.8 of the cost.
"""

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

NOISE, EPOCHS, SEEDS = 0.2, 30, 10


def train(keep: NDArray[np.bool_] | None, seed: int) -> tuple[float, NDArray[np.float64]]:
    """The test accuracy of a run on some arms, None: all, and (N,) their mean loss in nats."""
    env = gym.make(
        "prune_env:prune_env/Digits-v0", label_noise=NOISE, epochs=EPOCHS, signals=("loss",)
    )
    observation, info = env.reset(seed=seed)
    total, over = np.zeros(observation["loss"].shape), False
    action = np.ones(total.shape, np.int8) if keep is None else keep.astype(np.int8)
    while not over:
        observation, _, over, _, info = env.step(action)
        total += observation["loss"]
    return info["test_accuracy"], total / EPOCHS


def compare(seed: int) -> dict[str, float]:
    """The test accuracy of each of the three."""
    noisy, mean_loss = train(None, seed)
    kept = round(len(mean_loss) * (1 - NOISE))
    cleaned, at_random = np.zeros((2, len(mean_loss)), bool)
    cleaned[mean_loss.argsort()[:kept]] = True
    at_random[np.random.default_rng(seed).permutation(len(mean_loss))[:kept]] = True
    return {
        "all arms, a fifth of them wrong": noisy,
        "without the fifth of the highest loss": train(cleaned, seed + 100)[0],
        "without a random fifth": train(at_random, seed + 100)[0],
    }


if __name__ == "__main__":
    found = [compare(seed) for seed in range(SEEDS)]
    for name in found[0]:
        scores = [100 * of[name] for of in found]
        error = np.std(scores, ddof=1) / np.sqrt(SEEDS)
        print(f"{name:38} {np.mean(scores):.1f} ± {error:.1f} % of test digits right")
