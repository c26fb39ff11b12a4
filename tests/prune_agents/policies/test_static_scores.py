"""Each static policy on a case worked by hand, or by loops over its published rule."""

import numpy as np
import prune_agents
import pytest
from prune_agents.policies.ccs import stratum_quotas
from prune_agents.policies.static import highest
from prune_agents.prior import Traces
from prune_agents.tools import difficulty
from scipy import stats


def kept(name, traces, **options):
    """The arms that a policy keeps after prior runs: name -> (P, N) or (R, P, N)."""
    signals = {n: np.array(a, np.float32) for n, a in traces.items()}
    signals = {n: a if a.ndim == 3 else a[None] for n, a in signals.items()}
    state = prune_agents.make(name, **options).begin(
        Traces(signals, 0, 0.0, 0.0, np.zeros(next(iter(signals.values())).shape[-1], np.int64))
    )
    return set(np.flatnonzero(state["subset"][0]).tolist())


# -- forgetting -----------------------------------------------------------------------------------

CORRECT = np.array(
    [  # arm by arm: right in round 1, 2, ...    forgotten
        [1, 1, 1, 1, 1],  #                       0
        [0, 1, 0, 1, 1],  #                       1
        [1, 0, 1, 0, 0],  #                       2
        [0, 0, 0, 0, 0],  # never learned         inf
        [1, 1, 1, 1, 0],  #                       1
        [0, 0, 0, 0, 1],  # learned at the end    0
    ]
).T


def test_forgetting_counts_right_to_wrong_and_never_learned_is_infinite():
    events = difficulty.forgetting_events(CORRECT.astype(np.float32))
    assert events.tolist() == [0, 1, 2, np.inf, 1, 0]


def test_forgetting_keeps_the_never_learned_then_the_most_forgotten():
    assert kept("forgetting", {"correct": CORRECT}, keep_ratio=1 / 3) == {2, 3}
    assert kept("forgetting", {"correct": CORRECT}, keep_ratio=2 / 3) == {1, 2, 3, 4}


def test_forgetting_leaves_ties_to_chance():
    third = [kept("forgetting", {"correct": CORRECT}, keep_ratio=0.5, seed=s) for s in range(200)]
    assert all(chosen - {1, 4} == {2, 3} for chosen in third)
    assert 70 < sum(1 in chosen for chosen in third) < 130


# -- el2n and grand -------------------------------------------------------------------------------

PROBABILITIES = np.array(
    [  # two runs of two rounds, four arms, three classes
        [
            [[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.4, 0.4, 0.2]],
            [[0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.2, 0.7, 0.1]],
        ],
        [
            [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.2, 0.2, 0.6], [0.3, 0.3, 0.4]],
            [[0.8, 0.1, 0.1], [0.3, 0.4, 0.3], [0.1, 0.0, 0.9], [0.1, 0.8, 0.1]],
        ],
    ]
)
LABELS = [0, 1, 2, 0]


def error_norm(p, label):
    return sum((p[c] - (c == label)) ** 2 for c in range(3)) ** 0.5


def test_el2n_is_the_mean_error_norm_over_runs_and_rounds():
    """
    Arm   squared norms: run 1       run 2         mean of their roots   of the last rounds
    0     0.26   0.02                0.50   0.06   0.4008                0.193
    1     0.14   0.06                0.00   0.54   0.3385                0.490
    2     0.06   0.54                0.24   0.02   0.4028                0.438
    3     0.56   1.14                0.74   1.46   0.9711                1.138
    """
    table = np.array(
        [
            [[error_norm(p, y) for p, y in zip(part, LABELS, strict=True)] for part in run]
            for run in PROBABILITIES
        ]
    )
    np.testing.assert_allclose(table[0] ** 2, [[0.26, 0.14, 0.06, 0.56], [0.02, 0.06, 0.54, 1.14]])
    scores = prune_agents.make("el2n", prior_runs=2).prior_scores({"error_norm": table})
    np.testing.assert_allclose(scores.mean(axis=0), [0.4008, 0.3385, 0.4028, 0.9711], atol=5e-5)
    assert kept("el2n", {"error_norm": table}, keep_ratio=0.5) == {2, 3}
    assert kept("el2n", {"error_norm": table}, keep_ratio=0.5, over="last") == {1, 3}


def test_the_very_highest_scores_can_be_left_out():
    scores = [[5.0, 1.0, 3.0, 2.0, 4.0]]
    assert kept("el2n", {"error_norm": scores}, keep_ratio=0.4, offset=0.2) == {2, 4}
    # At most three of five can be left out when two are to be kept.
    assert kept("el2n", {"error_norm": scores}, keep_ratio=0.4, offset=0.8) == {1, 3}


def test_grand_keeps_the_highest_gradient_norms():
    signal = [[3.0, 0.0, 1.0, 2.0], [0.0, 0.0, 4.0, 0.5]]  # means 1.5, 0, 2.5, 1.25
    assert kept("grand", {"gradient_norm": signal}, keep_ratio=0.5) == {0, 2}
    assert kept("grand_full", {"gradient_norm_all": signal}, keep_ratio=0.5) == {0, 2}


