"""A loop that is stopped in the middle of an epoch goes on as if it had never been."""

from __future__ import annotations

import io
import pickle
from copy import deepcopy
from itertools import islice

import numpy as np
import prune_agents
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

from prune_env.training import Pruned, course

EPOCHS = 4


def points() -> TensorDataset:
    rng = torch.Generator().manual_seed(1)
    return TensorDataset(torch.randn(90, 2, generator=rng), torch.arange(90) % 3)


class Script:
    """A training script that may be stopped after so many steps in all."""

    def __init__(self, linear, agent, make_loader, **options):
        self.pruned = Pruned(points(), agent, epochs=EPOCHS, seed=5, **options)
        self.model, self.loader = linear(), make_loader(self.pruned)
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.5)
        self.arms: list[list[int]] = []

    def run(self, steps=10**9):
        while not self.pruned.over:
            for inputs, labels, arms in self.loader:
                loss = self.pruned.loss(self.model(inputs), labels, arms)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                self.arms.append(arms.tolist())
                if len(self.arms) == steps:
                    return self
            for inputs, labels, arms in DataLoader(
                self.pruned.dataset, 8, sampler=self.pruned.rest
            ):
                self.pruned.look(self.model(inputs), labels, arms)
                self.arms.append(arms.tolist())
                if len(self.arms) == steps:
                    return self
            if self.pruned.course.phase == "validate":
                self.pruned.validated(self.model.weight.detach().norm(), 0.5)
        return self

    def save(self):
        state = {"pruned": self.pruned.state_dict(), "model": self.model.state_dict()}
        if hasattr(self.loader, "state_dict"):
            state["loader"] = self.loader.state_dict()
        file = io.BytesIO()
        torch.save(state, file)
        file.seek(0)
        return torch.load(file, weights_only="loader" not in state)

    def load(self, state):
        self.pruned.load_state_dict(state["pruned"])
        self.model.load_state_dict(state["model"])
        if "loader" in state:
            self.loader.load_state_dict(state["loader"])
        return self


class Fewest:
    """Keeps the third of the arms whose loss is highest, and wants to know that of all."""

    signals = ("loss",)
    feedback = "full"

    def predict(self, observation, state=None):
        return (observation["loss"] >= np.quantile(observation["loss"], 2 / 3)).astype(
            np.int8
        ), None


def plain(pruned, **options):
    return DataLoader(pruned.dataset, 8, sampler=pruned.sampler, **options)


LOADERS = {
    "plain": plain,
    "workers": lambda pruned: plain(pruned, num_workers=2, prefetch_factor=3),
    "equal batches": lambda pruned: DataLoader(
        pruned.dataset, batch_sampler=pruned.batch_sampler(8)
    ),
    "stateful": lambda pruned: StatefulDataLoader(pruned.dataset, 8, sampler=pruned.sampler),
    "stateful, equal batches": lambda pruned: StatefulDataLoader(
        pruned.dataset, batch_sampler=pruned.batch_sampler(8)
    ),
    "stateful, workers": lambda pruned: StatefulDataLoader(
        pruned.dataset, 8, sampler=pruned.sampler, num_workers=2
    ),
    "stateful, rare snapshots": lambda pruned: StatefulDataLoader(
        pruned.dataset, 8, sampler=pruned.sampler, num_workers=2, snapshot_every_n_steps=3
    ),
}


@pytest.mark.parametrize("way", LOADERS)
def test_the_same_samples_follow(way, linear):
    agent = prune_agents.make("ucb", keep_ratio=0.4)
    whole = Script(linear, agent, LOADERS[way]).run()
    assert len(whole.arms) == 20  # 36 samples are 5 batches
    for steps in (10,) if way.endswith(("workers", "snapshots")) else (1, 5, 7, 13, 19):
        stopped = Script(linear, agent, LOADERS[way]).run(steps)
        resumed = Script(linear, agent, LOADERS[way]).load(stopped.save()).run()
        assert stopped.arms + resumed.arms == whole.arms
        assert torch.equal(resumed.model.weight, whole.model.weight)
        ledger = resumed.pruned.course.rounds.ledger
        assert ledger.charged.tolist() == whole.pruned.course.rounds.ledger.charged.tolist()


