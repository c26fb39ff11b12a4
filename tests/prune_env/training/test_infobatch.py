"""A loop with `infobatch` against InfoBatch's rule, restated here: 1,000 draws."""

from __future__ import annotations

import numpy as np
import prune_agents
import torch

from prune_env.training import Pruned

NUM_ARMS, DRAWS, RATIO = 60, 1_000, 0.5


class Restated:
    """The rule of arXiv 2303.04947 as its authors run it, for one data set.

    Samples whose last loss is below the mean of all are well learned. Of those a share is left out
    by chance, and the loss of the others counts 1 / (1 - share) times. All begin at an equal score.
    """

    def __init__(self) -> None:
        self.scores = np.full(NUM_ARMS, 3.0)
        self.rng = np.random.default_rng(99)

    def draw(self) -> tuple[np.ndarray, np.ndarray]:
        """Which samples an epoch has, and the weight of every sample."""
        well_learned = self.scores < self.scores.mean()
        indices = np.flatnonzero(well_learned)
        count = int((1 - RATIO) * len(indices))
        selected = self.rng.choice(indices, count, replace=False)
        weights = np.ones(NUM_ARMS)
        weights[selected] = 1 / (1 - RATIO)
        kept = ~well_learned
        kept[selected] = True
        return kept, weights

    def update(self, arms: np.ndarray, losses: np.ndarray) -> None:
        self.scores[arms] = losses


def test_the_same_counts_and_weights_over_a_thousand_draws():
    agent = prune_agents.make("infobatch", rho=RATIO, delta=1.0)
    pruned, rule = Pruned([0.0] * NUM_ARMS, agent, epochs=DRAWS, quiet=True), Restated()
    rng = np.random.default_rng(1)
    easy, survived = np.zeros(NUM_ARMS), np.zeros(NUM_ARMS)
    for _ in range(DRAWS):
        arms = np.array(list(pruned.sampler))
        kept, weights = rule.draw()
        well_learned = rule.scores < rule.scores.mean()
        assert len(arms) == kept.sum()
        mine = np.zeros(NUM_ARMS, bool)
        mine[arms] = True
        np.testing.assert_array_equal(mine & ~well_learned, kept & ~well_learned)
        assert (mine & well_learned).sum() == (kept & well_learned).sum()

        losses = rng.gamma(1.0, 1.0 + np.arange(NUM_ARMS) % 3)[arms]
        scalar = pruned.record(torch.from_numpy(arms), torch.from_numpy(losses))
        of_mine = np.where(well_learned, 1 / (1 - RATIO), 1.0)[arms]
        np.testing.assert_allclose(scalar, (of_mine * losses).sum() / len(arms), rtol=1e-6)
        assert sorted(of_mine) == sorted(weights[kept])
        rule.update(arms, losses.astype(np.float32))
        easy += well_learned
        survived += mine & well_learned
    share = survived.sum() / easy.sum()
    assert abs(share - RATIO) < 0.02  # floor leaves a little less than the ratio
    deviations = (survived - easy * share) / np.sqrt(easy * share * (1 - share))
    assert np.abs(deviations).max() < 4.5  # and every arm is drawn as often as any other
