"""repb on a case worked by hand."""

import numpy as np
import prune_agents

MANY = 2000


def tile(*values):
    return np.tile(np.array(values, np.float32), (MANY, 1))


def test_stays_and_returns_and_weighs(observe):
    """Losses 1 2 6 9 of the arms kept in round 1 have mean 4.5: arms 2 and 3 stay for sure.

    Then losses 1 2 6 with arm 3 pruned: of the kept ones the mean is 3, arm 2 stays for sure. It
    is the third round; arms 0, 1, 3 have been kept once before, arm 2 twice: 3/2 3/2 3/3 3/2.
    """
    agent = prune_agents.make("repb", rho=0.4)
    first, state = agent.predict(observe(loss=tile(2.3, 2.3, 2.3, 2.3), pulls=tile(0, 0, 0, 0)))
    assert (first == 1).all()
    second, state = agent.predict(observe(loss=tile(1, 2, 6, 9), pulls=tile(1, 1, 1, 1)), state)
    assert set(np.unique(second)) == {0, 1}
    np.testing.assert_allclose(second.mean(axis=0), [0.6, 0.6, 1, 1], atol=0.04)

    entries = {"loss": tile(1, 2, 6, 9), "pulls": tile(1, 1, 2, 1), "seen": tile(1, 1, 1, 0)}
    third, _ = agent.predict(observe(**entries), state)
    np.testing.assert_allclose((third > 0).mean(axis=0), [0.6, 0.6, 1, 0.6], atol=0.04)
    np.testing.assert_allclose(third.max(axis=0), [1.5, 1.5, 1, 1.5])
    np.testing.assert_allclose(third[third > 0].min(), 1)


def test_after_full_rounds_all_arms_were_kept(observe):
    """The same losses, mean 4.5: arms 2 and 3 stay for sure as well."""
    agent = prune_agents.make("repb", rho=0.4, full_rounds=1)
    _, state = agent.predict(observe(loss=tile(2.3, 2.3, 2.3, 2.3), pulls=tile(0, 0, 0, 0)))
    second, _ = agent.predict(observe(loss=tile(1, 2, 6, 9), pulls=tile(1, 1, 1, 1)), state)
    np.testing.assert_allclose((second > 0).mean(axis=0), [0.6, 0.6, 1, 1], atol=0.04)


def test_means_are_of_batches(observe):
    """Losses 0, 1, 10, 11 in batches of two. All three ways to pair them are as likely.

    1 stays beside 0 only, in one of them, and 10 in the two others. In one batch of all, 10 and 11
    would always stay, and 1 never.
    """
    agent = prune_agents.make("repb", rho=0.999, batch_size=2)
    entries = {"pulls": tile(1, 1, 1, 1), "loss": tile(0, 1, 10, 11)}
    _, state = agent.predict(observe(**entries))
    kept, _ = agent.predict(observe(**entries), state)
    np.testing.assert_allclose((kept > 0).mean(axis=0), [0, 1 / 3, 2 / 3, 1], atol=0.04)


def test_the_weight_is_bounded(observe):
    """In round 10 an arm that is kept for the first time would weigh 10."""
    agent = prune_agents.make("repb", rho=0.0, max_weight=5.0)
    observation = observe(loss=[1.0, 1.0], pulls=[0.0, 4.0])
    _, state = agent.predict(observation)
    state["round"][:] = 9
    assert agent.predict(observation, state)[0].tolist() == [5, 2]