@pytest.mark.parametrize("way", ["plain", "stateful"])
@pytest.mark.parametrize("steps", range(1, 17))
def test_the_same_samples_follow_where_a_loader_drops_some(steps, way, linear):
    """Saved after the last batch of an epoch too, of which 4 samples are dropped."""
    kind = {"plain": DataLoader, "stateful": StatefulDataLoader}[way]

    def make(pruned):
        return kind(pruned.dataset, 8, sampler=pruned.sampler, drop_last=True)

    agent = prune_agents.make("ucb", keep_ratio=0.4)
    whole = Script(linear, agent, make).run()
    assert len(whole.arms) == 16
    stopped = Script(linear, agent, make).run(steps)
    resumed = Script(linear, agent, make).load(stopped.save()).run()
    assert stopped.arms + resumed.arms == whole.arms
    assert torch.equal(resumed.model.weight, whole.model.weight)


@pytest.mark.parametrize("way", ["plain", "stateful", "stateful, equal batches"])
@pytest.mark.parametrize("at_end", [False, True])
def test_an_epoch_that_is_longer_than_the_one_before_is_whole(at_end, way, taking, linear):
    """Saved after the last batch of an epoch, within the loop or when that has ended."""
    agent = taking(10, 20, 50, 90)
    whole = Script(linear, agent, LOADERS[way]).run()
    for epoch, steps in enumerate((2, 5, 12), 1):
        stopped = Script(linear, agent, LOADERS[way])
        if at_end:
            for _ in range(epoch):
                for inputs, labels, arms in stopped.loader:
                    stopped.pruned.loss(stopped.model(inputs), labels, arms)
                    stopped.arms.append(arms.tolist())
        else:
            stopped.run(steps)
        resumed = Script(linear, agent, LOADERS[way]).load(stopped.save()).run()
        assert stopped.arms + resumed.arms == whole.arms


def test_weights_and_lengths_follow_too(linear):
    agent = prune_agents.make("infobatch")
    whole = Script(linear, agent, plain).run()
    stopped = Script(linear, agent, plain).run(18)
    looked_at, resumed = (Script(linear, agent, plain).load(stopped.save()) for _ in range(2))
    left = len(resumed.pruned.sampler)
    assert left == len(stopped.pruned.sampler) - stopped.pruned.course.kept.done > 0
    assert len(list(islice(looked_at.pruned.sampler, left + 1))) == left
    assert resumed.pruned.progress == stopped.pruned.progress
    assert stopped.arms + resumed.run().arms == whole.arms
    assert torch.equal(resumed.model.weight, whole.model.weight)


@pytest.mark.parametrize("way", ["plain", "stateful"])
@pytest.mark.parametrize(
    ("agent", "options"),
    [(Fewest(), {"feedback": "full"}), (prune_agents.make("dvrl"), {"num_validation": 9})],
)
def test_an_epoch_that_waits_for_more_goes_on(agent, options, way, linear):
    """Stopped after any step: the last of an epoch, and in a look at what it left out."""
    whole = Script(linear, agent, LOADERS[way], **options).run()
    for steps in range(1, len(whole.arms)):
        stopped = Script(linear, agent, LOADERS[way], **options).run(steps)
        resumed = Script(linear, agent, LOADERS[way], **options).load(stopped.save())
        assert stopped.arms + resumed.run().arms == whole.arms
        assert torch.equal(resumed.model.weight, whole.model.weight)


def test_a_state_of_something_else_is_refused(linear):
    state = Pruned(points(), epochs=EPOCHS, seed=5).state_dict()
    with pytest.raises(ValueError, match="the state has seed 5; now it is 6"):
        Pruned(points(), epochs=EPOCHS, seed=6).load_state_dict(state)
    with pytest.raises(ValueError, match="the state has agent 'everything'; now it is 'UCB'"):
        Pruned(points(), prune_agents.make("ucb"), epochs=EPOCHS, seed=5).load_state_dict(state)
    rolled = TensorDataset(*(tensor.roll(1, 0) for tensor in points().tensors))
    with pytest.raises(ValueError, match=r"the state has checksum of labels \d+; now it is \d+"):
        Pruned(rolled, epochs=EPOCHS, seed=5).load_state_dict(state)


KEEPS = prune_agents.make("random_dynamic")


