"""data_agent: its reward by hand, its rounds, and what it has learned in a plain case."""

import math

import numpy as np
import prune_agents
import pytest
from prune_agents.policies.data_agent import standardised, useful


def of_predictions(p, label):
    """Loss, confidence and error norm of each row of probabilities."""
    p = np.array(p)
    own = p[np.arange(len(p)), label]
    error = p.copy()
    error[np.arange(len(p)), label] -= 1
    return -np.log(own), own, np.linalg.norm(error, axis=1)


def test_usefulness_by_hand():
    """H is -ln sum p^2; l is from 0 to 1, where the 0.95 quantile caps it; weights by variance."""
    p = [[0.5, 0.3, 0.2], [0.8, 0.1, 0.1], [1 / 3, 1 / 3, 1 / 3], [0.05, 0.9, 0.05]]
    loss, confidence, error_norm = of_predictions(p, [0, 0, 0, 0])
    found = useful(loss, confidence, error_norm, math.log(3))
    entropy = [-math.log(sum(q * q for q in row)) / math.log(3) for row in p]
    assert entropy[2] == pytest.approx(1)
    losses = sorted(-math.log(row[0]) for row in p)
    cap = losses[2] + 0.85 * (losses[3] - losses[2])  # 0.95 of 3 steps is 2.85
    relative = [(min(-math.log(row[0]), cap) - losses[0]) / (cap - losses[0]) for row in p]
    v = np.var(relative) / (np.var(relative) + np.var(entropy))
    expected = [v * r + (1 - v) * h for r, h in zip(relative, entropy, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_usefulness_of_a_batch_without_differences_is_its_entropy():
    loss, confidence, error_norm = of_predictions([[0.5, 0.5]] * 3, [0, 0, 0])
    np.testing.assert_allclose(useful(loss, confidence, error_norm, math.log(2)), 1)


def test_rewards_are_standardised_by_the_means_of_batches():
    """Means 2, 4 and 6: the deviation of the first two is 1, of all three sqrt(8 / 3)."""
    of_means = np.zeros(3)
    found = [standardised(np.array(r), of_means) for r in ([1.0, 3.0], [4.0, 4.0], [5.0, 7.0])]
    np.testing.assert_allclose(found[0], [-1, 1])
    np.testing.assert_allclose(found[1], [1, 1])
    np.testing.assert_allclose(found[2], np.array([1, 3]) / math.sqrt(8 / 3))


def shown(num_arms, round_, of, seen, rng):
    """Two kinds of arms, which their features tell: odd ones have high losses."""
    kind = np.arange(num_arms) % 2
    features = np.stack([kind, 1 - kind, np.ones(num_arms)], axis=1)
    features = features + 0.1 * rng.standard_normal(features.shape)
    confidence = np.where(kind == 1, 0.15, 0.95)
    return {
        "features": features,
        "loss": -np.log(confidence) if round_ else np.full(num_arms, math.log(2)),
        "confidence": confidence,
        "error_norm": math.sqrt(2) * (1 - confidence),
        "seen": seen,
        "progress": [round_ / of],
    }


def test_first_and_last_rounds_are_whole_and_the_others_weigh_1_over_keep_ratio(observe):
    agent = prune_agents.make("data_agent", keep_ratio=0.25)
    rng, state, seen = np.random.default_rng(0), None, np.zeros(40)
    for round_ in range(16):
        action, state = agent.predict(observe(**shown(40, round_, 16, seen, rng)), state)
        seen = (action > 0).astype(float)
        if round_ == 0 or round_ + 1 > 0.875 * 16:
            assert (action == 1).all()
        else:
            assert sorted(action.tolist()) == [0] * 30 + [4] * 10
            top = np.argsort(-state["score"][0])[:10]
            assert set(np.flatnonzero(action)) == set(top)


def test_the_loss_of_a_guess_is_read_off_the_first_round_of_full_ones_too(observe):
    agent = prune_agents.make("data_agent", keep_ratio=0.25, full_rounds=2)
    rng, state = np.random.default_rng(0), None
    for round_ in range(3):
        _, state = agent.predict(observe(**shown(40, round_, 16, np.ones(40), rng)), state)
    assert state["log_classes"].item() == pytest.approx(math.log(2))


def test_it_learns_to_draw_high_scores_for_useful_arms(observe):
    """Many small steps: of 128 arms, half are hard, and in the end nearly all kept ones are."""
    agent = prune_agents.make("data_agent", keep_ratio=0.25, batch_size=16, update_every=1)
    rng, state, shares = np.random.default_rng(0), None, []
    for round_ in range(30):
        action, state = agent.predict(observe(**shown(128, round_, 100, np.ones(128), rng)), state)
        shares.append(action[1::2].sum() / action.sum())
    assert shares[1] < 0.65
    assert np.mean(shares[-5:]) > 0.9
