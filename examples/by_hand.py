"""The whole idea in one sitting: a network trains on what `ucb` keeps, with no environment.

python examples/by_hand.py

Arms are samples, a pull trains on one, its reward is the loss that it had. Every round the agent
sees the last loss of each arm that it kept and chooses anew; cost is what was trained, not epochs.
"""

import numpy as np
import prune_agents
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

ROUNDS, KEEP_RATIO, BATCH = 20, 0.3, 32

torch.set_num_threads(1)  # a network this small only waits for a second one
pixels, classes = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(pixels))
images = torch.tensor(pixels[order] / 16, dtype=torch.float32)
labels = torch.tensor(classes[order])
train, test = slice(0, 1_400), slice(1_400, None)
num_arms = 1_400


def run(name: str, seed: int) -> float:
    """The test accuracy of a network that was trained on what this agent kept."""
    torch_rng = torch.Generator().manual_seed(seed)
    first = torch.randn(64, 64, generator=torch_rng) / 8
    second = torch.randn(64, 10, generator=torch_rng) / 8
    weights = [first.requires_grad_(), second.requires_grad_()]
    optimizer = torch.optim.SGD(weights, lr=0.1, momentum=0.9, nesterov=True)

    def network(inputs: torch.Tensor) -> torch.Tensor:
        return torch.relu(inputs @ weights[0]) @ weights[1]

    agent, state = prune_agents.make(name, keep_ratio=KEEP_RATIO, seed=seed), None
    loss_of = np.full(num_arms, np.log(10), np.float32)  # as of a uniform guess over ten classes
    seen = np.zeros(num_arms, np.float32)  # 1: the loss is of the round that has just ended
    for _ in range(ROUNDS):
        action, state = agent.predict({"seen": seen, "loss": loss_of}, state)  # (N,) int8: 1 keeps
        arms = torch.tensor(np.flatnonzero(action))
        seen[:] = 0
        for batch in arms[torch.randperm(len(arms), generator=torch_rng)].split(BATCH):
            losses = cross_entropy(network(images[batch]), labels[batch], reduction="none")
            optimizer.zero_grad()
            losses.mean().backward()
            optimizer.step()
            loss_of[batch], seen[batch] = losses.detach().numpy(), 1  # measured anyway: it is free
    right = network(images[test]).argmax(1) == labels[test]
    return right.float().mean().item()


if __name__ == "__main__":
    print(f"{ROUNDS} rounds at keep {KEEP_RATIO:.0%}: the cost of {ROUNDS * KEEP_RATIO:g} epochs")
    for name in ("ucb", "epsilon_greedy", "random_dynamic", "static_random"):
        scores = [run(name, seed) for seed in range(10)]
        error = np.std(scores, ddof=1) / np.sqrt(len(scores))
        print(f"{name:15} {100 * np.mean(scores):.1f} ± {100 * error:.1f} % of test digits right")
