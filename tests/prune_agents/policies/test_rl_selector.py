"""rl_selector: its reward by hand, one step by hand, and what it has learned in a plain case."""

import numpy as np
import prune_agents
import pytest
from prune_agents.policies.rl_selector import SIZES, spread
from prune_agents.tools.features import projected
from scipy.special import expit

from prune_env.core import perceptrons


def make(**options):
    return prune_agents.make("rl_selector", keep_ratio=0.3, **options)


def test_spread_by_hand():
    """
    Class  points    mean of the squares of the distances to the class, itself included
    0      0, 2, 4   20/3   8/3   20/3
    1      9, 9, 9   0      0     0       standardised: mean 8/3, deviation sqrt(80/9)
    """
    features = np.array([[0], [2], [4], [9], [9], [9]], np.float32)
    raw = np.array([20, 8, 20, 0, 0, 0]) / 3
    found = spread(features, np.array([0, 0, 0, 1, 1, 1]))
    np.testing.assert_allclose(found, (raw - 8 / 3) / np.sqrt(80 / 9), rtol=1e-6)


def test_spread_by_brute_force(rng):
    features, label = rng.standard_normal((30, 4)).astype(np.float32), rng.integers(3, size=30)
    raw = [
        np.mean([np.sum((features[j] - features[i]) ** 2) for j in np.flatnonzero(label == c)])
        for i, c in enumerate(label)
    ]
    expected = (raw - np.mean(raw)) / np.std(raw)
    np.testing.assert_allclose(spread(features, label), expected, atol=1e-5)


def test_projection_keeps_distances_more_or_less(rng):
    features = rng.standard_normal((200, 128)).astype(np.float32) * np.linspace(0, 2, 128)
    inputs = projected(features.astype(np.float32), 32, seed=1)
    assert np.square(inputs).mean() == pytest.approx(1, abs=0.2)
    before = np.linalg.norm(features[:100] - features[100:], axis=1)
    after = np.linalg.norm(inputs[:100] - inputs[100:], axis=1)
    assert np.corrcoef(before, after)[0, 1] > 0.4
    assert (after / before).std() < 0.2 * (after / before).mean()


def test_a_step_by_hand(rng):
    """
    A batch of one arm. Score 0, so it is kept with chance 0.5; E_c = 2, keep_ratio 0.3, align 1.
    Kept, the reward is 2 - (1 - 0.3) = 1.3, else 0; the critic expects 0. Gradients by the last
    bias: of the score 1.3 (1 - 0.5) = 0.65, of the value 1.3. A critic that expects 1 turns what
    is not kept into -1 * (0 - 0.5) = 0.5.
    """
    agent = make(steps=1, batch_size=1, lr=0.01, align=1.0)
    still = np.zeros((1, SIZES[0]), np.float32)
    for seed in range(4):
        for expected, by_score in ((0, (0.65, 0)), (1, (0.15, 0.5))):
            actor = np.zeros((1, len(perceptrons.initial(SIZES, rng))), np.float32)
            critic = actor.copy()
            critic[0, -1] = expected
            draw = np.random.default_rng(seed)
            draw.integers(1, size=1)
            kept = draw.random(1, np.float32)[0] < 0.5
            agent.teach(actor, critic, still, np.array([2.0]), np.random.default_rng(seed))
            assert actor[0, -1] == pytest.approx(0.01 * by_score[0 if kept else 1], abs=1e-6)
            advantage = (1.3 if kept else 0) - expected
            step = 0.01 * np.clip(advantage, -1, 1)  # a longer gradient is cut to 1
            assert critic[0, -1] == pytest.approx(expected + step, abs=1e-6)


def test_learns_to_keep_what_is_worth_it_and_how_much(rng):
    """Worth is linear in the features: scores must order the arms, and keep about 30 %."""
    inputs = rng.standard_normal((2000, SIZES[0])).astype(np.float32)
    worth = inputs[:, 0]
    agent = make(steps=300)
    state = agent.start(1, 2000)
    agent.teach(state["actor"], state["critic"], inputs, worth, rng)
    score = perceptrons.forward(state["actor"], SIZES, inputs[None])[-1][0, :, 0]
    assert np.corrcoef(score, worth)[0, 1] > 0.8
    assert expit(score).mean() == pytest.approx(0.3, abs=0.1)


def test_keeps_all_in_the_warm_up_and_then_k_arms_for_good(observe, rng):
    """Two classes, at (0, 0) and (20, 0), and 15 arms of each at a height of 8: those it keeps."""
    label = np.arange(100) % 2
    features = rng.standard_normal((100, 2)) * 0.1
    features[:, 0] += 20 * label
    features[:30, 1] += 8
    agent, state, kept = make(warmup=0.25), None, []
    for progress in (0, 0.125, 0.25, 0.375, 0.5):
        observation = observe(features=features, label=label, seen=np.ones(100))
        observation["progress"] = np.array([progress], np.float32)
        if progress > 0.25:
            observation["features"] = rng.permutation(observation["features"])  # too late
        action, state = agent.predict(observation, state)
        kept.append(action)
    assert [action.sum() for action in kept] == [100, 100, 30, 30, 30]
    np.testing.assert_array_equal(kept[2], kept[4])
    assert kept[2][:30].mean() > 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warmup": 0}, "warmup is 0; allowed is 0 < warmup < 1"),
        ({"warmup": 1.0}, "warmup is 1.0"),
        ({"steps": 0}, "steps is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"lr": 0}, "lr is 0"),
        ({"align": -1.0}, "align is -1.0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)
