"""uncertainty, epsilon_greedy and ucb on cases worked by hand."""

import numpy as np
import prune_agents
import pytest

LOG_C = np.log(10)


def after(agent, observe, *rounds):
    """The state and the action after the first, empty look and these rounds of (loss, seen)."""
    arms = len(rounds[0][0])
    action, state = agent.predict(observe(loss=np.full(arms, LOG_C), seen=np.zeros(arms)))
    for loss, seen in rounds:
        action, state = agent.predict(observe(loss=loss, seen=seen), state)
    return action.tolist(), state


def test_uncertainty_keeps_the_highest_moving_averages(observe):
    action, state = after(
        prune_agents.make("uncertainty", keep_ratio=0.5, alpha=0.5),
        observe,
        ([2.0, 1.0, 4.0, 3.0], [1, 1, 1, 1]),
        ([0.0, 3.0, 9.0, 1.0], [1, 1, 0, 1]),  # arm 2 is not observed: its 9 means nothing
    )
    assert state["mean"].tolist() == [[1.0, 2.0, 4.0, 2.0]]
    assert action[2] == 1
    assert action[0] == 0
    assert sum(action) == 2  # arms 1 and 3 tie for the second place


def test_uncertainty_tries_arms_it_has_never_seen_first(observe):
    action, _ = after(
        prune_agents.make("uncertainty", keep_ratio=0.5),
        observe,
        ([9.0, 8.0, LOG_C, LOG_C], [1, 1, 0, 0]),
    )
    assert action == [0, 0, 1, 1]


def test_easiest_keeps_the_lowest_moving_averages_and_the_unseen_first(observe):
    action, state = after(
        prune_agents.make("easiest", keep_ratio=0.5, alpha=0.5),
        observe,
        ([2.0, 1.0, 4.0, LOG_C], [1, 1, 1, 0]),
        ([0.0, 5.0, 9.0, LOG_C], [1, 1, 0, 0]),
    )
    assert state["mean"][0, :3].tolist() == [1.0, 3.0, 4.0]
    assert action == [1, 0, 0, 1]


def test_uncertainty_starts_at_random_positions(observe):
    """Ties of the unseen go by chance, not by position."""
    counts = np.zeros(20)
    for seed in range(400):
        agent = prune_agents.make("uncertainty", keep_ratio=0.25, seed=seed)
        counts += agent.predict(observe(loss=np.full(20, LOG_C), seen=np.zeros(20)))[0]
    np.testing.assert_allclose(counts, 100, atol=40)


@pytest.mark.parametrize(
    ("epsilon", "greedy_kept"), [(0.0, 5), (0.2, 4), (0.39, 4), (0.6, 2), (1.0, 0)]
)
def test_epsilon_greedy_leaves_floor_epsilon_k_places_to_chance(observe, epsilon, greedy_kept):
    """K = 5 of 10; the arms of the highest loss are the last ones."""
    kept = np.zeros(10)
    for seed in range(200):
        agent = prune_agents.make("epsilon_greedy", keep_ratio=0.5, epsilon=epsilon, seed=seed)
        action, _ = after(agent, observe, (np.arange(10.0), np.ones(10)))
        assert sum(action) == 5
        kept += action
    assert (kept[10 - greedy_kept :] == 200).all()
    others = kept[: 10 - greedy_kept] / 200
    np.testing.assert_allclose(others, (5 - greedy_kept) / (10 - greedy_kept), atol=0.12)


def test_ucb_adds_the_variance_about_the_old_mean(observe):
    """
    Arm    losses    old mean  variance                 mean   score at c = 1
    0      1, 1      1         0                        1      1
    1      2, 0      2         0.5 * (0 - 2)^2 = 2      1      3
    2      1.5, 2.5  1.5       0.5 * (1)^2   = 0.5      2      2.5
    3      2.75      -         0                        2.75   2.75  (not observed again)
    """
    rounds = (
        ([1.0, 2.0, 1.5, 2.75], [1, 1, 1, 1]),
        ([1.0, 0.0, 2.5, 9.9], [1, 1, 1, 0]),
    )
    action, state = after(prune_agents.make("ucb", keep_ratio=0.5, alpha=0.5), observe, *rounds)
    assert state["variance"].tolist() == [[0.0, 2.0, 0.5, 0.0]]
    assert state["mean"].tolist() == [[1.0, 1.0, 2.0, 2.75]]
    assert action == [0, 1, 0, 1]
    # Without the bonus the means alone decide.
    assert after(prune_agents.make("ucb", keep_ratio=0.5, alpha=0.5, c=0), observe, *rounds)[0] == [
        0,
        0,
        1,
        1,
    ]
    # The third update: 0.5 * 2 + 0.5 * (3 - 1)^2 = 3 for arm 1, whose mean becomes 2.
    agent = prune_agents.make("ucb", keep_ratio=0.5, alpha=0.5)
    _, state = after(agent, observe, *rounds, ([0, 3.0, 0, 0], [0, 1, 0, 0]))
    assert state["variance"].tolist() == [[0.0, 3.0, 0.5, 0.0]]
    assert state["mean"].tolist() == [[1.0, 2.0, 2.0, 2.75]]


def test_a_period_repeats_the_choice_but_learns_on(observe):
    agent = prune_agents.make("uncertainty", keep_ratio=0.5, alpha=1.0, period=2)
    first, state = agent.predict(observe(loss=[LOG_C, LOG_C], seen=[0, 0]))
    kept = int(first.argmax())
    loss = np.array([1.0, 1.0])
    repeated, state = agent.predict(observe(loss=loss, seen=first), state)
    assert repeated.tolist() == first.tolist()
    assert state["mean"][0, kept] == 1.0
    third, _ = agent.predict(observe(loss=loss, seen=first), state)
    assert third.tolist() == (1 - first).tolist()


