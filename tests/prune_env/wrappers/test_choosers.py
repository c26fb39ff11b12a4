"""Choosers: small actions to arms. The rules everybody knows are single points of LinearScores."""

import numpy as np
import pytest

from prune_env.wrappers import choosers
from prune_env.wrappers.arm_features import FEATURES, fresh_memory, remember

LOSS = [3, 1, 4, 1.5, 9, 2, 6, 5, 3.5, 0.5]
AGE = [1, 3, 2, 9, 5, 4, 7, 8, 6, 0]


def weights(**named):
    """(1, F): weights of these features, 0 of the others."""
    return np.array([[named.get(name, 0) for name in FEATURES]], np.float32)


@pytest.fixture
def choose(observation):
    """The arms that one run of ten keeps, ascending."""

    def _choose(chooser, actions, k=3, seed=0, **entries):
        entries = {"loss": LOSS, "age": AGE, "budget_left": [9]} | entries
        entries = observation(num_arms=10, **entries)
        memory = fresh_memory(1, 10)
        remember(memory, entries)
        rng = np.random.default_rng(seed)
        mask = chooser.choose(np.asarray(actions), np.array([k / 10]), memory, entries, rng)
        assert mask.shape == (1, 10)
        return np.flatnonzero(mask[0]).tolist()

    return _choose


@pytest.mark.parametrize(
    ("action", "arms"),
    [
        (weights(loss=1), [4, 6, 7]),  # greedy
        (weights(loss=0.01), [4, 6, 7]),  # however small
        (weights(loss=-1), [1, 3, 9]),  # easiest first
        (weights(age=1), [3, 6, 7]),  # oldest first
        (weights(loss=0.5, age=0.5), [4, 6, 7]),  # mixtures
        (weights(loss=-0.5, age=1), [3, 7, 8]),
    ],
)
def test_known_policies_are_single_points_of_linear_scores(choose, action, arms):
    assert choose(choosers.LinearScores(), action) == arms


@pytest.mark.parametrize("action", [weights(noise=1), weights(noise=-1), weights()])
def test_uniform_random_is_a_single_point_of_linear_scores(choose, action):
    draws = [choose(choosers.LinearScores(), action, seed=seed) for seed in range(2000)]
    counts = np.bincount(np.concatenate(draws), minlength=10)
    np.testing.assert_allclose(counts / 2000, 0.3, atol=0.04)  # 4 standard errors


def test_equal_arms_are_equally_likely(choose):
    draws = [
        choose(choosers.LinearScores(), weights(loss=1), k=1, seed=seed, loss=[2, 2] + [1] * 8)
        for seed in range(400)
    ]
    counts = np.bincount(np.concatenate(draws), minlength=10)
    assert counts[2:].sum() == 0
    assert counts[0] == pytest.approx(200, abs=40)


def test_each_run_follows_its_own_action(observation):
    entries = observation(num_runs=2, num_arms=10, loss=LOSS, budget_left=[9])
    actions = np.concatenate([weights(loss=1), weights(loss=-1)])
    mask = choosers.LinearScores().choose(
        actions, np.array([0.1, 0.2]), fresh_memory(2, 10), entries, np.random.default_rng(0)
    )
    assert [np.flatnonzero(row).tolist() for row in mask] == [[4], [1, 9]]


@pytest.mark.parametrize(
    ("rule", "arms"), [("hardest", [4, 6, 7]), ("easiest", [1, 3, 9]), ("oldest", [3, 6, 7])]
)
def test_rules_are_numbered_in_their_order(choose, rule, arms):
    assert choose(choosers.Rules(), [list(choosers.RULES).index(rule)]) == arms


def test_every_rule_keeps_k(choose):
    for number in range(choosers.Rules().space(10).n):
        assert len(choose(choosers.Rules(), [number])) == 3


def test_arm_scores_keep_the_highest(choose):
    assert choose(choosers.ArmScores(), [[0, 1, 0, 1, 0, 0, 0.9, -1, 0, 0.8]]) == [1, 3, 6]


