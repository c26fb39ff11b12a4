"""The synthetic rung: its formulas by hand, its regret, and who is fooled by what."""

import gymnasium as gym
import numpy as np
import prune_agents
import pytest

import prune_env  # noqa: F401, registers the ids
from prune_env import Selection, best_k
from prune_env.learners.synthetic.learner import SyntheticLearner
from prune_env.learners.synthetic.options import SyntheticOptions

ONE_KIND = {name: {"share": 0.0} for name in ("always", "sometimes", "never", "mislabelled")}
PLAIN = {"share": 1.0, "level": 1.0, "drift": 0.5, "learn": 0.5, "worth": 1.0, "transfer": 0.0}
EXACT = {"spread": 0.0, "noise": 0.0, "val_noise": 0.0, "val_floor": 0.0}
LOG_10 = float(np.log(10))


def keep(*arms: int) -> Selection:
    return Selection(np.array(arms), np.array([len(arms)]))


def step(learner: SyntheticLearner, selection: Selection):
    return learner.train(selection, np.zeros(1), np.ones(1))


@pytest.fixture
def learner():
    """Four arms of one kind: half of the loss is learned, half of the way to 1 nat is drift."""
    options = SyntheticOptions(num_arms=4, kinds=ONE_KIND | {"plain": PLAIN}, **EXACT)
    return SyntheticLearner(options)


def test_a_round_follows_the_formulas(learner):
    signals = step(learner, keep(0, 1))
    assert signals.table[:, 0].tolist() == pytest.approx([LOG_10, LOG_10])
    assert signals.table[:, 1].tolist() == pytest.approx([0.1, 0.1])
    learned, drifted = (LOG_10 / 2 + 1) / 2, (LOG_10 + 1) / 2
    assert learner.loss[0].tolist() == pytest.approx([learned, learned, drifted, drifted])
    worth = 2 * LOG_10 / 2 / 4
    assert learner.infos()["worth"].tolist() == pytest.approx([worth])
    metrics = learner.evaluate("validation")
    assert metrics.loss.tolist() == pytest.approx([LOG_10 * np.exp(-worth)])
    assert metrics.accuracy.tolist() == pytest.approx([np.exp(-metrics.loss[0])])


def test_regret_is_what_a_better_choice_would_have_been_worth(learner):
    step(learner, keep(0, 1))
    assert learner.infos()["regret"].tolist() == [0]  # all arms were equal
    difference = learner.loss[0, 2] - learner.loss[0, 0]
    step(learner, keep(0, 2))
    assert learner.infos()["regret"].tolist() == pytest.approx([0.5 * difference / 4])


def test_a_weight_of_two_is_learning_twice(learner):
    weights = np.array([2.0, 1.0], np.float32)
    step(learner, Selection(np.array([0, 1]), np.array([2]), weights))
    worth = (0.75 + 0.5) * LOG_10 / 4
    assert learner.val_loss.tolist() == pytest.approx([LOG_10 * np.exp(-worth)])
    assert learner.loss[0, 0] == pytest.approx((LOG_10 / 4 + 1) / 2)


def test_arms_that_sleep_have_nothing_to_learn():
    kinds = ONE_KIND | {"plain": PLAIN | {"switch": 0.25, "drift": 1.0}}
    learner = SyntheticLearner(SyntheticOptions(num_arms=4000, kinds=kinds, **EXACT))
    assert learner.awake.mean() == pytest.approx(0.5, abs=0.03)
    before = learner.awake.copy()
    step(learner, keep(0))
    assert (before != learner.awake).mean() == pytest.approx(0.25, abs=0.03)
    assert learner.loss[0].tolist() == learner.awake[0].astype(float).tolist()


