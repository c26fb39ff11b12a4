"""What was saved, and what is known of every sample, in the order of the data set."""

from __future__ import annotations

import csv

import numpy as np
import prune_agents
import pytest
import torch
from torch.utils.data import TensorDataset

from prune_env.training import Pruned, course


class Halves:
    """Keeps the classes 0 and 1 in the first epoch, class 0 after that."""

    signals = ("label", "pulls")

    def predict(self, observation, state=None):
        most = 1 if observation["pulls"].any() else 2
        return (observation["label"] < most).astype(np.int8), None


def test_what_was_saved_is_printed_at_the_end(blobs, linear, train_epoch, capsys):
    pruned = Pruned(blobs, Halves(), epochs=2)
    train_epoch(pruned, linear())
    assert capsys.readouterr().out == ""
    train_epoch(pruned, linear())
    summary = pruned.summary()
    assert (summary.epochs, summary.samples, summary.passes) == (2, 120, 360)
    assert (summary.share, summary.cost) == (0.5, 0.5)
    assert summary.kept_by_class == pytest.approx((1.0, 0.5, 0.0))
    assert (summary.seen, np.mean(summary.kept_by_difficulty)) == pytest.approx((2 / 3, 0.75))
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "2 epochs of 120 samples: 50.0% of them trained on, 50.0% of the passes"
    assert shown[-1] == "kept, by class: 100% 50% 0%"
    assert min(summary.seconds_choosing, summary.seconds_training) > 0


def test_a_bar_of_fewer_epochs_says_what_it_costs_of_those_that_were_planned(
    blobs, linear, train_epoch, capsys
):
    pruned = Pruned(blobs, prune_agents.make("full_short", keep_ratio=0.25), epochs=4)
    train_epoch(pruned, linear())
    summary = pruned.summary()
    assert (summary.epochs, summary.planned) == (1, 4)
    assert (summary.cost, summary.cost_of_planned) == (1, 0.25)
    shown = capsys.readouterr().out.splitlines()[0]
    assert shown == (
        "1 epoch of 120 samples: 100.0% of them trained on, 100.0% of the passes, "
        "25.0% of those of 4 epochs"
    )


def test_choosing_has_no_share_of_the_time_before_anything_is_trained(blobs, linear, train_epoch):
    pruned = Pruned(blobs, epochs=2, quiet=True)
    assert str(pruned.summary()).splitlines()[1] == "choosing took 0.0 s"
    train_epoch(pruned, linear())
    assert "% of the time" in str(pruned.summary()).splitlines()[1]


def test_difficulty_goes_from_the_lowest_loss_to_the_highest(blobs):
    pruned = Pruned(blobs, epochs=2, quiet=True)
    agent = prune_agents.make("ucb", keep_ratio=0.1)
    pruned = Pruned(blobs, agent, epochs=11, quiet=True)
    losses = torch.arange(120) / 60
    while not pruned.over:
        for arm in list(pruned.sampler):
            pruned.record(torch.tensor([arm]), losses[arm : arm + 1])
    easiest, *_, hardest = pruned.summary().kept_by_difficulty
    assert (easiest, hardest) == pytest.approx((1 / 11, 2 / 11))  # all once, the hardest twice


@pytest.mark.parametrize("of_classes", [True, False])
def test_difficulty_is_of_the_samples_that_were_seen(of_classes, blobs):
    """A guess in the place of the loss of the others would put them all at one end."""
    agent = prune_agents.make("random_dynamic", keep_ratio=0.3)
    data = blobs if of_classes else torch.utils.data.TensorDataset(torch.rand(120, 1))
    pruned = Pruned(data, agent, epochs=2, quiet=True)
    assert pruned.summary().kept_by_difficulty == ()
    assert "lowest loss" not in str(pruned.summary())
    while not pruned.over:
        arms = torch.tensor(list(pruned.sampler))
        pruned.record(arms, arms / 60)
    summary, seen = pruned.summary(), np.flatnonzero(pruned.columns()["pulls"])
    assert 36 < len(seen) < 72
    shares = [pruned.columns()["pulls"][part].mean() / 2 for part in np.array_split(seen, 10)]
    assert summary.kept_by_difficulty == pytest.approx(shares)
    assert f"kept, of the {len(seen) / 120:.1%} that were seen, from the lowest" in str(summary)


