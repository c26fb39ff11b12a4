"""kakurenbo and nlu_diet on cases worked by hand."""

import numpy as np
import prune_agents
import pytest


@pytest.mark.parametrize(
    ("round_", "hidden", "weight"),
    [
        (0, [0, 3, 4], 1.0),  # F = 0.5: of the arms 0 to 4, 1 is wrong and 2 unsure; a warm-up
        (1, [0, 3, 4], 2.0),  # 1 / (1 - F), however few are hidden
        (29, [0, 3, 4], 2.0),
        (30, [0, 3], 1 / 0.6),  # F = 0.4
        (60, [0], 1 / 0.7),  # F = 0.3
        (80, [0], 1 / 0.8),  # F = 0.2
    ],
)
def test_kakurenbo(observe, at_round, round_, hidden, weight):
    agent = prune_agents.make("kakurenbo", keep_ratio=0.5)
    observation = observe(
        loss=[-3.1, -0.4, 0.02, 0.03, 0.11, 0.5, 2.2, 7.9, 40.0, 90.5],
        correct=[1, 0, 1, 1, 1, 1, 1, 1, 1, 1],
        confidence=[0.9, 0.9, 0.69, 0.7, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9],
    )
    weights, _ = at_round(agent, observation, round_, of=100)
    assert np.flatnonzero(weights == 0).tolist() == hidden
    np.testing.assert_allclose(weights[weights > 0], weight, rtol=1e-6)


def test_kakurenbo_begins_with_all_because_nothing_is_correct_yet(observe):
    agent = prune_agents.make("kakurenbo", keep_ratio=0.1)
    zeros = np.zeros(10)
    observation = observe(loss=zeros + 2.3, correct=zeros, confidence=zeros + 0.1, progress=[0])
    assert (agent.predict(observation)[0] == 1).all()


def test_kakurenbo_asks_for_the_weights_that_it_needs(observe, at_round):
    """With keep_ratio 0.004 of 1000 arms, four arms weigh 250 each."""
    agent = prune_agents.make("kakurenbo", keep_ratio=0.004)
    ones = np.ones(1000)
    observation = observe(loss=np.arange(1000) / 100, correct=ones, confidence=ones)
    weights, _ = at_round(agent, observation, 1, of=8)
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
    assert prune_agents.make(name, period=3, full_rounds=6).env_options(8) == wanted
    with pytest.raises(ValueError, match=r"full_rounds is 4; .* allowed are multiples of period"):
        prune_agents.make(name, period=3, full_rounds=4)  # looks would come after rounds 3, 6 ...


def test_kakurenbo_never_hides_all(observe):
    agent = prune_agents.make("kakurenbo", keep_ratio=1e-6)
    sure = {name: [value] for name, value in {"loss": 0, "confidence": 1, "correct": 1}.items()}
    assert agent.predict(observe(**sure, progress=[0.1]))[0].astype(bool).all()
