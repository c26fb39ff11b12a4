"""Static policies against plain restatements of their published rules, on heavy tails.

Each restatement is a loop over one arm. Beside the rule stand its mirror images, which must keep
other arms of the same traces, or the test could not tell them apart.
"""

import math
from itertools import pairwise
from statistics import fmean, pstdev

import numpy as np
import prune_agents
import pytest
from prune_agents.prior import Traces

ROUNDS, ARMS, K = 7, 60, 17
RNG = np.random.default_rng(7)
LATE = np.linspace(0.1, 3.0, ROUNDS)[:, None] ** RNG.choice([-1, 1], ARMS)  # some rise, some fall
CONFIDENCE = (RNG.beta(0.3, 0.4, (ROUNDS, ARMS)) ** LATE).astype(np.float32)
TRACES = {
    "loss": (RNG.pareto(0.9, (ROUNDS, ARMS)) * LATE).astype(np.float32).clip(0, 100),
    "confidence": CONFIDENCE,
    "margin": (2 * CONFIDENCE - RNG.beta(2, 0.5, (ROUNDS, ARMS))).astype(np.float32).clip(-1, 1),
    "correct": (RNG.random((ROUNDS, ARMS)) < RNG.beta(0.5, 0.5, ARMS)).astype(np.float32),
    "error_norm": np.minimum(RNG.lognormal(-2, 1.5, (ROUNDS, ARMS)), 1.414).astype(np.float32),
    "gradient_norm": RNG.lognormal(0, 2, (ROUNDS, ARMS)).astype(np.float32),
    "divergence": (RNG.pareto(1.2, (ROUNDS, ARMS)) * LATE).astype(np.float32),
}


def forgetting(trace):
    """Toneva and data-diet: how often wrong after right, infinite where never right."""
    events = sum(a > b for a, b in pairwise(trace))
    return events if any(trace) else math.inf


def learning(trace):
    """The mirror image: how often right after wrong."""
    events = sum(a < b for a, b in pairwise(trace))
    return events if any(trace) else math.inf


def windows(trace, size):
    return [trace[first : first + size] for first in range(len(trace) - size + 1)]


def dyn_unc(trace):
    return fmean(pstdev(part) for part in windows(trace, 3))


def dual(trace):
    return fmean((1 - fmean(part)) * pstdev(part) for part in windows(trace, 3))


def easy_dual(trace):
    return fmean(fmean(part) * pstdev(part) for part in windows(trace, 3))


def norms(trace):
    """Of TDDS, with windows of 4 rounds, which hold 3 divergences; the first round has none."""
    parts = windows(trace[1:], 3)
    return [math.sqrt(sum((d - fmean(part)) ** 2 for d in part)) for part in parts]


def tdds(trace):
    found = norms(trace)
    return sum(0.9 * 0.1 ** (len(found) - 1 - k) * norm for k, norm in enumerate(found))


def oldest_tdds(trace):
    return sum(0.9 * 0.1**k * norm for k, norm in enumerate(norms(trace)))


CASES = [
    # policy, options, signal, its rule, mirror images of that
    ("el2n", {}, "error_norm", fmean, [lambda t: -fmean(t)]),
    ("el2n", {"over": "last"}, "error_norm", lambda t: t[-1], [lambda t: t[0], fmean]),
    ("grand", {}, "gradient_norm", fmean, [lambda t: -fmean(t)]),
    ("grand_full", {}, "gradient_norm", fmean, [lambda t: -fmean(t)]),
    ("aum", {}, "margin", lambda t: -fmean(t), [fmean]),
    ("cat", {}, "loss", pstdev, [fmean, lambda t: -pstdev(t)]),
    ("dyn_unc", {"window": 3}, "confidence", dyn_unc, [pstdev, lambda t: -dyn_unc(t)]),
    ("dual", {"window": 3, "sampling": "top"}, "confidence", dual, [easy_dual, dyn_unc]),
    ("tdds", {"window": 4}, "divergence", tdds, [oldest_tdds, lambda t: sum(norms(t))]),
]