def test_transfer_follows_the_validation_loss():
    kinds = ONE_KIND | {
        "easier": PLAIN | {"share": 0.5, "drift": 1.0, "transfer": 1.0},
        "harder": PLAIN | {"share": 0.5, "drift": 1.0, "transfer": -1.0},
    }
    learner = SyntheticLearner(SyntheticOptions(num_arms=4, kinds=kinds, **EXACT))
    step(learner, keep(0, 1, 2, 3))
    ratio = np.exp(-LOG_10 / 2)
    names = [learner.kind_names[kind] for kind in learner.kind]
    expected = [ratio if name == "easier" else 1 / ratio for name in names]
    assert sorted(names) == ["easier", "easier", "harder", "harder"]
    assert learner.loss[0].tolist() == pytest.approx(expected)


def test_training_on_wrong_labels_raises_the_validation_loss():
    learner = SyntheticLearner(SyntheticOptions())
    wrong = np.flatnonzero(learner.kind == learner.kind_names.index("mislabelled"))
    assert len(wrong) == 100
    step(learner, keep(*wrong))
    assert learner.val_loss[0] > LOG_10


def final_infos(choose, num_envs=16, epochs=20, **options):
    """The final infos of M runs under choose(envs, observation, state) -> action, state."""
    envs = gym.make_vec("prune_env/Synthetic-v0", num_envs, epochs=epochs, **options)
    observation, state = envs.reset(seed=0)[0], None
    for _ in range(epochs):
        action, state = choose(envs, observation, state)
        observation, _, _, _, infos = envs.step(action)
    return infos["final_info"]


def agent(name: str):
    policy = prune_agents.make(name, keep_ratio=0.3)
    return lambda envs, observation, state: policy.predict(observation, state)


def oracle(envs, observation, state):
    k = round(0.3 * envs.learner.num_arms)
    return best_k(envs.learner.worth(), k, np.random.default_rng(0)), state


def test_the_oracle_has_no_regret_and_the_rest_has():
    best, greedy, random = map(final_infos, (oracle, agent("uncertainty"), agent("random_dynamic")))
    assert best["regret"].tolist() == [0] * 16
    assert best["val_loss"].max() < min(greedy["val_loss"].min(), random["val_loss"].min())
    assert min(greedy["regret"].min(), random["regret"].min()) > 1


def test_wrong_labels_fool_who_keeps_the_highest_losses():
    greedy, random = final_infos(agent("uncertainty")), final_infos(agent("random_dynamic"))
    assert (greedy["val_loss"] > random["val_loss"]).all()


def test_two_branches_of_one_run_show_what_a_group_of_arms_is_worth():
    env = gym.make("prune_env/Synthetic-v0", val_noise=0.0).unwrapped
    env.reset(seed=0)
    env.step(np.ones(1000, np.int8))
    saved, worth = env.state_dict(), env.learner.worth()[0]
    rewards = []
    for scores in (worth, -worth):
        env.load_state_dict(saved)
        group = best_k(scores[None], 100, np.random.default_rng(0))[0]
        rewards.append(env.step(group)[1])
    gap = saved["rounds"]["learner"]["val_loss"][0] - env.learner.options.val_floor
    best, worst = np.sort(worth)[-100:].sum() / 1000, np.sort(worth)[:100].sum() / 1000
    expected = [gap * (1 - np.exp(-best)), gap * (1 - np.exp(-worst))]
    assert rewards == pytest.approx(expected, rel=1e-4)
    assert rewards[0] > 0 > rewards[1]


def test_without_wrong_labels_a_high_loss_is_worth_keeping():
    clean = {"kinds": {"mislabelled": {"share": 0.0}}}
    greedy, random, static = (
        final_infos(agent(name), **clean)
        for name in ("uncertainty", "random_dynamic", "static_random")
    )
    assert (greedy["regret"] < random["regret"]).all()
    assert (random["regret"] < static["regret"]).all()


