"""The recording of a prior run: what it records, what it costs, that it can be stopped."""

import gymnasium as gym
import numpy as np
import prune_agents
import pytest
import torch
from prune_agents.prior import Prior, Recording, Traces, prior_seed, record

from prune_env.core.signals import MEASURED

EPOCHS, N = 3, 180


def make_env(**options):
    return gym.make("prune_env/Digits-v0", limit=200, epochs=EPOCHS, **options).unwrapped


@pytest.fixture
def learner():
    return make_env(signals=("seen",)).learner


def test_it_is_an_ordinary_run_that_keeps_everything(learner):
    traces = record(learner, Prior(rounds=2), EPOCHS, seed=5)
    env = make_env(signals=("seen", *MEASURED))
    env.reset(seed=prior_seed(5, 0))
    for number in range(2):
        observation, *_, info = env.step(np.ones(N, np.int8))
        for name in MEASURED:
            np.testing.assert_array_equal(traces.signals[name][0, number], observation[name])
    assert traces.passes == info["passes_train"] == 3 * N * 2
    assert traces.seconds > 0
    assert traces.cpu_seconds > 0


def test_the_run_that_follows_does_not_depend_on_it(learner):
    env = make_env(signals=("loss",))
    env.reset(seed=5)
    expected = env.step(np.ones(N, np.int8))[0]
    record(env.learner, Prior(rounds=2, extra=("divergence", "gradient_norm")), EPOCHS, seed=5)
    env.reset(seed=5)
    np.testing.assert_array_equal(env.step(np.ones(N, np.int8))[0]["loss"], expected["loss"])


def test_every_prior_run_has_a_seed_of_its_own(learner):
    seeds = {prior_seed(seed, number) for seed in range(50) for number in range(20)}
    assert len(seeds) == 1000
    assert not seeds & set(range(50))
    traces = record(learner, Prior(rounds=1, runs=2), EPOCHS, seed=0)
    first, second = traces.signals["loss"]
    assert traces.signals["loss"].shape == (2, 1, N)
    assert (first != second).any()
    assert traces.passes == 2 * 3 * N


@pytest.mark.parametrize(
    ("extra", "passes_a_round"),
    [("divergence", 4), ("gradient_norm", 4), ("gradient_norm_all", 6)],
)
def test_what_a_training_pass_does_not_measure_is_charged(learner, extra, passes_a_round):
    traces = record(learner, Prior(rounds=2, extra=(extra,)), EPOCHS, seed=0)
    assert traces.signals[extra].shape == (1, 2, N)
    assert np.isfinite(traces.signals[extra]).all()
    assert traces.passes == 2 * passes_a_round * N