def kept(name, signals, **options):
    traces = {n: a[None] for n, a in signals.items()}
    labels = np.zeros(ARMS, np.int64)
    agent = prune_agents.make(name, keep_ratio=K / ARMS, **options)
    return set(np.flatnonzero(agent.begin(Traces(traces, 0, 0.0, 0.0, labels))["subset"][0]))


def top(rule, table):
    scores = [rule([float(x) for x in table[:, arm]]) for arm in range(ARMS)]
    return set(sorted(range(ARMS), key=lambda arm: -scores[arm])[:K])


@pytest.mark.parametrize(("name", "options", "signal", "rule", "mirrors"), CASES)
def test_keeps_the_top_of_the_published_score(name, options, signal, rule, mirrors):
    table = TRACES[signal]
    own = {"gradient_norm_all": table} if name == "grand_full" else {signal: table}
    assert kept(name, own, **options) == top(rule, table)
    for mirror in mirrors:
        assert len(top(mirror, table) & top(rule, table)) < K


def test_forgetting_counts_what_is_lost_and_never_learned_is_infinite():
    """Counts tie, so they are compared: what is kept was forgotten as often as all that is not."""
    table = TRACES["correct"]
    events = [forgetting([float(x) for x in table[:, arm]]) for arm in range(ARMS)]
    chosen = kept("forgetting", {"correct": table})
    least = min(events[arm] for arm in chosen)
    assert all(events[arm] <= least for arm in set(range(ARMS)) - chosen)
    assert {arm for arm in range(ARMS) if events[arm] == math.inf} < chosen
    # The arms of DeepCore, CCS and DUAL, which give 0 for never learned, and of the mirror image.
    zero = [0 if count == math.inf else count for count in events]
    gained = [learning([float(x) for x in table[:, arm]]) for arm in range(ARMS)]
    for other in (zero, gained):
        bar = sorted(other)[-K]
        assert any(other[arm] < bar for arm in chosen)


def test_ccs_leaves_out_the_lowest_margins_and_cuts_strata_from_the_rest():
    """The authors' rule in loops: of 60 arms the 6 of lowest margin go, 17 of 54 are kept."""
    margin = [fmean(float(x) for x in TRACES["margin"][:, arm]) for arm in range(ARMS)]
    by_margin = sorted(range(ARMS), key=lambda arm: margin[arm])
    left = by_margin[6:]
    low, high = margin[left[0]], margin[left[-1]]
    strata = [[] for _ in range(10)]
    for arm in left:
        strata[min(9, int((margin[arm] - low) / (high - low) * 10))].append(arm)
    places, quota = K, {}
    for done, number in enumerate(sorted(range(10), key=lambda s: len(strata[s]))):
        quota[number] = min(len(strata[number]), places // (10 - done))
        places -= quota[number]
    chosen = kept("ccs", {"margin": TRACES["margin"]}, beta=0.1, strata=10)
    assert [len(chosen & set(stratum)) for stratum in strata] == [quota[s] for s in range(10)]
    assert not chosen & set(by_margin[:6])
    assert len({len(stratum) for stratum in strata}) > 3  # no two rules would share so equally


def test_dual_turns_to_easier_arms_the_fewer_are_kept():
    """The odds are those of the rule; the arm that they like best is easier at 5 % than at 70 %."""
    confidence = TRACES["confidence"]
    score = [dual([float(x) for x in confidence[:, arm]]) for arm in range(ARMS)]
    ease = [fmean(float(x) for x in confidence[:, arm]) for arm in range(ARMS)]
    m = fmean(ease[arm] for arm in sorted(range(ARMS), key=lambda arm: -score[arm])[:10])
    drawn = []
    for keep in (0.05, 0.3, 0.7):
        b = 15 * (1 - m) * (1 - (1 - keep) ** 4)
        a = 16 - b
        odds = [s * x ** (a - 1) * (1 - x) ** (b - 1) for s, x in zip(score, ease, strict=True)]
        agent = prune_agents.make("dual", keep_ratio=keep)
        found = np.exp(agent.log_odds(np.array(score), np.array(ease)))
        np.testing.assert_allclose(found / found.sum(), np.array(odds) / sum(odds), rtol=1e-6)
        drawn.append(sum(o * x for o, x in zip(odds, ease, strict=True)) / sum(odds))
    assert drawn[0] > drawn[1] > drawn[2]
