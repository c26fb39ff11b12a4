"""forget_online on a case worked by hand."""

import numpy as np
import prune_agents


def test_counts_falls_from_right_to_wrong(observe):
    """Discount 0.5.

    arm  correct in rounds 1 to 4   f                          wrong   score
    0    1 0 1 1                    1 -> 0.5 -> 0.25           0       0.25
    1    1 1 1 0                    1                          1       2
    2    0 0 0 0                    0                          1       1
    3    1 0 - 1                    1 -> 0.5 (not seen in 3)   0       0.5
    4    1 1 1 1                    0                          0       0
    """
    agent = prune_agents.make("forget_online", keep_ratio=0.4, discount=0.5)
    _, state = agent.predict(observe(correct=np.zeros(5), seen=np.zeros(5)))
    for correct, seen in (
        ([1, 1, 0, 1, 1], [1, 1, 1, 1, 1]),
        ([0, 1, 0, 0, 1], [1, 1, 1, 1, 1]),
        ([1, 1, 0, 0, 1], [1, 1, 1, 0, 1]),
        ([1, 0, 0, 1, 1], [1, 1, 1, 1, 1]),
    ):
        action, state = agent.predict(observe(correct=correct, seen=seen), state)
    np.testing.assert_allclose(state["forgotten"], [[0.25, 1, 0, 0.5, 0]])
    assert state["correct"].tolist() == [[True, False, False, True, True]]
    assert action.tolist() == [0, 1, 1, 0, 0]


def test_the_unseen_go_first(observe):
    agent = prune_agents.make("forget_online", keep_ratio=0.5)
    action, _ = agent.predict(observe(correct=[0, 0, 0, 0], seen=[1, 1, 0, 0]))
    assert action.tolist() == [0, 0, 1, 1]
