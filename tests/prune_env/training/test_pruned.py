"""What a loop reads of `Pruned`, and what it tells."""

from __future__ import annotations

import math
import warnings

import numpy as np
import prune_agents
import pytest
import torch
import torch.nn.functional as F
from keeps import Keeps
from torch.utils.data import DataLoader

from prune_env.core.signals import SIGNALS
from prune_env.data.augment import draw_noise
from prune_env.notices import Notice
from prune_env.training import Pruned


def test_lengths_are_right_before_an_epoch_for_agents_that_shrink_and_grow(
    blobs, linear, train_epoch
):
    pruned, model = Pruned(blobs, Keeps(40, 7, 120), epochs=3), linear()
    loader = DataLoader(pruned.dataset, batch_size=16, sampler=pruned.sampler)
    lengths = [(len(pruned.sampler), len(loader))]
    for _ in range(3):
        train_epoch(pruned, model)
        lengths.append((len(pruned.sampler), len(loader)))
    assert lengths == [(40, 3), (7, 1), (120, 8), (0, 0)]
    assert pruned.over


def test_the_order_is_that_of_the_environment(blobs, linear, train_epoch):
    pruned = Pruned(blobs, Keeps(5, 9), epochs=2, seed=3)
    for epoch, kept in enumerate((5, 9)):
        order = draw_noise(120, 0, False, 3, epoch).order
        batches = train_epoch(pruned, linear())
        assert np.concatenate(batches).tolist() == [arm for arm in order.tolist() if arm < kept]


def test_equal_batches(blobs, linear, train_epoch):
    pruned = Pruned(blobs, Keeps(33), epochs=1)
    sampler = pruned.batch_sampler(16)
    assert len(sampler) == 3
    batches = train_epoch(pruned, linear(), batch_sampler=sampler)
    assert [len(batch) for batch in batches] == [11, 11, 11]
    with pytest.raises(ValueError, match="batch_size is 0; allowed is 1 or more"):
        pruned.batch_sampler(0)


