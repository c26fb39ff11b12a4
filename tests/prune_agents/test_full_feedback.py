"""kakurenbo and nlu_diet on cases worked by hand."""

import numpy as np
import prune_agents
import pytest


@pytest.mark.parametrize(
    ("progress", "hidden"),
    [
        (0.0, [0, 3, 4]),  # F = 0.5: of the arms 0 to 4, 1 is wrong and 2 unsure
        (0.29, [0, 3, 4]),
        (0.3, [0, 3]),  # F = 0.4
        (0.6, [0]),  # F = 0.3
        (0.8, [0]),  # F = 0.2
    ],
)
def test_kakurenbo(observe, progress, hidden):
    agent = prune_agents.make("kakurenbo", keep_ratio=0.5)
    weights, _ = agent.predict(
        observe(
            loss=np.arange(10) / 10,
            correct=[1, 0, 1, 1, 1, 1, 1, 1, 1, 1],
            confidence=[0.9, 0.9, 0.69, 0.7, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9],
            progress=[progress],
        )
    )
    assert np.flatnonzero(weights == 0).tolist() == hidden
    np.testing.assert_allclose(weights[weights > 0], 10 / (10 - len(hidden)), rtol=1e-6)


def test_kakurenbo_begins_with_all_because_nothing_is_correct_yet(observe):
    agent = prune_agents.make("kakurenbo", keep_ratio=0.1)
    zeros = np.zeros(10)
    observation = observe(loss=zeros + 2.3, correct=zeros, confidence=zeros + 0.1, progress=[0])
    assert (agent.predict(observation)[0] == 1).all()


def test_kakurenbo_asks_for_the_weights_that_it_needs(observe):
    """With keep_ratio 0.004 of 1000 arms, four arms weigh 250 each."""
    agent = prune_agents.make("kakurenbo", keep_ratio=0.004)
    ones = np.ones(1000)
    observation = observe(loss=np.arange(1000) / 100, correct=ones, confidence=ones, progress=[0])
    weights, _ = agent.predict(observation)
    np.testing.assert_allclose(weights[weights > 0], [250] * 4)
    assert agent.env_options(8)["weight_max"] == pytest.approx(250)


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.0, [1, 1, 1, 1]), (0.09, [1, 1, 1, 1]), (0.1, [0, 1, 0, 1]), (0.9, [0, 1, 0, 1])],
)
def test_nlu_diet(observe, progress, expected):
    agent = prune_agents.make("nlu_diet", keep_ratio=0.5)
    observation = observe(error_norm=[0.1, 0.9, 0.2, 1.3], progress=[progress])
    assert agent.predict(observation)[0].tolist() == expected


@pytest.mark.parametrize("name", ["kakurenbo", "nlu_diet"])
def test_they_ask_for_a_look_at_the_pruned_arms_before_each_selection(name):
    wanted = prune_agents.make(name, period=3).env_options(8)
    assert wanted == {"feedback": "full", "refresh": 3}
