"""ucb1 on a case worked by hand."""

import numpy as np
import prune_agents
import pytest

LOG_C = np.log(4)


def test_scores_by_hand(observe):
    """Four classes, so log C = 1.386. Before round t = 4, with c = 0.1:

    arm  losses / log C          n  m     bonus 0.1 sqrt(1.5 ln 4 / n)  score
    0    0.5, 0.5, 0.5           3  0.5   0.0833                        0.5833
    1    0.6, 0.4                2  0.5   0.1020                        0.6020
    2    2.0 (clipped to 1)      1  1     0.1442                        1.1442
    3    0.55                    1  0.55  0.1442                        0.6942
    """
    agent = prune_agents.make("ucb1", keep_ratio=0.5, c=0.1)
    _, state = agent.predict(observe(loss=np.full(4, LOG_C), seen=np.zeros(4)))
    for loss, seen in (
        ([0.5, 0.6, 2.0, 0.55], [1, 1, 1, 1]),
        ([0.5, 0.4, 0.0, 0.0], [1, 1, 0, 0]),
        ([0.5, 0.4, 0.0, 0.0], [1, 0, 0, 0]),
    ):
        action, state = agent.predict(observe(loss=np.multiply(loss, LOG_C), seen=seen), state)
    np.testing.assert_allclose(state["sum"], [[1.5, 1.0, 1.0, 0.55]], rtol=1e-6)
    assert state["count"].tolist() == [[3, 2, 1, 1]]
    assert action.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("c", "expected"), [(0.0, [1, 0]), (1.0, [0, 1])])
def test_the_bonus_brings_back_arms_that_are_seldom_observed(observe, c, expected):
    """Arm 0 has the higher mean, arm 1 a quarter of the observations."""
    agent = prune_agents.make("ucb1", keep_ratio=0.5, c=c)
    _, state = agent.predict(observe(loss=[LOG_C, LOG_C], seen=[0, 0]))
    for seen in ([1, 1], [1, 0], [1, 0], [1, 0]):
        action, state = agent.predict(observe(loss=[1.0, 0.8], seen=seen), state)
    assert action.tolist() == expected


def test_unseen_arms_go_first_and_log_c_is_read_off_them(observe):
    agent = prune_agents.make("ucb1", keep_ratio=0.5)
    _, state = agent.predict(observe(loss=np.full(4, LOG_C), seen=np.zeros(4)))
    assert state["log_classes"] == pytest.approx(LOG_C)
    action, _ = agent.predict(observe(loss=[9, 9, LOG_C, LOG_C], seen=[1, 1, 0, 0]), state)
    assert action.tolist() == [0, 0, 1, 1]


def play(agent, observe, *rounds):
    """The action and the state after the first, empty look and rounds of (loss / log C, seen)."""
    arms = len(rounds[0][0])
    _, state = agent.predict(observe(loss=np.full(arms, LOG_C), seen=np.zeros(arms)))
    for loss, seen in rounds:
        action, state = agent.predict(observe(loss=np.multiply(loss, LOG_C), seen=seen), state)
    return action.tolist(), state


@pytest.mark.parametrize(("c", "expected"), [(0.0, [1, 0, 1, 0]), (0.3, [0, 0, 1, 1])])
def test_ducb_by_hand(observe, c, expected):
    """Discount 0.5; t = 1.5 rounds, so the bonus is 2 c sqrt(0.6 ln 1.5 / n) = 0.986 c / sqrt n.

    arm  rewards    n    m      bonus at c = 0.3   score
    0    0.5, 0.5   1.5  0.5    0.242              0.742
    1    0.6, 0.4   1.5  0.467  0.242              0.708
    2    1          0.5  1      0.419              1.419
    3    0.45       0.5  0.45   0.419              0.869
    """
    agent = prune_agents.make("ducb", keep_ratio=0.5, c=c, discount=0.5)
    action, state = play(
        agent, observe, ([0.5, 0.6, 1, 0.45], [1, 1, 1, 1]), ([0.5, 0.4, 0, 0], [1, 1, 0, 0])
    )
    assert state["count"].tolist() == [[1.5, 1.5, 0.5, 0.5]]
    np.testing.assert_allclose(state["sum"], [[0.75, 0.7, 0.5, 0.225]], rtol=1e-6)
    assert action == expected


def test_the_bonus_of_ducb_does_not_grow_with_the_number_of_plays_a_round(observe):
    """A copy of each arm changes no score: 8 rounds, discount 0.95, t = 6.73."""
    scores = []
    for copies in (1, 1000):
        agent = prune_agents.make("ducb", keep_ratio=0.5)
        _, state = agent.predict(observe(loss=[LOG_C] * 2 * copies, seen=[0] * 2 * copies))
        for round_ in range(8):
            seen = np.repeat([1, round_ == 0], copies)
            loss = np.repeat([0.3 * LOG_C, 0.1 * LOG_C], copies)
            action, state = agent.predict(observe(loss=loss, seen=seen), state)
        assert state["rounds"] == pytest.approx((1 - 0.95**8) / 0.05)
        scores.append(action[::copies].tolist())
    assert scores[0] == scores[1] == [0, 1]
    # m + 2 sqrt(0.6 ln 6.73 / n): 0.3 + 2 * 0.412 = 1.124 against 0.1 + 2 * 1.279 = 2.66


@pytest.mark.parametrize(("c", "expected"), [(0.0, [1, 1, 1, 0]), (1.0, [1, 0, 1, 1])])
def test_swucb_by_hand(observe, c, expected):
    """Window 2: round 1 is forgotten, and with it the only look at arm 2, which goes first again.

    arm  rewards in 2, 3   n  m    bonus sqrt(0.6 ln 2 / n)   score at c = 1
    0    0.5, 0.5          2  0.5  0.456                      0.956
    1    0.4, 0.4          2  0.4  0.456                      0.856
    3    -, 0.3            1  0.3  0.645                      0.945
    """
    agent = prune_agents.make("swucb", keep_ratio=0.75, c=c, window=2)
    action, state = play(
        agent,
        observe,
        ([0.5, 0.6, 1, 0.45], [1, 1, 1, 1]),
        ([0.5, 0.4, 0, 0], [1, 1, 0, 0]),
        ([0.5, 0.4, 0, 0.3], [1, 1, 0, 1]),
    )
    assert state["count"].tolist() == [[2, 2, 0, 1]]
    np.testing.assert_allclose(state["sum"], [[1, 0.8, 0, 0.3]], rtol=1e-6)
    assert action == expected