def test_the_loss_is_the_sum_of_weighted_losses_by_the_batch_size(blobs):
    logits = torch.tensor([[0.0, math.log(2.0), 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    labels = torch.tensor([1, 2])
    for weight, factor in ((None, 1.0), (2.5, 2.5)):
        pruned = Pruned(blobs, Keeps(2, weight=weight), epochs=1)
        arms = torch.tensor(next(iter(pruned.batch_sampler(2))))
        loss = pruned.loss(logits, labels, arms)
        assert loss.item() == pytest.approx(factor * (math.log(2) + math.log(3)) / 2)


def test_what_is_recorded_is_what_the_environment_measures(blobs):
    agent = Keeps(2, 2, signals=("loss", "confidence", "margin", "correct", "error_norm", "pulls"))
    pruned = Pruned(blobs, agent, epochs=2)
    next(iter(pruned.sampler))
    logits = torch.tensor([[0.0, math.log(2.0), 0.0], [0.0, 0.0, 0.0]])
    smoothed = F.cross_entropy(logits, torch.tensor([1, 2]), label_smoothing=0.1, reduction="none")
    loss = pruned.loss(logits, torch.tensor([1, 2]), torch.tensor([1, 0]), smoothed)
    assert loss.item() == pytest.approx(smoothed.mean().item())
    first, then = agent.shown
    assert first["loss"][:3].tolist() == pytest.approx([math.log(3)] * 3)
    assert then["loss"][:3].tolist() == pytest.approx([math.log(3), math.log(2), math.log(3)])
    assert then["confidence"][:3].tolist() == pytest.approx([1 / 3, 1 / 2, 1 / 3])
    assert then["margin"][:2].tolist() == pytest.approx([0, 1 / 4])
    assert then["correct"][:2].tolist() == [0, 1]
    assert then["error_norm"][1] == pytest.approx(math.sqrt(1 / 4 + 2 / 16))
    assert then["pulls"][:3].tolist() == [1, 1, 0]
    assert then["seen"][:3].tolist() == [1, 1, 0]


def test_arms_that_are_not_of_this_epoch_are_refused(blobs):
    pruned = Pruned(blobs, Keeps(2), epochs=1)
    logits, labels = torch.zeros(2, 3), torch.tensor([0, 1])
    with pytest.raises(ValueError, match=r"not of this epoch; draw them from pruned\.sampler"):
        pruned.loss(logits, labels, torch.tensor([0, 1]))  # no sampler was asked
    next(iter(pruned.sampler))
    with pytest.raises(ValueError, match="not of this epoch"):
        pruned.loss(logits, labels, torch.tensor([0, 2]))
    with pytest.raises(ValueError, match=r"arms are 0 to 120; allowed is 0 to 119"):
        pruned.loss(logits, labels, torch.tensor([0, 120]))
    floats = r"arms are float32 of shape \(2,\); expected int64 \(2,\)"
    nothing = r"arms are a NoneType; expected int64 \(2,\), as they came"
    for arms, message in ((torch.tensor([0.0, 1.0]), floats), (None, nothing)):
        with pytest.raises(ValueError, match=message):
            pruned.loss(logits, labels, arms)
    with pytest.raises(ValueError, match=r"logits are \(2, 3, 4\).*call record"):
        pruned.loss(torch.zeros(2, 3, 4), labels, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"losses are \(\); expected \(2,\), one a sample"):
        pruned.loss(logits, labels, torch.tensor([0, 1]), torch.tensor(0.5))


def test_a_look_at_a_batch_before_training_changes_nothing(blobs, linear, train_epoch):
    looked, other = (Pruned(blobs, Keeps(30, 20), epochs=2) for _ in range(2))
    next(iter(DataLoader(looked.dataset, batch_size=16, sampler=looked.sampler)))
    assert train_epoch(looked, linear()) == train_epoch(other, linear())
    assert looked.epoch == 1


@pytest.mark.filterwarnings("ignore::prune_env.notices.Notice")
def test_an_epoch_that_is_cut_off_ends_when_the_next_begins(blobs, linear, train_epoch):
    agent = Keeps(40, 20, signals=("pulls",))
    pruned = Pruned(blobs, agent, epochs=2)
    assert len(np.concatenate(train_epoch(pruned, linear(), drop_last=True))) == 32
    assert pruned.epoch == 0
    train_epoch(pruned, linear())
    assert (pruned.epoch, pruned.over) == (2, True)
    assert agent.shown[1]["pulls"].sum() == 32  # what was dropped was not trained on
    assert int(pruned.course.rounds.ledger.charged[0]) == 3 * (32 + 20)


def test_a_second_pass_over_the_last_batch_has_its_weights_and_counts_once(blobs):
    pruned = Pruned(blobs, Keeps(2, 1, weight=3.0), epochs=2)
    next(iter(pruned.sampler))
    logits, labels, arms = torch.zeros(2, 3), torch.tensor([0, 1]), torch.tensor([0, 1])
    first, second = (pruned.loss(logits, labels, arms).item() for _ in range(2))
    assert first == second == pytest.approx(3 * math.log(3))
    assert (pruned.epoch, pruned.course.rounds.arms.pulls.sum()) == (1, 2)


def test_a_second_pass_over_several_batches_at_the_end_of_an_epoch_counts_for_nothing(blobs):
    """As SAM and LBFGS make over the batches whose gradients one step adds up."""
    agent = Keeps(8, 3, weight=3.0)
    pruned = Pruned(blobs, agent, epochs=2, quiet=True)
    logits, labels, losses = torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), []
    batches = list(map(torch.tensor, pruned.batch_sampler(4)))
    for arms in batches * 3:
        losses.append(pruned.loss(logits, labels, arms).item())
    assert losses == pytest.approx([3 * math.log(3)] * 6)
    assert (pruned.epoch, pruned.course.rounds.arms.pulls.sum()) == (1, 8)
    with pytest.raises(ValueError, match=r"not of this epoch; draw them from pruned\.sampler"):
        pruned.loss(logits, labels, torch.tensor([0, 1, 2, 8]))


@pytest.mark.filterwarnings("ignore:16 of the 24 samples of epoch 0")
def test_an_iteration_inside_an_epoch_ends_it_and_is_named_as_the_cause(blobs, linear):
    pruned, model = Pruned(blobs, Keeps(24, 3), epochs=2, quiet=True), linear()
    loader = DataLoader(pruned.dataset, 8, sampler=pruned.sampler)
    batches = iter(loader)
    inputs, labels, arms = next(batches)
    pruned.loss(model(inputs), labels, arms)
    next(iter(loader))
    assert pruned.epoch == 1
    ended = "of the epoch before, which ended when another iteration over the loader began"
    inputs, labels, arms = next(batches)
    with pytest.raises(ValueError, match=ended):
        pruned.loss(model(inputs), labels, arms)


def test_a_loss_that_is_no_number_is_the_worst_and_is_named(blobs):
    agent = Keeps(3, 1)
    pruned = Pruned(blobs, agent, epochs=2)
    next(iter(pruned.sampler))
    logits = torch.zeros(3, 3)
    logits[1] = math.nan
    with pytest.warns(UserWarning, match=r"loss of 1 of 3 samples was not finite.*: samples 2\.?$"):
        pruned.loss(logits, torch.tensor([0, 1, 2]), torch.tensor([0, 2, 1]))
    assert agent.shown[1]["loss"][2] == SIGNALS["loss"].high == 100


def test_losses_alone_where_there_are_no_classes():
    dataset = [(torch.ones(2), torch.ones(2)) for _ in range(6)]
    agent = Keeps(6, 6, weight=2.0)
    pruned = Pruned(dataset, agent, epochs=2)
    losses = torch.arange(6.0, requires_grad=True)
    next(iter(pruned.sampler))
    pruned.record(torch.arange(6), losses).backward()
    assert losses.grad.tolist() == pytest.approx([2 / 6] * 6)
    assert agent.shown[0]["loss"].tolist() == [0] * 6
    assert agent.shown[1]["loss"].tolist() == [0, 1, 2, 3, 4, 5]
    next(iter(pruned.sampler))
    with pytest.raises(ValueError, match=r"losses are \(6, 4\); expected \(B,\), one a sample"):
        pruned.record(torch.arange(6), torch.zeros(6, 4))
    with pytest.raises(ValueError, match="tells of none; pass num_classes=3 to Pruned, or"):
        pruned.loss(torch.zeros(6, 3), torch.zeros(6, dtype=torch.int64), torch.arange(6))


@pytest.mark.parametrize("columns", [2, 4])
def test_logits_of_other_classes_than_were_told_are_refused(columns):
    pruned = Pruned(range(6), epochs=2, num_classes=3)
    next(iter(pruned.sampler))
    with pytest.raises(ValueError, match=f"logits have {columns} columns; num_classes is 3"):
        pruned.loss(torch.zeros(6, columns), torch.zeros(6, dtype=torch.int64), torch.arange(6))


def test_gradients_add_up_over_batches_and_a_scaler_scales(blobs, linear):
    gradients = []
    for batch_size in (30, 10):
        model, pruned = linear(), Pruned(blobs, Keeps(30), epochs=1)
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
        loader = DataLoader(pruned.dataset, batch_size, sampler=pruned.sampler)
        for inputs, labels, arms in loader:
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(inputs)
            loss = pruned.loss(logits, labels, arms) * len(arms) / 30
            scaler.scale(loss).backward()
        gradients.append(model.weight.grad / 8)
        assert pruned.course.rounds.arms.measured["loss"][0, :30].std() > 0.01
    torch.testing.assert_close(*gradients, rtol=0.02, atol=1e-3)


def test_a_schedule_follows_the_share_of_the_run(blobs, linear):
    pruned, model = Pruned(blobs, Keeps(32, 16), epochs=2), linear()
    optimizer = torch.optim.SGD(model.parameters(), lr=8.0)
    scheduler = pruned.scheduler(optimizer, lambda progress: 1 - progress)
    rates, shares = [], []
    for _ in range(2):
        for inputs, labels, arms in DataLoader(pruned.dataset, 8, sampler=pruned.sampler):
            rates.append(scheduler.get_last_lr()[0])
            pruned.loss(model(inputs), labels, arms).backward()
            optimizer.step()
            scheduler.step()
            shares.append(pruned.progress)
    assert shares == [0.125, 0.25, 0.375, 0.5, 0.75, 1.0]
    assert rates == [8.0, 7.0, 6.0, 5.0, 4.0, 2.0]


def test_a_budget_is_in_epochs_of_the_whole_data(blobs, linear, train_epoch):
    pruned, model, kept = Pruned(blobs, Keeps(*[50] * 9), budget=2), linear(), []
    while not pruned.over:
        kept.append(len(np.concatenate(train_epoch(pruned, model))))
    assert kept == [50, 50, 50, 50, 40]  # 2 * 120 in all: an agent that does not look is cut
    with pytest.raises(ValueError, match="epochs is 3 and budget is 2; expected one of them"):
        Pruned(blobs, epochs=3, budget=2)


def test_full_short_ends_before_the_loop_does(blobs, linear, train_epoch):
    pruned = Pruned(blobs, prune_agents.make("full_short", keep_ratio=0.25), epochs=4)
    train_epoch(pruned, linear())
    assert pruned.over
    with pytest.warns(UserWarning, match="the run is over after 1 epoch:"):
        assert train_epoch(pruned, linear()) == []


def test_who_reads_validation_chooses_when_it_is_told(blobs, linear, train_epoch):
    agent = Keeps(9, 8, signals=("val_loss", "val_accuracy"))
    pruned = Pruned(blobs, agent, epochs=2, num_validation=50)
    train_epoch(pruned, linear())
    assert (pruned.epoch, len(agent.shown)) == (0, 1)
    with pytest.raises(ValueError, match=r"call pruned\.validated before the next epoch"):
        next(iter(pruned.sampler))
    with pytest.raises(ValueError, match=r"accuracy is 93\.5; allowed is 0 to 1"):
        pruned.validated(0.5, 93.5)
    with pytest.raises(ValueError, match="Keeps reads val_accuracy; pass accuracy too"):
        pruned.validated(0.5)
    pruned.validated(torch.tensor(0.5), 0.75)
    assert (pruned.epoch, len(agent.shown)) == (1, 2)
    assert agent.shown[1]["val_loss"] == 0.5
    assert agent.shown[1]["val_accuracy"] == 0.75
    assert int(pruned.course.rounds.ledger.charged[0]) == 3 * 9 + 50


@pytest.mark.filterwarnings("ignore:. of the 10 samples")
def test_what_is_told_before_the_last_batch_of_an_epoch_does_not_count(blobs, linear, train_epoch):
    agent, model = Keeps(40, 10, 10, signals=("val_loss",)), linear()
    pruned = Pruned(blobs, agent, epochs=3, num_validation=50)
    pruned.validated(9)  # before training, as to see whether validation works
    for batch, (inputs, labels, arms) in enumerate(
        DataLoader(pruned.dataset, 16, sampler=pruned.sampler)
    ):
        pruned.loss(model(inputs), labels, arms)
        if batch == 1:
            pruned.validated(8)
    assert pruned.epoch == 0
    pruned.validated(7)
    train_epoch(pruned, model, batch_size=4, drop_last=True)
    pruned.validated(6)  # after the last of all batches that come
    train_epoch(pruned, model)
    assert [shown["val_loss"].item() for shown in agent.shown[1:]] == [7, 6]


@pytest.mark.filterwarnings("ignore:4 of the 100 samples of epoch 0")
def test_a_look_ends_an_epoch_of_which_a_batch_was_dropped(blobs, linear, train_epoch):
    agent, model = Keeps(100, 100), linear()
    pruned = Pruned(blobs, agent, epochs=2, feedback="full")
    train_epoch(pruned, model, drop_last=True)
    for inputs, labels, arms in DataLoader(pruned.dataset, 24, sampler=pruned.rest):
        pruned.look(model(inputs), labels, arms)
    assert agent.shown[1]["seen"].sum() == 120
    assert int(pruned.course.rounds.ledger.charged[0]) == 3 * 96 + 24


def test_with_full_feedback_the_others_are_looked_at(blobs, linear, train_epoch):
    agent, model = Keeps(100, 100), linear()
    pruned = Pruned(blobs, agent, epochs=2, feedback="full")
    train_epoch(pruned, model)
    with pytest.raises(ValueError, match=r"reads the 20 arms that it pruned.*pruned\.rest"):
        next(iter(pruned.sampler))
    for inputs, labels, arms in DataLoader(pruned.dataset, 8, sampler=pruned.rest):
        pruned.look(model(inputs), labels, arms)
    assert agent.shown[1]["seen"].sum() == 120
    inputs, labels = blobs.tensors
    plain = F.cross_entropy(model(inputs), labels, reduction="none")
    np.testing.assert_allclose(agent.shown[1]["loss"][100:], plain[100:].detach(), rtol=1e-5)
    assert int(pruned.course.rounds.ledger.charged[0]) == 3 * 100 + 20
    train_epoch(pruned, model)
    assert pruned.over  # after the last epoch nobody chooses, so nobody looks


def test_nobody_looks_after_the_last_epoch_of_a_budget(blobs, linear, train_epoch):
    agent, model = Keeps(60, 60, 20), linear()
    pruned = Pruned(blobs, agent, budget=1.2, feedback="full", quiet=True)  # 432 passes
    train_epoch(pruned, model)  # 180; the others are 60 more
    for inputs, labels, arms in DataLoader(pruned.dataset, 30, sampler=pruned.rest):
        pruned.look(model(inputs), labels, arms)
    train_epoch(pruned, model)  # 180 of the 192 that are left, and a look would cost 60
    assert pruned.course.phase == "train"
    assert len(pruned.rest) == 0
    train_epoch(pruned, model)
    assert pruned.over
    assert int(pruned.course.rounds.ledger.charged[0]) == 180 + 60 + 180 + 12


def test_labels_that_are_no_classes_of_the_logits_are_refused(blobs):
    pruned = Pruned(blobs, epochs=1)
    arms = torch.tensor([7, 50])
    with pytest.raises(ValueError, match=r"labels are 7 to 50; allowed is 0 to 2 with logits"):
        pruned.loss(torch.zeros(2, 3), arms, torch.tensor([0, 1]))  # the wrong way round
    with pytest.raises(ValueError, match=r"labels are torch\.float32; expected int64"):
        pruned.loss(torch.zeros(2, 3), torch.zeros(2), arms)


def test_a_loop_that_records_nothing_is_told_so(blobs, linear, train_epoch):
    pruned = Pruned(blobs, Keeps(20, 20), epochs=2, quiet=True)
    loader = DataLoader(pruned.dataset, 16, sampler=pruned.sampler)
    for _ in range(2):
        assert sum(len(arms) for _, _, arms in loader) == 20
    with pytest.warns(Notice, match="all 20 samples of an epoch were drawn and none was recorded"):
        train_epoch(pruned, linear())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_epoch(pruned, linear())  # what is recorded is not warned of
    assert pruned.over


@pytest.mark.parametrize("classes", [True, False])
def test_a_loop_may_reuse_its_tensors(classes):
    """They are measured later, many batches at once."""
    pruned = Pruned(range(4), epochs=2, num_classes=3 if classes else None)
    for arms in pruned.batch_sampler(2):
        labels, losses = torch.tensor(arms) % 3, torch.tensor(arms) / 4
        logits = torch.eye(3)[labels]
        if classes:
            pruned.loss(logits, labels, torch.tensor(arms))
        else:
            pruned.record(torch.tensor(arms), losses)
        for tensor in (labels, losses, logits):
            tensor.zero_()
    right = np.log(np.e + 2) - 1
    expected = [right] * 4 if classes else [0, 0.25, 0.5, 0.75]
    assert pruned.columns()["loss"] == pytest.approx(expected)


def test_a_loop_over_a_list_of_batches_that_it_keeps_ends_in_an_error(blobs, linear):
    """Else it would train on the first selection for ever."""
    pruned, model = Pruned(blobs, epochs=2), linear()
    batches = list(DataLoader(pruned.dataset, 60, sampler=pruned.sampler))

    def train():
        while not pruned.over:
            for inputs, labels, arms in batches:
                pruned.loss(model(inputs), labels, arms)

    with pytest.raises(ValueError, match="came again 100 times; draw those of the next one"):
        train()
    assert pruned.epoch == 1


@pytest.mark.parametrize("first", ["loss", "record", "another head"])
def test_batches_of_an_epoch_may_be_of_several_forms(first, blobs, linear):
    pruned = Pruned(blobs, prune_agents.make("uncertainty", keep_ratio=1), epochs=1, quiet=True)
    model, wide = linear(), torch.nn.Linear(2, 5)
    losses = torch.empty(120)
    loader = DataLoader(pruned.dataset, 50, sampler=pruned.sampler)
    for number, (inputs, labels, arms) in enumerate(loader):
        head = wide if first == "another head" and number == 1 else model
        logits = head(inputs)
        losses[arms] = F.cross_entropy(logits, labels, reduction="none").detach()
        if (number == 1) == (first == "loss"):
            pruned.record(arms, losses[arms])
        else:
            pruned.loss(logits, labels, arms)
    np.testing.assert_allclose(pruned.columns()["loss"], losses, rtol=1e-5)


def test_a_step_that_is_compiled_as_a_whole_trains_the_same(blobs, linear):
    """Only the graph is made, by the backend that runs it as it is."""

    def run(compiled):
        torch.compiler.reset()
        pruned = Pruned(blobs, prune_agents.make("infobatch"), epochs=3, quiet=True)
        model = linear()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)

        def step(inputs, labels, arms):
            pruned.loss(model(inputs), labels, arms).backward()

        step = torch.compile(step, backend="eager") if compiled else step
        while not pruned.over:
            for batch in DataLoader(pruned.dataset, 16, sampler=pruned.sampler):
                step(*batch)
                optimizer.step()
                optimizer.zero_grad()
        return model.weight, pruned.columns()

    (weight, columns), (plain, others) = run(True), run(False)
    assert torch.equal(weight, plain)
    for name, column in columns.items():
        np.testing.assert_array_equal(column, others[name])


@pytest.mark.parametrize("wrong", ["optimizer", "factor"])
def test_a_schedule_of_something_else_is_refused(wrong, blobs, linear):
    pruned, model = Pruned(blobs, epochs=2, quiet=True), linear()
    optimizer = model if wrong == "optimizer" else torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match="expected an optimizer and a function of progress"):
        pruned.scheduler(optimizer, 0.5 if wrong == "factor" else abs)
