"""infogrowth: gains by hand and by loops, and the two kinds of rounds."""

import math

import numpy as np
import prune_agents
import pytest
from prune_agents.policies import infogrowth
from prune_agents.prior import Prior, Traces

RNG = np.random.default_rng(5)
FEATURES = (RNG.standard_t(1.5, (50, 6)) * RNG.lognormal(0, 2, (50, 1))).astype(np.float32)


def cosine_distance(a, b):
    dot = sum(float(x) * float(y) for x, y in zip(a, b, strict=True))
    return 1 - dot / math.hypot(*map(float, a)) / math.hypot(*map(float, b))


@pytest.mark.parametrize("block", [7, 1024])
def test_a_gain_is_the_mean_distance_to_the_nearest_before(block, monkeypatch):
    """Of what comes later it knows nothing: the mirror image, all the others, differs."""
    monkeypatch.setattr(infogrowth, "BLOCK", block)
    gain = infogrowth.growth_gains(FEATURES, 4, np.random.default_rng(1))
    order = np.random.default_rng(1).permutation(50).tolist()
    others = []
    for place, arm in enumerate(order):
        distance = {b: cosine_distance(FEATURES[arm], FEATURES[b]) for b in order if b != arm}
        nearest = sorted(distance[b] for b in order[:place])[:4]
        expected = sum(nearest) / len(nearest) if nearest else 1
        assert gain[arm] == pytest.approx(expected, abs=1e-5)
        others.append(abs(sum(sorted(distance.values())[:4]) / 4 - expected))
    assert max(others) > 0.2


def begun(features, **options):
    agent = prune_agents.make("infogrowth", **options)
    traces = Traces({}, 0, 0.0, 0.0, np.zeros(len(features), np.int64), features[None])
    return agent, agent.begin(traces)


def test_gains_are_chances_with_the_99th_percentile_as_1():
    agent, state = begun(FEATURES, seed=4)
    assert agent.prior(8) == Prior(rounds=8, features=True)
    raw = infogrowth.growth_gains(FEATURES, 4, np.random.default_rng((4, 0x16)))
    expected = np.clip(raw / np.quantile(raw, 0.99), 0, 1)
    np.testing.assert_allclose(state["gain"][0], expected, rtol=1e-6)


def test_rounds_of_gain_and_rounds_of_the_others(observe):
    """40 arms on one point, 10 far from all: first the 10, and one of the 40; then the others."""
    features = np.zeros((50, 11), np.float32)
    features[:40, 10] = 1
    features[40:, :10] = np.eye(10)
    counts = np.zeros((4, 50))
    for seed in range(200):
        agent, state = begun(features, seed=seed)
        for row in counts:
            action, state = agent.predict(observe(seen=np.ones(50)), state)
            row += action / 200
    for first, second in ((0, 1), (2, 3)):
        np.testing.assert_allclose(counts[first, 40:], 1)
        assert 1 <= counts[first, :40].sum() < 4  # the first of them, and few that have less than
        np.testing.assert_allclose(counts[second, 40:], 0.1, atol=0.07)  # four of them before
        assert counts[second, :40].mean() > 0.93


def test_the_two_kinds_alternate_by_selections(observe):
    """A full round, then one choice for every two rounds: first the 10 arms far from all."""
    features = np.zeros((50, 11), np.float32)
    features[:40, 10] = 1
    features[40:, :10] = np.eye(10)
    agent, state = begun(features, period=2, full_rounds=1)
    kept = []
    for _ in range(5):
        action, state = agent.predict(observe(seen=np.ones(50)), state)
        kept.append((action[:40].mean() > 0.5, action[40:].mean() > 0.5))
    both, far, others = (True, True), (False, True), (True, False)
    assert kept == [both, far, far, others, others]


def test_it_says_what_to_do_where_there_was_no_prior_run(observe):
    with pytest.raises(ValueError, match=r"chooses by a prior run: pass state=agent.begin"):
        prune_agents.make("infogrowth").predict(observe(seen=np.ones(4)))


def test_where_chance_keeps_nothing_any_arm_is_kept(observe):
    """Gains of 1 come first; what is left to the others is nothing with a floor of 0."""
    kept = np.zeros(20)
    for seed in range(200):
        agent, state = begun(np.eye(20, dtype=np.float32), seed=seed, floor=0.0)
        for _ in range(2):
            action, state = agent.predict(observe(seen=np.ones(20)), state)
        assert action.sum() >= 1
        kept += action
    assert kept.max() < 40
