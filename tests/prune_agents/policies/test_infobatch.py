"""infobatch, infobatch_k, bls: the published rule on small tables of scores, by hand."""

import numpy as np
import prune_agents
import pytest

#        below the mean of 6        |  at it or above
LOSS = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 15.0]
MANY = 2000


@pytest.fixture
def weights(observe, at_round):
    """The weights that many runs side by side give to the same losses, (MANY, N)."""

    def weigh(agent, loss, round_=100, of=200, many=MANY):
        return at_round(agent, observe(loss=np.tile(loss, (many, 1))), round_, of)[0]

    return weigh


@pytest.mark.parametrize(
    ("rho", "num_survivors", "weight"),
    [(0.5, 2, 2.0), (0.2, 4, 1.25), (0.75, 1, 4.0), (0.9, 0, 10.0), (0.0, 5, 1.0)],
)
def test_infobatch_keeps_floor_of_the_easy_and_reweights_them(weights, rho, num_survivors, weight):
    """L holds the 5 losses strictly below the mean: floor((1 - rho) 5) survive."""
    w = weights(prune_agents.make("infobatch", rho=rho), LOSS)
    assert (w[:, 5:] == 1).all()
    assert ((w[:, :5] > 0).sum(axis=1) == num_survivors).all()
    np.testing.assert_allclose(w[:, :5][w[:, :5] > 0], weight, rtol=1e-6)
    np.testing.assert_allclose((w[:, :5] > 0).mean(axis=0), num_survivors / 5, atol=0.05)


def test_infobatch_keeps_all_in_the_first_round(weights):
    assert (weights(prune_agents.make("infobatch"), np.full(10, np.log(10)), round_=0) == 1).all()


@pytest.mark.parametrize(
    ("of", "delta", "last"),
    [
        (200, 0.875, 174),  # epoch + 1 <= 175, counted from 0
        (8, 0.875, 6),  # <= 7
        (10, 0.875, 7),  # <= 8.75
        (90, 0.875, 77),  # <= 78.75
        (9, 2 / 3, 5),  # <= 6
        (7, 0.3, 1),  # <= 2.1
        (30, 1.0, 29),
    ],
)
@pytest.mark.parametrize("name", ["infobatch", "seta"])
def test_pruning_ends_where_the_authors_end_it(weights, name, of, delta, last):
    agent = prune_agents.make(name, delta=delta)
    whole = len(LOSS) * (0.9 if name == "seta" else 1)  # seta goes on with its random pool
    for epoch in (last, min(last + 1, of - 1), of - 1):
        kept = (weights(agent, LOSS, epoch, of, many=20) > 0).sum(axis=1)
        assert ((kept < whole) == (epoch <= last)).all()
        assert epoch <= last or (kept == whole).all()


def test_infobatch_leaves_the_expected_loss_as_it_is(weights):
    """10 easy arms of loss 0.1 to 1 and 10 of loss 2: the weighted sum is unbiased."""
    loss = np.concatenate([np.arange(1, 11) / 10, np.full(10, 2.0)])
    w = weights(prune_agents.make("infobatch", rho=0.5), loss)
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
def test_infobatch_k_keeps_k_with_weights_of_mean_1(weights, keep_ratio, easy, survivors, weight):
    """`weight` is how much more a surviving easy arm counts than a hard one."""
    w = weights(prune_agents.make("infobatch_k", keep_ratio=keep_ratio), LOSS)
    assert ((w > 0).sum(axis=1) == round(10 * keep_ratio)).all()
    assert ((w[:, :easy] > 0).sum(axis=1) == survivors).all()
    hard = keep_ratio if easy < 10 else 1.0
    np.testing.assert_allclose(w[:, easy:], hard, rtol=1e-6)
    np.testing.assert_allclose(w[:, :easy][w[:, :easy] > 0], weight * hard, rtol=1e-6)
    np.testing.assert_allclose(w.sum(axis=1), 10 * keep_ratio, rtol=1e-5)


def test_infobatch_k_takes_no_unseen_arm_for_the_easiest(observe):
    """Without classes an arm that was never observed has a loss of 0, which says nothing.

    In round 1 arms 0 to 3 were observed. The highest loss of that round, 8, stands for a guess, so
    the mean of all is 6.9, and arms 0, 1 and 3 are the easy ones, with one more by chance: of four
    easy ones, one survives.
    """
    loss, seen = [5.0, 6.0, 8.0, 2.0] + [0.0] * 6, [1] * 4 + [0] * 6
    kept = np.zeros(10)
    for seed in range(200):
        agent = prune_agents.make("infobatch_k", keep_ratio=0.7, seed=seed)
        _, state = agent.predict(observe(loss=np.zeros(10), seen=[0] * 10))
        action, state = agent.predict(observe(loss=loss, seen=seen), state)
        kept += action > 0
        assert (action > 0).sum() == 7
    easy, others = 1 / 4, 1 - 3 / 4 / 7
    expected = [easy, easy, others, easy] + [others] * 6
    np.testing.assert_allclose(kept / 200, expected, atol=0.1)


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
        observation = observe(loss=[0, 0, 6], progress=[0.5])
        _, state = agent.predict(observation, state)
        seen.add(tuple(np.round(agent.stored_scores(state, observation)[0], 5).tolist()))
    assert seen == {(0, 0, 6), (3, 0, 3), (0, 3, 3)}


def test_bls_averages_the_batch_loss(observe):
    """One batch holds all that is seen; smoothing 0.9.

    round 1, all seen, losses 1 2 6:         L = 3, s = 0.3 0.3 0.3,      over 0.1: 3 3 3
    round 2, arms 0 and 1 seen, losses 0 2:  L = 1, s = 0.37 0.37 0.3,    over 0.19: 1.947 1.947 3
    mean 2.298: arms 0 and 1 are easy, arm 2 is kept for sure. Not divided, arm 2 were the easy one.
    """
    agent = prune_agents.make("bls", smoothing=0.9)
    _, state = agent.predict(observe(loss=[2.3] * 3, seen=[0, 0, 0], progress=[0]))
    observation = observe(loss=[1, 2, 6], progress=[0.25])
    action, state = agent.predict(observation, state)
    np.testing.assert_allclose(agent.stored_scores(state, observation), [[3, 3, 3]], rtol=1e-6)
    assert (action > 0).any()
    observation = observe(loss=[0, 2, 6], seen=[1, 1, 0], progress=[0.5])
    action, state = agent.predict(observation, state)
    scores = agent.stored_scores(state, observation)
    np.testing.assert_allclose(scores, [[0.37 / 0.19, 0.37 / 0.19, 3]], rtol=1e-6)
    assert sorted(action[:2]) == [0, 2]
    assert action[2] == 1


def test_bls_of_a_constant_loss_knows_no_count(observe):
    """Arm i is observed in the first i + 1 rounds, always at a loss of 0.7."""
    agent = prune_agents.make("bls")
    _, state = agent.predict(observe(loss=[2.3] * 5, seen=[0] * 5, progress=[0]))
    for round_ in range(5):
        observation = observe(loss=[0.7] * 5, seen=np.arange(5) >= round_, progress=[0.1])
        _, state = agent.predict(observation, state)
    np.testing.assert_allclose(agent.stored_scores(state, observation), 0.7, rtol=1e-5)