def regret(name: str, switch: float, rounds: int = 1000, **options) -> float:
    """Mean regret of 8 runs over 60 arms, of which an agent keeps 12; training changes little.

    Arms fall asleep and wake up with probability `switch` a round, and are else as they are.
    """
    kind = PLAIN | {"drift": 1.0, "learn": 0.01, "switch": switch}
    envs = gym.make_vec(
        "prune_env/Synthetic-v0",
        8,
        epochs=rounds,
        num_arms=60,
        kinds=ONE_KIND | {"plain": kind},
        noise=0.5,
        signals=["loss", "seen"],
        reward="kept_loss",
        evaluate_every=rounds,
    )
    policy = prune_agents.make(name, keep_ratio=0.2, **options)
    observation, state = envs.reset(seed=0)[0], None
    for _ in range(rounds):
        action, state = policy.predict(observation, state)
        observation, *_, infos = envs.step(action)
    return infos["final_info"]["regret"].mean()


@pytest.mark.slow
def test_discounting_pays_where_arms_drift_and_costs_where_they_do_not():
    drifting = {name: regret(name, 0.02, c=0.1) for name in ("ducb", "ucb1")}
    resting = {name: regret(name, 0.0, c=0.1) for name in ("ducb", "ucb1")}
    assert drifting["ducb"] < 0.7 * drifting["ucb1"]
    assert resting["ucb1"] < 0.7 * resting["ducb"]


@pytest.mark.slow
def test_exploration_pays_where_arms_drift_and_costs_where_they_do_not():
    names = ("epsilon_greedy", "uncertainty", "random_dynamic")
    explore, greedy, random = (regret(name, 0.02) for name in names)
    assert explore < 0.8 * greedy < 0.6 * random
    explore, greedy, random = (regret(name, 0.0) for name in names)
    assert greedy < 0.8 * explore < 0.6 * random


@pytest.mark.parametrize(
    "options",
    [
        {"rate": 1e4},
        {"rate": 1e6, "val_noise": 1e3, "val_floor": 0.0},
        {"spread": 5.0, "noise": 1e3},
        {"spread": 5.0, "kinds": {"always": {"level": 1e3, "worth": 1e3, "transfer": -50}}},
        {"rate": 1e6, "kinds": {"mislabelled": {"level": 1e3, "worth": -1e3, "transfer": 1e9}}},
    ],
)
@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_the_wildest_options_that_are_allowed_show_finite_numbers(options):
    env = gym.make("prune_env/Synthetic-v0", num_arms=200, epochs=6, **options)
    env.reset(seed=0)
    kind, over, first = env.unwrapped.learner.kind, False, (0, 0, 3, 3, 1, 2)
    while not over:  # what helps, what hurts, all that is left
        action = (kind == first[len(env.unwrapped.history)]).astype(np.int8)
        observation, reward, over, _, info = env.step(action)
        assert env.observation_space.contains(observation)
        assert all(np.isfinite(array).all() for array in observation.values())
        assert np.isfinite([reward, *info.values()]).all(), info


@pytest.mark.filterwarnings("ignore:divide by zero encountered:RuntimeWarning")
def test_at_the_very_floor_what_hurts_changes_nothing():
    learner = SyntheticLearner(SyntheticOptions(num_arms=10, rate=1e6, **EXACT))
    for kind in (0, 3):
        step(learner, keep(*np.flatnonzero(learner.kind == kind)))
        assert learner.val_loss.tolist() == [0.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spread": 60.0}, "spread is 60.0; allowed is 0 <= spread <= 5"),
        ({"rate": 1e7}, "rate is 10000000.0; allowed is 0 <= rate <= 1e\\+06"),
        ({"kinds": {"always": {"level": 1e9}}}, "level is 1000000000.0; allowed is 0 <= level"),
        ({"kinds": {"always": {"worth": -1e9}}}, "worth is -1000000000.0; allowed is -1000 <="),
        ({"num_arms": 0}, "num_arms is 0; allowed is 1 or more"),
        ({"noise": -1.0}, "noise is -1.0; allowed is 0 or more"),
        (
            {"kinds": {"always": {"shore": 1}}},
            "unknown field of kind 'always' 'shore' .*did you mean share",
        ),
        (
            {"kinds": {"always": {"learn": 2.0}}},
            "kind 'always': learn is 2.0; allowed is 0 <= learn <= 1",
        ),
        ({"kinds": ONE_KIND}, "all kinds have a share of 0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        gym.make("prune_env/Synthetic-v0", **options)
