"""infomax: information alone, what arms share, and the solver in loops."""

import math

import numpy as np
import prune_agents
from prune_agents.policies.infomax import similarity
from prune_agents.prior import Traces

RNG = np.random.default_rng(9)


def kept(features, norm, k, **options):
    features, norm = np.array(features, np.float32), np.array(norm, np.float32)
    labels = np.zeros(len(norm), np.int64)
    traces = Traces({"error_norm": norm[None, None]}, 0, 0.0, 0.0, labels, features[None])
    agent = prune_agents.make("infomax", keep_ratio=k / len(norm), **options)
    return np.flatnonzero(agent.begin(traces)["subset"][0]).tolist()


TWINS = [[1, 0.01, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0.8, 0.6], [0, 0.6, -0.8]]
HARD = [1.0, 0.95, 0.9, 0.5, 0.6, 0.4]


def test_without_alpha_the_hardest_and_with_it_not_both_twins():
    assert kept(TWINS, HARD, 2, alpha=0.0, neighbours=1) == [0, 1]
    assert kept(TWINS, HARD, 2, alpha=1.0, neighbours=1) == [0, 2]


def test_similarity_is_symmetric_and_of_neighbours():
    """Arm 3's nearest is 4, whose nearest is 2; nobody shares less than nothing."""
    found = similarity(np.array(TWINS), 1).toarray()
    expected = np.zeros((6, 6))
    expected[0, 1] = expected[1, 0] = 1 / math.hypot(1, 0.01)
    expected[2, 4] = expected[4, 2] = 0.8
    expected[3, 4] = expected[4, 3] = expected[2, 5] = expected[5, 2] = 0.6
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_solver_in_loops_on_heavy_tails():
    features = RNG.standard_t(1.5, (40, 5))
    norm = np.minimum(RNG.lognormal(-2, 1.5, 40), 1.414).astype(np.float32)
    shared = similarity(features.astype(np.float32), 3).toarray().tolist()
    mean = sum(map(float, norm)) / 40
    information = [float(v) / mean for v in norm]

    def solved(sign):
        x = [13 / 40] * 40
        for _ in range(20):
            pull = [sum(s * b for s, b in zip(row, x, strict=True)) for row in shared]
            odds = [
                math.exp(i - sign * 2 * 0.4 * p) for i, p in zip(information, pull, strict=True)
            ]
            x = [13 * o / sum(odds) for o in odds]
        return sorted(sorted(range(40), key=lambda arm: -x[arm])[:13])

    found = kept(features, norm, 13, alpha=0.4, neighbours=3)
    assert found == solved(1)
    assert found != solved(-1)  # the mirror image: arms that share are worth more
    assert found != sorted(np.argsort(-norm)[:13].tolist())

    def objective(arms):
        return sum(information[a] - 0.4 * sum(shared[a][b] for b in arms) for a in arms)

    assert objective(found) > objective(np.argsort(-norm)[:13].tolist())