def test_the_divergence_compares_the_probabilities_after_two_rounds(learner):
    recording = Recording(learner, EPOCHS, 1, ("divergence",))
    log_p = []
    for _ in range(2):
        recording.advance()
        log_p.append(learner.log_probabilities(np.arange(N)).astype(float))
    old, new = log_p
    by_hand = [
        sum(np.exp(new[arm, c]) * abs(new[arm, c] - old[arm, c]) for c in range(10))
        for arm in range(N)
    ]
    divergence = recording.traces(2).signals["divergence"][0]
    np.testing.assert_array_equal(divergence[0], 0)
    np.testing.assert_allclose(divergence[1], by_hand, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("extra", [(), ("divergence",)])
def test_it_goes_on_elsewhere_as_if_it_had_not_stopped(learner, extra):
    whole = record(learner, Prior(rounds=3, extra=extra), EPOCHS, seed=2)
    begun = Recording(learner, EPOCHS, prior_seed(2, 0), extra)
    begun.advance()
    state = begun.state_dict()
    begun.advance()  # what happens afterwards does not touch the state
    other = Recording(make_env(signals=("seen",)).learner, EPOCHS, 77, extra)
    other.load_state_dict(state)
    while other.rounds < 3:
        other.advance()
    traces = other.traces(3)
    assert traces.passes == whole.passes
    for name, array in whole.signals.items():
        np.testing.assert_array_equal(traces.signals[name], array)


def test_a_shorter_one_is_the_beginning_of_a_longer(learner):
    recording = Recording(learner, EPOCHS, 0)
    for _ in range(3):
        recording.advance()
    one, three = recording.traces(1), recording.traces(3)
    assert (one.passes, three.passes) == (3 * N, 9 * N)
    assert 0 < one.seconds < three.seconds
    np.testing.assert_array_equal(one.signals["loss"][0], three.signals["loss"][0, :1])
    with pytest.raises(RuntimeError, match="ended"):
        recording.advance()


def test_features_are_those_at_the_end_and_cost_a_forward_pass(learner):
    recording = Recording(learner, EPOCHS, 0)
    for _ in range(2):
        recording.advance()
    with pytest.raises(ValueError, match="seen after a whole run; this one has 2 of 3 rounds"):
        recording.traces(2, features=True)
    recording.advance()
    traces = recording.traces(3, features=True)
    assert traces.features.shape == (1, N, 128)
    np.testing.assert_array_equal(traces.features[0], learner.features(np.arange(N)))
    assert traces.passes == recording.traces(3).passes + N == 10 * N
    assert traces.seconds > recording.traces(3).seconds
    np.testing.assert_array_equal(traces.labels, learner.labels)


def test_an_extra_that_the_learner_cannot_measure():
    learner = gym.make("prune_env/Synthetic-v0", num_arms=20).unwrapped.learner
    assert record(learner, Prior(rounds=2), 4, seed=0).signals["loss"].shape == (1, 2, 20)
    with pytest.raises(ValueError, match="to record divergence; SyntheticLearner cannot"):
        Recording(learner, 4, 0, ("divergence",))


def test_join_puts_runs_side_by_side_and_adds_their_costs():
    features = np.zeros((1, 3, 7), np.float32)
    one = Traces({"loss": np.zeros((1, 2, 3), np.float32)}, 18, 1.5, 1.0, np.arange(3), features)
    both = Traces.join([one, one])
    assert both.signals["loss"].shape == (2, 2, 3)
    assert both.features.shape == (2, 3, 7)
    assert (both.passes, both.seconds, both.cpu_seconds) == (36, 3.0, 2.0)


def test_the_example_of_the_module():
    torch.set_num_threads(1)
    agent = prune_agents.make("el2n", keep_ratio=0.3)
    env = gym.make("prune_env/Digits-v0", signals=("seen", *agent.signals), limit=200).unwrapped
    traces = record(env.learner, agent.prior(env.options.epochs), env.options.epochs, seed=0)
    observation, _ = env.reset(seed=0)
    action, _ = agent.predict(observation, agent.begin(traces))
    assert action.sum() == 54
    hardest = np.argsort(-traces.signals["error_norm"].mean(axis=(0, 1)))[:54]
    assert set(np.flatnonzero(action)) == set(hardest)


@pytest.mark.parametrize(
    ("prior", "passes"),
    [
        (Prior(rounds=2), 2 * 3 * N),
        (Prior(rounds=2, runs=2), 2 * 2 * 3 * N),
        (Prior(rounds=1, extra=("divergence", "gradient_norm_all")), (3 + 1 + 3) * N),
        (Prior(rounds=EPOCHS, features=True), EPOCHS * 3 * N + N),
        (Prior(rounds=EPOCHS, runs=2, halves=True), EPOCHS * 3 * N + N),
        (Prior(rounds=EPOCHS, runs=1, halves=True), EPOCHS * 3 * N // 2 + N // 2),
    ],
)
def test_what_it_costs_is_known_before(learner, prior, passes):
    assert prior.passes(N) == passes == record(learner, prior, EPOCHS, seed=0).passes


@pytest.mark.parametrize(("runs", "trained"), [(1, 2), (2, 5), (3, 7)])
def test_of_an_odd_number_of_arms_the_first_half_is_the_smaller(runs, trained):
    looked_at = 5 * runs - trained  # at the end, by a forward pass
    assert Prior(rounds=4, runs=runs, halves=True).passes(5) == 4 * 3 * trained + looked_at


def test_a_prior_run_of_no_rounds_is_refused():
    with pytest.raises(ValueError, match="rounds is 0; allowed is 1 or more"):
        Prior(rounds=0)
