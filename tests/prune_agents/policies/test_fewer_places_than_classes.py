"""Policies that share places among classes, where a round has fewer places than classes."""

import numpy as np
import prune_agents
import pytest

CLASSES, ARMS = 20, 10
OPTIONS = {"class_quota": {"policy": "uncertainty"}}


@pytest.mark.parametrize("keep_ratio", [0.05, 0.15])
@pytest.mark.parametrize(
    "name", ["class_balanced", "class_quota", "odm", "arm_clusters", "grad_match"]
)
def test_no_class_is_passed_by_for_ever(name, keep_ratio, observe):
    """10 places for 20 classes, or 30: the same ten would have all of them, or twice as many."""
    num_arms = CLASSES * ARMS
    label = np.repeat(np.arange(CLASSES), ARMS)
    agent = prune_agents.make(name, keep_ratio=keep_ratio, **OPTIONS.get(name, {}))
    rng, state, pulls, seen = np.random.default_rng(0), None, np.zeros(CLASSES), np.zeros(num_arms)
    shown = {"features": rng.normal(size=(num_arms, 3)), "confidence": np.full(num_arms, 0.1)}
    rounds = 400
    for _ in range(rounds):
        loss = np.full(num_arms, np.log(CLASSES))
        observation = observe(loss=loss, label=label, seen=seen, **shown)
        action, state = agent.predict(observation, state)
        seen = (action[0] if action.ndim == 2 else action) > 0
        pulls += np.bincount(label[seen], minlength=CLASSES)
    expected = rounds * round(keep_ratio * num_arms) / CLASSES
    assert pulls.min() > (0.4 if name == "odm" else 0.8) * expected  # which prefers some by luck