# -- aum, cat, dyn_unc, tdds ----------------------------------------------------------------------


def test_aum_keeps_the_lowest_mean_margins():
    margin = [[0.9, -0.5, 0.2, 0.0], [0.9, -0.9, -0.6, 0.4]]  # means 0.9, -0.7, -0.2, 0.2
    assert kept("aum", {"margin": margin}, keep_ratio=0.5) == {1, 2}
    assert kept("aum", {"margin": margin}, keep_ratio=0.5, offset=0.25) == {2, 3}


def test_cat_keeps_the_losses_that_vary_most():
    loss = [[2.0, 1.0, 3.0, 0.0], [2.0, 2.0, 0.0, 0.0], [2.0, 3.0, 0.0, 0.5]]
    # variances 0, 2/3, 2, 1/18
    assert kept("cat", {"loss": loss}, keep_ratio=0.25) == {2}
    assert kept("cat", {"loss": loss}, keep_ratio=0.5) == {1, 2}


CONFIDENCE = np.array(
    [  # arm by arm        windows of 2: mean, deviation          dual
        [0.5, 0.7, 0.5, 0.7],  # 0.6 0.1, 0.6 0.1, 0.6 0.1        0.4 * 0.1 = 0.04
        [0.1, 0.3, 0.1, 0.3],  # 0.2 0.1, 0.2 0.1, 0.2 0.1        0.8 * 0.1 = 0.08
        [0.9, 0.9, 0.9, 0.9],  # 0.9 0.0, 0.9 0.0, 0.9 0.0        0
        [0.2, 0.8, 0.8, 0.8],  # 0.5 0.3, 0.8 0.0, 0.8 0.0        0.5 * 0.3 / 3 = 0.05
    ]
).T


def test_dyn_unc_is_the_mean_deviation_in_sliding_windows():
    np.testing.assert_allclose(difficulty.mean_deviation(CONFIDENCE, 2), [0.1, 0.1, 0, 0.1])
    # In windows of 3 arm 3 has deviations of 0.2 sqrt 2 and 0; arms 0 and 1 of 0.2 sqrt 2 / 3.
    expected = np.sqrt(2) * np.array([0.2 / 3, 0.2 / 3, 0, 0.1])
    np.testing.assert_allclose(difficulty.mean_deviation(CONFIDENCE, 3), expected)
    assert kept("dyn_unc", {"confidence": CONFIDENCE}, keep_ratio=0.25, window=3) == {3}


def test_tdds_sums_the_norms_of_the_centred_divergences_newest_heaviest():
    rng = np.random.default_rng(1)
    rounds, arms, window, decay = 6, 5, 3, 0.9
    p = rng.dirichlet(np.ones(4), (rounds, arms))
    expected = []
    for arm in range(arms):
        d = [
            sum(p[t, arm, c] * abs(np.log(p[t, arm, c] / p[t - 1, arm, c])) for c in range(4))
            for t in range(1, rounds)
        ]
        score = 0
        for k in range(rounds - window + 1):  # the authors' exponent, windows counted from 0
            part = d[k : k + window - 1]
            mean = sum(part) / len(part)
            norm = sum((x - mean) ** 2 for x in part) ** 0.5
            score += norm * decay * (1 - decay) ** (rounds - window - k)
        expected.append(score)
    divergence = np.zeros((1, rounds, arms))
    divergence[0, 1:] = (p[1:] * abs(np.log(p[1:]) - np.log(p[:-1]))).sum(axis=2)
    agent = prune_agents.make("tdds", window=window)
    np.testing.assert_allclose(agent.prior_scores({"divergence": divergence})[0], expected)
    best = set(np.argsort(expected)[-2:].tolist())
    assert kept("tdds", {"divergence": divergence}, keep_ratio=0.4, window=window) == best


def test_tdds_by_hand_prefers_what_moves_late():
    """Windows of 3 rounds hold two values of d, so a norm is |d - d'| / sqrt 2; the decay is 0.9.

    arm  d_1 .. d_4     norms times sqrt 2  score times sqrt 2
    0    9  0  0  0.1   9   0   0.1         0.009 * 9 + 0.09 * 0   + 0.9 * 0.1 = 0.171
    1    0  0  0  0.3   0   0   0.3                                  0.9 * 0.3 = 0.27
    2    0  3  3  3     3   0   0           0.009 * 3                          = 0.027
    """
    d = np.array([[9, 0, 0, 0.1], [0, 0, 0, 0.3], [0, 3, 3, 3]]).T
    divergence = np.concatenate([np.zeros((1, 3)), d])[None]
    scores = prune_agents.make("tdds", window=3).prior_scores({"divergence": divergence})[0]
    np.testing.assert_allclose(scores * np.sqrt(2), [0.171, 0.27, 0.027])
    assert kept("tdds", {"divergence": divergence}, keep_ratio=1 / 3, window=3) == {1}


# -- dual -----------------------------------------------------------------------------------------


