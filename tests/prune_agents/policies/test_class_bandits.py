"""odm and dump: their chances by hand, and rounds of both against plain restatements."""

import math
from statistics import fmean

import numpy as np
import prune_agents
import pytest
from prune_agents.policies.odm import exploration

from prune_env.core.selection import proportional

SIZES = (30, 20, 10)
LABEL = np.repeat(range(3), SIZES)
RNG = np.random.default_rng(3)
LOSS = (RNG.lognormal(0, 1, (12, 60)) * np.array([0.4, 1.0, 0.5])[LABEL]).astype(np.float32)


def play(agent, observe):
    """Chances, action and who was seen before it, a round; arm i shows LOSS[t, i] in round t."""
    now, seen, state = np.full(60, math.log(3), np.float32), np.zeros(60), None
    for losses in LOSS:
        action, state = agent.predict(observe(loss=now, label=LABEL, seen=seen), state)
        yield state["chance"][0, :3].tolist(), action, now, np.flatnonzero(seen)
        seen = action.astype(float)
        now = np.where(action == 1, losses, now)


def softmax(values):
    parts = [math.exp(v - max(values)) for v in values]
    return [p / sum(parts) for p in parts]


def test_odm_by_hand(observe):
    """2 classes of 4 arms, 2 batches of 4: e_1 = 1/2, e_2 = sqrt(ln 2 / 4) = 0.4163."""
    agent = prune_agents.make("odm", keep_ratio=0.5, batch_size=4)
    label = [0, 0, 0, 0, 1, 1, 1, 1]
    loss = [1.0, 3.0, 2.0, 2.0, 0.5, 0.5, 0.1, 0.9]
    _, state = agent.predict(observe(loss=np.ones(8), label=label, seen=np.zeros(8)))
    assert state["chance"][0, :2].tolist() == [0.5, 0.5]
    _, state = agent.predict(observe(loss=loss, label=label), state)
    # R = 2 * (2, 0.5) / (10 * 0.5) = (0.8, 0.2); odds 1 / (1 + exp(-0.5 * 0.6)) = 0.5744
    np.testing.assert_allclose(state["chance"][0, :2], [0.5125, 0.4875], atol=5e-5)


def test_odm_takes_what_was_seen_before_its_first_choice_as_drawn_evenly(observe):
    agent = prune_agents.make("odm", keep_ratio=0.5, batch_size=4)
    loss, label = [1.0, 3.0, 2.0, 2.0, 0.5, 0.5, 0.1, 0.9], [0, 0, 0, 0, 1, 1, 1, 1]
    _, state = agent.predict(observe(loss=loss, label=label))
    np.testing.assert_allclose(state["chance"][0, :2], [0.5125, 0.4875], atol=5e-5)


def test_the_exploration_of_odm():
    assert exploration(10, 0) == exploration(10, 23) == 0.1
    assert exploration(10, 24) == pytest.approx(math.sqrt(math.log(10) / 240))
    assert exploration(1, 5) == 0


def test_odm_follows_the_published_rule(observe):
    """A dictionary, a class at a time. Its mirror image, a reward of -loss, says otherwise."""
    agent = prune_agents.make("odm", keep_ratio=0.2, batch_size=2)
    chance, total, batches, differs = [1 / 3] * 3, [0.0] * 3, 0, 0
    mirror = [0.0] * 3
    for found, action, loss, seen in play(agent, observe):
        if len(seen):
            drawn = math.ceil(len(seen) / 2)
            batches += drawn
            for c in range(3):
                if own := [float(loss[arm]) for arm in seen if LABEL[arm] == c]:
                    total[c] += drawn * fmean(own) / (10 * chance[c])
                    mirror[c] -= drawn * fmean(own) / (10 * chance[c])
            now, before = (
                min(1 / 3, math.sqrt(math.log(3) / (3 * t))) for t in (batches, batches - 1)
            )
            chance = [(1 - 3 * now) * p + now for p in softmax([before * r for r in total])]
            other = [(1 - 3 * now) * p + now for p in softmax([before * r for r in mirror])]
            differs += abs(other[1] - chance[1]) > 0.1
        np.testing.assert_allclose(found, chance, rtol=1e-6)
        expected = proportional(np.array(chance), np.array(SIZES), 12)
        assert (abs(np.bincount(LABEL[action == 1], minlength=3) - expected) < 1).all()
    assert differs >= 5
    assert chance[1] == max(chance)  # the class of the high losses


def test_dump_by_hand(observe):
    """4 arms a class, so the bonus is the same; they moved by 0.25 and 0.05: 1 / (1 + e^-2)."""
    agent = prune_agents.make("dump", keep_ratio=0.25)
    label = [0, 0, 0, 0, 1, 1, 1, 1]
    _, state = agent.predict(observe(loss=np.ones(8), label=label, seen=np.zeros(8)))
    loss = [0.75, 0.75, 0.5, 1.0, 0.95, 0.9, 0.95, 1.0]
    _, state = agent.predict(observe(loss=loss, label=label), state)
    np.testing.assert_allclose(state["chance"][0, :2], [0.8808, 0.1192], atol=5e-5)


def test_dump_follows_the_published_rule(observe):
    """Loops over classes; the mirror image prefers the class that has settled."""
    agent = prune_agents.make("dump", keep_ratio=0.15)
    before, moved, count, differs = [1.0] * 60, [0.0] * 3, [0] * 3, 0
    for found, action, loss, seen in play(agent, observe):
        for c in range(3):
            own = [arm for arm in seen if LABEL[arm] == c]
            if own:
                reward = {arm: min(1.0, float(loss[arm]) / math.log(3)) for arm in own}
                moved[c] = fmean(abs(reward[arm] - before[arm]) for arm in own)
                count[c] += len(own)
                for arm in own:
                    before[arm] = reward[arm]
        total = max(1, sum(count))
        bonus = [math.sqrt(2 * math.log(total + 1) / (n + 1)) for n in count]
        chance = softmax([(a + b) / 0.1 for a, b in zip(moved, bonus, strict=True)])
        other = softmax([(b - a) / 0.1 for a, b in zip(moved, bonus, strict=True)])
        differs += max(abs(p - q) for p, q in zip(chance, other, strict=True)) > 0.1
        np.testing.assert_allclose(found, chance, rtol=1e-4)
        expected = proportional(np.array(chance), np.array(SIZES), 9)
        assert (abs(np.bincount(LABEL[action == 1], minlength=3) - expected) < 1).all()
    assert differs >= 5


@pytest.mark.parametrize("name", ["odm", "dump"])
def test_arms_of_a_class_are_equally_likely(name, observe):
    agent = prune_agents.make(name, keep_ratio=0.5)
    shown = {"loss": np.ones((4000, 8)), "label": np.tile([0] * 6 + [1] * 2, (4000, 1))}
    action, _ = agent.predict(observe(**shown, seen=np.zeros((4000, 8))))
    np.testing.assert_allclose(action.mean(axis=0), [2 / 6] * 6 + [1] * 2, atol=0.03)