def test_files_are_in_the_order_of_the_data_set(blobs, linear, train_epoch, tmp_path):
    pruned = Pruned(blobs, prune_agents.make("ucb", keep_ratio=0.5), epochs=3)
    for _ in range(2):
        train_epoch(pruned, linear())
    pruned.to_csv(tmp_path / "samples.csv")
    pruned.to_npz(tmp_path / "samples.npz")
    with open(tmp_path / "samples.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with np.load(tmp_path / "samples.npz") as found:
        arrays = dict(found)
    table = pruned.course.rounds.arms
    names = ["position", "label", "pulls", "last_seen", "loss", "score"]
    names += ["agent_mean", "agent_variance"]
    assert list(rows[0]) == names
    assert arrays.keys() == {*names, "kept"}
    assert [int(row["position"]) for row in rows] == list(range(120))
    assert [int(row["label"]) for row in rows] == blobs.tensors[1].tolist()
    losses = [float(row["loss"]) for row in rows]
    np.testing.assert_allclose(losses, table.measured["loss"][0], rtol=1e-5)
    np.testing.assert_array_equal(arrays["score"], arrays["agent_mean"] + arrays["agent_variance"])
    assert arrays["score"][arrays["kept"][2]].min() >= np.sort(arrays["score"])[60]
    assert arrays["kept"].shape == (3, 120)
    assert arrays["kept"].sum(axis=1).tolist() == [60, 60, 60]
    np.testing.assert_array_equal(arrays["kept"][:2].sum(axis=0), arrays["pulls"])
    np.testing.assert_array_equal(arrays["kept"][2], pruned.course.kept.planned)


def test_columns_stay_as_they_were(blobs, linear, train_epoch):
    pruned = Pruned(blobs, prune_agents.make("ucb", keep_ratio=0.5), epochs=3, quiet=True)
    train_epoch(pruned, linear())
    columns = pruned.columns()
    train_epoch(pruned, linear())
    assert columns["pulls"].sum() == columns["last_seen"].sum() == 60
    columns["label"][:] = 0
    assert pruned.columns()["label"].tolist() == blobs.tensors[1].tolist()


def test_after_the_end_scores_are_those_of_a_further_choice(blobs, linear, train_epoch):
    """The arms of the last epoch are scored by what it has shown of them too."""
    agent = prune_agents.make("epsilon_greedy", keep_ratio=0.5)
    short, longer = (Pruned(blobs, agent, epochs=n, quiet=True) for n in (2, 3))
    for pruned in (short, longer):
        for _ in range(2):
            train_epoch(pruned, linear())
    assert (short.over, longer.over) == (True, False)
    np.testing.assert_array_equal(short.columns()["score"], longer.columns()["score"])


@pytest.mark.parametrize(
    ("agent", "of_arms"),
    [
        ("odm", []),  # what it keeps of its classes is no column of samples
        ("dump", ["before"]),
        ("rs2", []),
        ("pods:rs2", []),
        ("arm_clusters", ["known", "before", "group"]),
        ("meta_bandit:random_dynamic,rs2,uncertainty", ["2/mean"]),
    ],
)
def test_what_an_agent_keeps_of_groups_is_no_column(agent, of_arms, blobs, linear, train_epoch):
    name, _, inside = agent.partition(":")
    options = {"pods": {"policy": inside}, "meta_bandit": {"policies": tuple(inside.split(","))}}
    made = prune_agents.make(name, **options.get(name, {}))
    pruned = Pruned(blobs, made, epochs=3, num_validation=9, quiet=True)
    train_epoch(pruned, linear())
    pruned.validated(1.0, 0.5)
    columns = [name for name in pruned.columns() if name.startswith("agent_")]
    assert columns == [f"agent_{name}" for name in of_arms]


def test_what_lies_between_epochs_is_no_training(blobs, linear, train_epoch, monkeypatch):
    clock = np.zeros(2)  # stands still while it is trained
    monkeypatch.setattr(course, "_now", lambda: tuple(clock))
    pruned, model = Pruned(blobs, epochs=4, quiet=True), linear()
    for _ in range(4):
        train_epoch(pruned, model, drop_last=True, batch_size=50)
        clock += 1000
    assert pruned.summary().seconds_training < 1000


@pytest.mark.parametrize(
    ("agent", "num_arms"), [("contextual", 49), ("contextual", 7), ("dvrl", 97)]
)
def test_parameters_that_are_as_many_as_the_arms_are_no_column(agent, num_arms):
    dataset = TensorDataset(torch.zeros(num_arms, 2), torch.arange(num_arms) % 3)
    options = {"num_validation": 10} if agent == "dvrl" else {}
    pruned = Pruned(dataset, prune_agents.make(agent), epochs=1, quiet=True, **options)
    kept = {name for name in pruned.columns() if name.startswith("agent_")}
    assert kept <= {"agent_mean", "agent_variance"}