def test_dual_is_difficulty_times_deviation_in_sliding_windows():
    score = difficulty.difficulty_times_deviation(CONFIDENCE, 2)
    np.testing.assert_allclose(score, [0.04, 0.08, 0, 0.05], atol=1e-12)
    top = {"keep_ratio": 0.5, "window": 2, "sampling": "top"}
    assert kept("dual", {"confidence": CONFIDENCE}, **top) == {1, 3}


@pytest.mark.parametrize("keep_ratio", [0.1, 0.3, 0.7])
def test_dual_draws_with_odds_of_the_score_times_a_beta_density(keep_ratio):
    rng = np.random.default_rng(0)
    score, easiness = rng.uniform(0.01, 0.1, 30), rng.uniform(0.05, 0.95, 30)
    hardest = sorted(range(30), key=lambda i: -score[i])[:10]
    m = sum(easiness[i] for i in hardest) / 10
    b = 15 * (1 - m) * (1 - (1 - keep_ratio) ** 4)
    odds = score * stats.beta(16 - b, b).pdf(easiness)
    found = np.exp(prune_agents.make("dual", keep_ratio=keep_ratio).log_odds(score, easiness))
    np.testing.assert_allclose(found / found.sum(), odds / odds.sum(), rtol=1e-6)


def test_dual_draws_one_arm_as_often_as_its_odds_say():
    """Keep 1 of 4: m = mean p[y] of all four = 0.5875, b = 15 * 0.4125 * (1 - 0.75^4)."""
    score, easiness = np.array([0.04, 0.08, 0, 0.05]), np.array([0.6, 0.2, 0.9, 0.65])
    b = 15 * 0.4125 * (1 - 0.75**4)
    odds = score * easiness ** (15 - b) * (1 - easiness) ** (b - 1)
    options = {"keep_ratio": 0.25, "window": 2}
    draws = [kept("dual", {"confidence": CONFIDENCE}, seed=seed, **options) for seed in range(400)]
    counts = [sum(arm in chosen for chosen in draws) for arm in range(4)]
    np.testing.assert_allclose(np.array(counts) / 400, odds / odds.sum(), atol=0.07)


# -- ccs ------------------------------------------------------------------------------------------


def test_ccs_serves_the_smallest_strata_first():
    """
    Places left   strata left   floor   size   gets
    6             4             1       1      1
    5             3             1       2      1
    4             2             2       2      2
    2             1             2       6      2
    """
    assert stratum_quotas(np.array([6, 2, 1, 2]), 6).tolist() == [2, 1, 1, 2]
    assert stratum_quotas(np.array([6, 2, 1, 2]), 9).tolist() == [4, 2, 1, 2]
    assert stratum_quotas(np.array([6, 0, 1, 2]), 9).tolist() == [6, 0, 1, 2]


def test_ccs_leaves_out_the_hardest_and_spreads_over_strata_of_equal_width():
    """Of 12 arms arm 0 is left out; four strata of width 0.1 hold 6, 2, 1 and 2 of the others."""
    margin = np.array([-1, 0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.15, 0.16, 0.25, 0.35, 0.4])
    traces = {"margin": np.stack([margin - 0.1, margin + 0.1])}
    options = {"keep_ratio": 0.5, "beta": 1 / 12, "strata": 4}
    seen = set()
    for seed in range(60):
        chosen = kept("ccs", traces, seed=seed, **options)
        strata = [{1, 2, 3, 4, 5, 6}, {7, 8}, {9}, {10, 11}]
        assert [len(chosen & stratum) for stratum in strata] == [2, 1, 1, 2]
        seen |= chosen
    assert seen == set(range(1, 12))


@pytest.mark.parametrize(("k", "beta"), [(20, 0.1), (60, 0.3), (170, 0.1), (190, 0.5)])
def test_ccs_by_brute_force(k, beta):
    """The authors' rule as loops: how many of each of 50 strata are kept."""
    margin = np.random.default_rng(0).beta(4, 1, 200).astype(np.float32)
    by_margin = sorted(range(200), key=lambda i: margin[i])
    left = by_margin[min(round(beta * 200), 200 - k) :]
    low, high = float(margin[left[0]]), float(margin[left[-1]])
    strata = [[] for _ in range(50)]
    for arm in left:
        strata[min(49, int((float(margin[arm]) - low) / ((high - low) / 50)))].append(arm)
    places, quotas = k, {}
    for rank, stratum in enumerate(sorted(range(50), key=lambda s: len(strata[s]))):
        quotas[stratum] = min(len(strata[stratum]), places // (50 - rank))
        places -= quotas[stratum]
    assert places == 0
    chosen = kept("ccs", {"margin": margin[None]}, keep_ratio=k / 200, beta=beta)
    assert chosen <= set(left)
    assert [len(chosen & set(strata[s])) for s in range(50)] == [quotas[s] for s in range(50)]


def test_highest_leaves_equals_to_chance(rng):
    counts = sum(highest(np.array([1.0, 0, 0, 0]), 2, rng).astype(int) for _ in range(600))
    assert counts[0] == 600
    np.testing.assert_allclose(counts[1:], 200, atol=50)
