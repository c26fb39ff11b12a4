"""grad_match: matching pursuit by hand and from scratch, and what a round keeps."""

import numpy as np
import prune_agents
import pytest
from prune_agents.policies.grad_match import matching_pursuit

RNG = np.random.default_rng(8)


def from_scratch(atoms, count, ridge):
    """The authors' rule, a linear system a step; an arm that is let go has cost a step."""
    target, taken, weights = atoms.sum(axis=0), [], np.zeros(0)
    left = target
    for _ in range(count):
        gain = [float(a @ left) if i not in taken else -np.inf for i, a in enumerate(atoms)]
        if max(gain) <= 1e-12 * (target @ target):
            break
        taken.append(int(np.argmax(gain)))
        while True:
            own = atoms[taken]
            weights = np.linalg.solve(own @ own.T + ridge * np.eye(len(taken)), own @ target)
            if len(taken) == 1 or weights.min() >= 0:
                break
            del taken[int(weights.argmin())]
        left = target - atoms[taken].T @ weights
    found = np.zeros(len(atoms))
    found[taken] = weights
    return found


def test_one_atom_by_hand():
    """Of (3, 0), (0, 1) and (1, 1) the sum is (4, 2): 12, 2 and 6; weight 12 / (9 + 0.5)."""
    atoms = np.array([[3.0, 0], [0, 1], [1, 1]])
    np.testing.assert_allclose(matching_pursuit(atoms, 1, 0.5), [12 / 9.5, 0, 0])


@pytest.mark.parametrize("count", [3, 8, 20])
def test_many_atoms_as_from_scratch_on_heavy_tails(count):
    atoms = RNG.standard_t(1.5, (30, 6)) + 0.3
    found = matching_pursuit(atoms, count, 0.5)
    np.testing.assert_allclose(found, from_scratch(atoms, count, 0.5), atol=1e-7)
    assert 0 < np.count_nonzero(found) <= count
    target = atoms.sum(axis=0)
    error = np.linalg.norm(found @ atoms - target)
    lot = RNG.choice(30, count, replace=False)
    assert error < np.linalg.norm(atoms[lot].sum(axis=0) * 30 / count - target)
    assert error < np.linalg.norm(target)


def test_a_round_matches_class_by_class_and_fills_up_at_random(observe):
    """Arms of class 1 that are learned have no gradient: random arms take their places."""
    features = np.array([[2, 0], [0, 2], [1, 1], [3, 0], [1, 0], [0, 1], [1, 1], [5, 5]])
    label = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    confidence = np.array([0.5, 0.1, 0.9, 0.2, 1, 1, 1, 1])
    agent = prune_agents.make("grad_match", keep_ratio=0.5)
    assert agent.env_options(8) == {"feedback": "full", "refresh": 1}
    shown = {"features": features, "label": label, "confidence": confidence}
    first, state = agent.predict(observe(**shown, seen=np.zeros(8)))
    assert sorted(first.tolist()) == [0, 0, 0, 0, 1, 1, 1, 1]
    weights, _ = agent.predict(observe(**shown, seen=np.ones(8)), state)
    gradient = np.concatenate([np.ones((4, 1)), features[:4]], axis=1) * (confidence[:4, None] - 1)
    own = matching_pursuit(gradient, 2, 0.5)
    assert np.count_nonzero(own) == 2
    assert np.count_nonzero(weights[:4]) >= 2
    assert (weights > 0).sum() == 4
    expected = np.where(own > 0, own, 1)
    scale = 4 / (own.sum() + 2)  # two random arms with weight 1
    matched = own > 0
    np.testing.assert_allclose(weights[:4][matched], expected[matched] * scale, rtol=1e-5)
    assert weights.sum() == pytest.approx(4)


def test_hard_arms_weigh_in_by_their_error_not_by_their_confidence(observe):
    """Same features: the arm of the lowest confidence has the longest gradient."""
    agent = prune_agents.make("grad_match", keep_ratio=0.25)
    shown = {
        "features": np.ones((4, 3)),
        "label": np.zeros(4),
        "confidence": np.array([0.9, 0.2, 0.5, 0.99]),
    }
    _, state = agent.predict(observe(**shown, seen=np.zeros(4)))
    weights, _ = agent.predict(observe(**shown, seen=np.ones(4)), state)
    assert np.flatnonzero(weights).tolist() == [1]


def test_of_equal_gains_any_is_taken(observe):
    """Every sample is there twice: the first copies are no better than the second."""
    copies = np.zeros(2)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        agent = prune_agents.make("grad_match", keep_ratio=0.1, seed=seed)
        entries = {
            "features": np.tile(rng.random((20, 6)), (2, 1)),
            "confidence": np.tile(rng.random(20), 2),
            "label": np.zeros(40),
        }
        _, state = agent.predict(observe(**entries, seen=np.ones(40)), None)
        action, _ = agent.predict(observe(**entries, seen=np.ones(40)), state)
        copies += (action > 0).reshape(2, 20).sum(axis=1)
    assert copies.sum() == 240
    assert 80 < copies[0] < 160  # 120, and 5 standard deviations