@pytest.mark.parametrize(
    ("action", "k", "always"),
    [
        ([-1, -1, -1, -1, 1], 2, [4, 6]),
        ([1, -1, -1, -1, -1], 2, [1, 9]),
        ([1, -1, -1, -1, 1], 4, [1, 4, 6, 9]),
        ([-1, -1, -1, -1, 1], 10, list(range(10))),
    ],
)
def test_loss_bins(choose, action, k, always):
    assert choose(choosers.LossBins(bins=5), [action], k) == always


def test_loss_bins_keep_shares(choose):
    # of the easy half a quarter of what is kept of the hard half: 1 of 5 and 4 of 5
    chosen = choose(choosers.LossBins(bins=2), [[-0.5, 1.0]], k=5)
    hard = {0, 2, 4, 6, 7, 8} - {0}
    assert len(hard & set(chosen)) == 4


def test_a_bin_of_more_arms_has_more_places(choose):
    """Ten arms are bins of 3, 3, 2 and 2; where all are kept alike, each arm is in half of the
    draws.
    """
    chooser, action = choosers.LossBins(bins=4), [np.ones(4)]
    draws = [choose(chooser, action, k=5, seed=seed) for seed in range(400)]
    counts = np.bincount(np.concatenate(draws), minlength=10)
    np.testing.assert_allclose(counts / 400, 0.5, atol=0.08)


def test_arms_of_equal_losses_are_in_any_bin(choose):
    hardest = [choose(choosers.LossBins(2), [[-1, 1]], seed=n, loss=[1] * 10) for n in range(40)]
    assert {arm for chosen in hardest for arm in chosen} == set(range(10))


@pytest.mark.parametrize(("k", "kept"), [(3.4, 3), (3.6, 4), (0.2, 1)])
def test_the_number_of_arms_is_the_nearest(choose, k, kept):
    assert len(choose(choosers.LinearScores(), weights(loss=1), k=k)) == kept


def test_fewer_places_than_bins_go_to_all_bins_by_lot(choose):
    chosen = [choose(choosers.LossBins(bins=5), [np.ones(5)], k=1, seed=n)[0] for n in range(400)]
    np.testing.assert_allclose(np.bincount(chosen, minlength=10), 40, atol=25)


@pytest.mark.parametrize(("knob", "kept"), [(-1, 1), (0, 3), (1, 10)])
def test_keep_ratio_is_geometric(choose, knob, kept):
    chooser = choosers.KeepRatio(choosers.LinearScores(), low=0.1, high=1.0)
    action = np.append(weights(loss=1), np.float32([[knob]]), axis=1)
    chosen = choose(chooser, action)
    assert len(chosen) == kept
    assert 4 in chosen


def test_keep_ratio_of_a_discrete_action(choose):
    chooser = choosers.KeepRatio(choosers.Rules(), low=0.1, high=1.0, levels=3)
    rules = len(choosers.RULES)
    assert chooser.space(10).n == 3 * rules
    hardest = list(choosers.RULES).index("hardest")
    assert choose(chooser, [hardest]) == [4]
    assert choose(chooser, [rules + hardest]) == [4, 6, 7]
    assert len(choose(chooser, [2 * rules + hardest])) == 10


@pytest.mark.parametrize(
    ("keep_ratio", "budget_left", "kept"),
    [(0.3, 5, 3), (0.3, 0.2, 2), (0.3, np.float32(0.3), 3), (0.01, 5, 1), (1.0, 5, 10)],
)
def test_no_more_is_kept_than_can_be_paid_for(observation, keep_ratio, budget_left, kept):
    entries = observation(num_arms=10, budget_left=[budget_left])
    assert choosers.num_kept(np.array([keep_ratio]), entries).tolist() == [kept]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: choosers.Rules({"a": {"lost": 1}}),
            "feature in rule 'a' 'lost' .*did you mean loss",
        ),
        (lambda: choosers.Rules({}), "rules is empty"),
        (lambda: choosers.LossBins(1), "bins is 1"),
        (lambda: choosers.KeepRatio(choosers.Rules(), low=0.0), "low, high are 0.0, 1.0"),
        (lambda: choosers.KeepRatio(choosers.Rules(), levels=1), "levels is 1"),
    ],
)
def test_bad_options(make, message):
    with pytest.raises(ValueError, match=message):
        make()
