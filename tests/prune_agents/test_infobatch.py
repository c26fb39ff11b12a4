"""infobatch, infobatch_k, bls: the published rule on small tables of scores, by hand."""

import numpy as np
import prune_agents
import pytest

#        below the mean of 6        |  at it or above
LOSS = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 15.0]
MANY = 2000


def weights(agent, observe, loss, progress=0.5):
    """The weights that many runs side by side give to the same losses, (MANY, N)."""
    tiled = np.tile(loss, (MANY, 1))
    return agent.predict(observe(loss=tiled, progress=np.full((MANY, 1), progress)))[0]


@pytest.mark.parametrize(
    ("rho", "num_survivors", "weight"),
    [(0.5, 2, 2.0), (0.2, 4, 1.25), (0.75, 1, 4.0), (0.9, 0, 10.0), (0.0, 5, 1.0)],
)
def test_infobatch_keeps_floor_of_the_easy_and_reweights_them(observe, rho, num_survivors, weight):
    """L holds the 5 losses strictly below the mean: floor((1 - rho) 5) survive."""
    w = weights(prune_agents.make("infobatch", rho=rho), observe, LOSS)
    assert (w[:, 5:] == 1).all()
    assert ((w[:, :5] > 0).sum(axis=1) == num_survivors).all()
    np.testing.assert_allclose(w[:, :5][w[:, :5] > 0], weight, rtol=1e-6)
    np.testing.assert_allclose((w[:, :5] > 0).mean(axis=0), num_survivors / 5, atol=0.05)


def test_infobatch_keeps_all_in_the_first_round_and_in_the_last_eighth(observe):
    agent = prune_agents.make("infobatch")
    assert (weights(agent, observe, np.full(10, np.log(10))) == 1).all()
    for epoch, pruned in ((173, True), (174, True), (175, False), (199, False)):
        w = weights(agent, observe, LOSS, progress=epoch / 200)
        assert ((w == 0).any(axis=1) == pruned).all()  # epoch + 1 <= 0.875 * 200, counted from 0
        assert pruned or (w == 1).all()


def test_infobatch_leaves_the_expected_loss_as_it_is(observe):
    """10 easy arms of loss 0.1 to 1 and 10 of loss 2: the weighted sum is unbiased."""
    loss = np.concatenate([np.arange(1, 11) / 10, np.full(10, 2.0)])
    w = weights(prune_agents.make("infobatch", rho=0.5), observe, loss)
    np.testing.assert_allclose((w @ loss).mean(), loss.sum(), rtol=0.01)


@pytest.mark.parametrize(
    ("keep_ratio", "easy", "survivors", "weight"),
    [
        (0.8, 5, 3, 5 / 3),  # 2 of the 5 below the mean go
        (0.6, 5, 1, 5.0),  # 4 of 5 go: 0.8
        (0.5, 6, 1, 6.0),  # 5 of 5 would go; 5 / 0.9 = 5.6, so the 6 easiest are the easy ones
        (0.3, 8, 1, 8.0),  # 7 / 0.9 = 7.8
        (1.0, 5, 5, 1.0),
        (0.1, 10, 1, 1.0),  # all are easy
    ],
)
def test_infobatch_k_keeps_k_with_weights_of_mean_1(observe, keep_ratio, easy, survivors, weight):
    """`weight` is how much more a surviving easy arm counts than a hard one."""
    w = weights(prune_agents.make("infobatch_k", keep_ratio=keep_ratio), observe, LOSS)
    assert ((w > 0).sum(axis=1) == round(10 * keep_ratio)).all()
    assert ((w[:, :easy] > 0).sum(axis=1) == survivors).all()
    hard = keep_ratio if easy < 10 else 1.0
    np.testing.assert_allclose(w[:, easy:], hard, rtol=1e-6)
    np.testing.assert_allclose(w[:, :easy][w[:, :easy] > 0], weight * hard, rtol=1e-6)
    np.testing.assert_allclose(w.sum(axis=1), 10 * keep_ratio, rtol=1e-5)


def test_infobatch_k_where_rounding_leaves_less_than_a_tenth(observe):
    """round(0.1 * 1294) = 129 arms: 0.9003 of all are pruned, and nothing is left to be hard."""
    action, _ = prune_agents.make("infobatch_k", keep_ratio=0.1).predict(
        observe(loss=np.arange(1294) / 1000, progress=[0])
    )
    np.testing.assert_allclose(action[action > 0], np.ones(129), rtol=1e-6)


def test_bls_has_a_mean_for_each_batch(observe):
    """Losses 0, 0, 6, two of them in one batch: all three ways occur."""
    seen = set()
    for seed in range(30):
        agent = prune_agents.make("bls", batch_size=2, seed=seed)
        _, state = agent.predict(observe(loss=[2.3] * 3, seen=[0] * 3, progress=[0]))
        _, state = agent.predict(observe(loss=[0, 0, 6], progress=[0.5]), state)
        seen.add(tuple(state["mean"][0].tolist()))
    assert seen == {(0, 0, 6), (3, 0, 3), (0, 3, 3)}


def test_bls_averages_the_batch_loss(observe):
    """One batch holds all that is seen.

    round 1, all seen, losses 1 2 6:         L = 3, s = 3 3 3
    round 2, arms 0 and 1 seen, losses 0 2:  L = 1, s = 2.8 2.8 3 with smoothing 0.9
    mean 2.867: arms 0 and 1 are easy, arm 2 is kept for sure.
    """
    agent = prune_agents.make("bls", smoothing=0.9)
    progress = [0.5]
    _, state = agent.predict(observe(loss=[2.3] * 3, seen=[0, 0, 0], progress=[0]))
    action, state = agent.predict(observe(loss=[1, 2, 6], progress=progress), state)
    np.testing.assert_allclose(state["mean"], [[3, 3, 3]])
    assert action.tolist() == [1, 1, 1]
    action, state = agent.predict(observe(loss=[0, 2, 6], seen=[1, 1, 0], progress=progress), state)
    np.testing.assert_allclose(state["mean"], [[2.8, 2.8, 3]], rtol=1e-6)
    assert sorted(action[:2]) == [0, 2]
    assert action[2] == 1
