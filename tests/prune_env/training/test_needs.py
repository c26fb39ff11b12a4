"""Which agents work in a loop of one's own, and what the others are told beforehand."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import prune_agents
import pytest
import torch
from stable_baselines3 import PPO
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from prune_env.training import Pruned

NOT = {"grand_full", "rho_loss", "tdds"}
"""Those that want of a prior run what no loop records."""
EPOCHS = 4


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3))


def trained(dataset: TensorDataset, agent: Any, **options: Any) -> Pruned:
    """A whole run of a loop that gives everything."""
    model = network()
    average = torch.optim.swa_utils.AveragedModel(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    everything = {"model": model, "reference": average, "num_validation": 10, "quiet": True}
    pruned = Pruned(dataset, agent, epochs=EPOCHS, seed=1, **(everything | options))
    while not pruned.over:
        for inputs, labels, arms in DataLoader(pruned.dataset, 16, sampler=pruned.sampler):
            pruned.loss(model(inputs), labels, arms).backward()
            optimizer.step()
            optimizer.zero_grad()
            average.update_parameters(model)
        with torch.no_grad():
            for inputs, labels, arms in DataLoader(pruned.dataset, 16, sampler=pruned.rest):
                pruned.look(model(inputs), labels, arms)
        pruned.validated(1 / (1 + pruned.epoch), 0.5)
    return pruned


@pytest.fixture(scope="module")
def prior():
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 3
    dataset = TensorDataset(torch.randn(60, 2, generator=rng) + labels[:, None], labels)
    return dataset, trained(dataset, None, keep_traces=True, signals=("features",)).traces()


@pytest.mark.parametrize("name", sorted(set(prune_agents.names()) - NOT))
def test_an_agent_works_where_the_loop_gives_everything(name, prior):
    dataset, traces = prior
    agent = prune_agents.make(name, keep_ratio=0.4)
    wishes = agent.env_options(EPOCHS)
    given = {"prior": traces} if agent.prior(EPOCHS) else {}
    pruned = trained(dataset, agent, feedback=wishes.get("feedback", "semi"), **given)
    trained_on = pruned.summary()
    assert pruned.epoch == EPOCHS or "budget" in wishes
    if agent.keeps_k:
        assert trained_on.samples == EPOCHS * 24
    assert 0 < trained_on.share <= 1


def test_no_less_than_fifty_do():
    assert len(set(prune_agents.names()) - NOT) >= 50


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("kakurenbo", {"labels": None}, "reads confidence, which takes logits and classes; pass"),
        ("class_quota", {"num_classes": 3}, "reads label, which .* pass labels=, the class of"),
        ("density_epoch", {}, "DensityEpoch reads features, .* pass model="),
        ("molpeg", {"model": True}, "MolPeg reads reference_loss, .* pass reference="),
        ("dvrl", {}, r"DVRL reads val_loss, .* num_validation=.* pruned\.validated"),
        ("nlu_diet", {}, r"reads the arms that it pruned too; pass feedback='full'.*pruned\.rest"),
        ("nobody", {}, "unknown signal 'los'"),
        (
            "rho_loss",
            {},
            r"takes prior runs that leave out one half .*, which no loop records; pass",
        ),
    ],
)
def test_what_an_agent_needs_is_said_before_anything_is_trained(name, options, message):
    class Nobody:
        signals = ("los",)

        def predict(self, observation, state=None): ...

    agent = Nobody() if name == "nobody" else prune_agents.make(name)
    labels = torch.arange(6) % 3
    unlabelled = "labels" in options or "num_classes" in options
    given = {"num_classes": options["num_classes"]} if "num_classes" in options else {}
    if "model" in options:
        given["model"] = network()
    dataset = [1.0] * 6 if unlabelled else TensorDataset(torch.randn(6, 2), labels)
    with pytest.raises(ValueError, match=message):
        Pruned(dataset, agent, epochs=2, **given)


def test_a_look_at_what_has_no_classes_is_refused():
    with pytest.raises(ValueError, match="feedback is 'full', and look takes logits and classes"):
        Pruned([1.0] * 6, prune_agents.make("ucb"), epochs=2, feedback="full")


def test_who_has_no_wishes_is_shown_what_is_free():
    shown = []

    class Plain:
        def predict(self, observation, state=None):
            shown.append(set(observation))
            return torch.ones(6), None

    free = {"seen", "loss", "age", "pulls", "progress", "budget_left"}
    of_classes = {"confidence", "margin", "correct", "error_norm"}
    Pruned([1.0] * 6, Plain(), epochs=2)
    Pruned([1.0] * 6, Plain(), epochs=2, num_classes=3)
    Pruned([1.0] * 6, Plain(), epochs=2, labels=[0, 1, 2, 0, 1, 2])
    assert shown == [free, free | of_classes, free | of_classes | {"label"}]


def test_a_model_as_it_was_trained_is_shown_what_it_was_trained_on():
    env = gym.make("prune_env/Synthetic-v0", num_arms=60, signals=("loss", "pulls"))
    model = PPO("MultiInputPolicy", env, n_steps=8, batch_size=8, device="cpu")
    with torch.no_grad():
        model.policy.action_net.bias[:20] = 9  # it keeps these, whatever it is shown
        model.policy.action_net.bias[20:] = -9
    pruned = trained(TensorDataset(torch.randn(60, 2), torch.arange(60) % 3), model)
    assert (pruned.wishes.who, pruned.wishes.signals) == ("PPO", ("seen", "loss", "pulls"))
    assert pruned.columns()["pulls"].tolist() == [EPOCHS] * 20 + [0] * 40