def test_ucb_std_adds_the_deviation(observe):
    """The means and variances of the table above, c = 1: scores 1, 1 + 1.414, 2 + 0.707, 2.75."""
    action, _ = after(
        prune_agents.make("ucb_std", keep_ratio=0.5, alpha=0.5),
        observe,
        ([1.0, 2.0, 1.5, 2.75], [1, 1, 1, 1]),
        ([1.0, 0.0, 2.5, 9.9], [1, 1, 1, 0]),
    )
    assert action == [0, 0, 1, 1]  # `ucb` keeps arm 1 here, not arm 2


@pytest.fixture
def frequencies(observe, at_round):
    """How often a policy that keeps one arm keeps each, when these losses were observed."""

    def of(name, loss, round_=5, of=10):
        agent = prune_agents.make(name, keep_ratio=1 / len(loss))
        return at_round(agent, observe(loss=np.tile(loss, (4000, 1))), round_, of)[0].mean(axis=0)

    return of


@pytest.mark.parametrize(
    ("round_", "expected"),
    [
        (0, [1 / 6, 2 / 6, 3 / 6]),  # tau = 1
        (5, [1 / 14, 4 / 14, 9 / 14]),  # tau = 1 - 0.9 * 5 / 9 = 0.5: squares
        (9, [0.0000, 0.0170, 0.9830]),  # the last of 10: tau = 0.1, tenth powers
    ],
)
def test_boltzmann_draws_by_the_softmax(frequencies, round_, expected):
    kept = frequencies("boltzmann", np.log([1.0, 2.0, 3.0]), round_)
    np.testing.assert_allclose(kept, expected, atol=0.03)


def test_gauss_loss_draws_by_loss_times_gaussian(frequencies):
    """
    Loss a   (a - 2)^2 / (2 * 2/3)   odds                    chance
    1        0.75                    exp(-0.75)     = 0.472  0.1215
    2        0                       2                       0.5142
    3        0.75                    3 exp(-0.75)   = 1.417  0.3643
    """
    kept = frequencies("gauss_loss", [1.0, 2.0, 3.0])
    np.testing.assert_allclose(kept, [0.1215, 0.5142, 0.3643], atol=0.03)


def test_gauss_loss_of_equal_losses_is_uniform(frequencies):
    kept = frequencies("gauss_loss", [0.7, 0.7, 0.7, 0.7])
    np.testing.assert_allclose(kept, 0.25, atol=0.03)


@pytest.mark.parametrize("name", ["ucb_std", "boltzmann", "gauss_loss"])
def test_the_unseen_go_first(observe, name):
    agent = prune_agents.make(name, keep_ratio=0.5)
    loss = [2.0, 1.0, LOG_C, LOG_C]
    action, _ = agent.predict(observe(loss=loss, seen=[1, 1, 0, 0], progress=[0.5]))
    assert action.tolist() == [0, 0, 1, 1]


def test_gauss_loss_is_said_to_rank_by_its_odds(observe):
    agent = prune_agents.make("gauss_loss", keep_ratio=1 / 3)
    scores = agent.scores_now(observe(loss=[1.0, 2.0, 3.0], seen=[1.0, 1.0, 1.0]), None)
    np.testing.assert_allclose(scores, [-0.75, np.log(2), np.log(3) - 0.75], rtol=1e-6)


LN = np.log
SEEN = [[0, 0, 0], [1, 0, 1], [0, 1, 1], [1, 0, 1]]
LOSS = [[2.0, 2.0, 2.0], [1.0, 2.0, 0.5], [1.0, 1.5, 0.5], [0.4, 1.5, 0.3]]
"""Three rounds, before the fourth. The loss of a guess is 2, so arm 0 had rewards of .5 and .2,
arm 1 one of .75, and arm 2 .25, .25 and .15."""


@pytest.mark.parametrize(
    ("name", "options", "means", "counts", "bonus"),
    [
        ("ucb1", {"c": 2.0}, [0.7 / 2, 0.75, 0.65 / 3], [2, 1, 3], 4 * 1.5 * LN(4)),
        ("swucb", {"window": 9}, [0.7 / 2, 0.75, 0.65 / 3], [2, 1, 3], 0.6 * LN(4)),
        ("swucb", {"window": 2}, [0.2, 0.75, 0.2], [1, 1, 2], 0.6 * LN(2)),
        (
            *("ducb", {"discount": 0.5}),
            *([0.325 / 1.25, 0.75, 0.3375 / 1.75], [1.25, 0.5, 1.75], 4 * 0.6 * LN(1.75)),
        ),
        (
            *("ts_gauss", {"discount": 0.5, "sigma": 0.0}),
            *([1.325 / 2.25, 1.375 / 1.5, 1.3375 / 2.75], [1, 1, 1], 0.0),
        ),
    ],
)
def test_scores_by_hand(observe, name, options, means, counts, bonus):
    """Mean + sqrt(bonus / count); constants that change no order would show here."""
    agent, state = prune_agents.make(name, **options), None
    for seen, loss in zip(SEEN[:-1], LOSS[:-1], strict=True):
        _, state = agent.predict(observe(seen=seen, loss=loss), state)
    scores = agent.scores_now(observe(seen=SEEN[-1], loss=LOSS[-1]), state)
    expected = np.array(means) + np.sqrt(bonus / np.array(counts))
    np.testing.assert_allclose(np.ravel(scores), expected, rtol=1e-5)
