"""The table of what a choice costs."""

import prune_agents
import pytest
from speed import predict_time


def test_every_agent_has_a_row(capsys):
    predict_time.main(predict_time.Options(num_arms=200, repeats=1))
    printed = capsys.readouterr().out
    for name in prune_agents.names():
        assert name in printed


@pytest.mark.parametrize("name", ["ucb", "swucb", "contextual", "meta_bandit"])
def test_state_grows_with_the_number_of_arms_and_no_faster(name):
    sizes = [
        predict_time.measure(name, predict_time.Options(n, repeats=1)).state for n in (500, 5000)
    ]
    assert sizes[1] <= sizes[0]  # bytes an arm


SLOW = ("d2", "grad_match", "infogrowth", "infomax", "kcenter")
"""Those that take half a minute over so many."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name
        for name in prune_agents.names()
    ],
)
def test_every_agent_chooses_among_as_many_arms_as_cifar10_has(name):
    """What keeps k keeps it there too."""
    assert predict_time.measure(name, predict_time.Options(50_000, repeats=1)).usual > 0