@pytest.mark.parametrize(
    ("saved", "made", "message"),
    [
        ({}, {"feedback": "full"}, "feedback 'semi'; now it is 'full'"),
        ({"keep_traces": True}, {}, "keep_traces True; now it is False"),
        ({}, {"num_classes": 4}, "num_classes 3; now it is 4"),
        ({}, {"num_validation": 9}, "num_validation 5; now it is 9"),
        (
            {"signals": ("margin",)},
            {},
            r"signals \('loss', 'margin', 'seen'\); now it is \('loss', 'seen'\)",
        ),
        (
            {"agent": prune_agents.make("learned", weights=(0.0,) * 31 + (5.0,))},
            {"agent": prune_agents.make("learned", weights=(0.0,) * 31 + (-5.0,))},
            r"agent_options with weights \(.*, 5\.0\); now it is \(.*, -5\.0\)",
        ),
        (
            {"agent": prune_agents.make("meta_bandit", policies=("ucb", "easiest"))},
            {"agent": prune_agents.make("meta_bandit", policies=("easiest", "ucb"))},
            "agent_options {.*'ucb', 'easiest'.*}; now it is {.*'easiest', 'ucb'.*}",
        ),
    ],
)
def test_a_state_of_one_that_was_made_otherwise_is_refused(saved, made, message):
    def make(agent=KEEPS, num_validation=5, **options):
        told = {"epochs": EPOCHS, "num_validation": num_validation, "quiet": True}
        return Pruned(points(), agent, **told, **options)

    file = io.BytesIO()
    torch.save(make(**saved).state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    make(**saved).load_state_dict(state)
    with pytest.raises(ValueError, match=f"^the state has {message}$"):
        make(**made).load_state_dict(state)


def test_a_loaders_state_without_that_of_pruned_is_refused(linear):
    make = LOADERS["stateful"]
    script = Script(linear, None, make).run(13)
    other = Script(linear, None, make)
    other.loader.load_state_dict(script.save()["loader"])
    with pytest.raises(ValueError, match=r"the loader's state is of round 1, and .* round is 0"):
        other.run()


@pytest.mark.parametrize("name", ["ucb", "ts_gauss", "rs2", "infobatch"])
@pytest.mark.parametrize("steps", [1, 11, 10**9])
def test_all_that_is_exported_is_there_after_a_restart(name, steps, linear):
    agent = prune_agents.make(name, keep_ratio=0.4)
    stopped = Script(linear, agent, plain, quiet=True).run(steps)
    resumed = Script(linear, agent, plain, quiet=True).load(stopped.save())
    expected, found = stopped.pruned.columns(), resumed.pruned.columns()
    assert ("score" in expected) == (name in ("ucb", "ts_gauss"))
    assert found.keys() == expected.keys()
    for column, values in expected.items():
        np.testing.assert_array_equal(found[column], values)


def test_a_copy_goes_on_like_the_original(linear):
    """As frameworks make of all that a module holds, by pickle or deepcopy."""
    agent = prune_agents.make("ucb", keep_ratio=0.4)
    script = Script(linear, agent, plain, quiet=True).run(7)
    copies = [deepcopy(script.pruned), pickle.loads(pickle.dumps(script.pruned))]
    for copy in copies:
        assert list(copy.sampler) == list(script.pruned.sampler)
        np.testing.assert_array_equal(copy.columns()["score"], script.pruned.columns()["score"])


class Counting:
    """Keeps all, and counts its choices in place."""

    signals = ("loss",)

    def predict(self, observation, state=None):
        state = {"choices": np.zeros(1)} if state is None else state
        state["choices"] += 1
        return np.ones(len(observation["loss"]), np.int8), state


def test_a_state_stays_as_it_was_whatever_an_agent_does_to_its_own(linear):
    script = Script(linear, Counting(), plain, quiet=True).run(12)  # one of 4 epochs
    state = script.pruned.state_dict()
    script.run()
    for _ in range(2):
        resumed = Script(linear, Counting(), plain, quiet=True)
        resumed.pruned.load_state_dict(state)
        resumed.run()
        assert resumed.pruned.course.agent_state["choices"].tolist() == [4]


def test_the_seconds_before_a_restart_are_training(linear, monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(course, "_now", lambda: (float(next(clock)),) * 2)

    def loader(pruned):
        return DataLoader(pruned.dataset, 30, sampler=pruned.sampler)

    def spent(*stops):
        script = Script(linear, None, loader)
        for stop in stops:
            state = script.run(stop).pruned.state_dict()
            script = Script(linear, None, loader)
            script.pruned.load_state_dict(state)
        return script.run().pruned.summary().seconds_training

    whole = spent()
    assert whole == pytest.approx(spent(2), abs=1)
    assert whole == pytest.approx(spent(1, 1), abs=2)
    assert whole == pytest.approx(spent(3, 3), abs=1)  # between two epochs
