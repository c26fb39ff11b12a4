"""HuggingFace's Trainer trains what a plain loop trains, and goes on where it was stopped."""

from __future__ import annotations

from types import SimpleNamespace

import prune_agents
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from prune_env.training import Pruned

transformers = pytest.importorskip("transformers", reason="pip install prune_env[transformers]")
datasets = pytest.importorskip("datasets", reason="pip install prune_env[hub]")

from prune_env.training.huggingface import PrunedTrainer  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:torch", "ignore::FutureWarning")


class Net(nn.Module):
    """A linear classifier of points, with dropout, as HuggingFace writes networks."""

    def __init__(self, linear, dropout=0.0):
        super().__init__()
        self.config = transformers.PretrainedConfig()
        self.linear, self.dropout = linear, nn.Dropout(dropout)

    def forward(self, points, labels=None, **kwargs):
        logits = self.dropout(self.linear(points))
        loss = None if labels is None else F.cross_entropy(logits, labels)
        return {"loss": loss, "logits": logits} if loss is not None else Outputs(logits=logits)


class Outputs(SimpleNamespace):
    """What a network gives without labels."""


class Noting(PrunedTrainer):
    """Notes what is trained on, and at which learning rate."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.arms: list[list[int]] = []
        self.rates: list[float] = []

    def compute_loss(self, model, inputs, *args, **kwargs):
        if "arm" in inputs:
            self.arms.append(inputs["arm"].tolist())
            self.rates.append(self.optimizer.param_groups[0]["lr"])
        return super().compute_loss(model, inputs, *args, **kwargs)


@pytest.fixture
def rows(blobs: TensorDataset):
    """The blobs as HuggingFace has data, with a column that no network knows."""
    points, labels = blobs.tensors
    columns = {"points": points.tolist(), "label": labels.tolist(), "name": ["x"] * len(labels)}
    return datasets.Dataset.from_dict(columns)


def trainer_of(
    rows, model, agent, folder, *, epochs=3, seed=0, kind=Noting, more=None, rest=None, **options
):
    options = {
        "per_device_train_batch_size": 16, "learning_rate": 0.1, "optim": "sgd",
        "lr_scheduler_type": "linear", "max_grad_norm": 0.0, "save_strategy": "no",
        "report_to": "none", "disable_tqdm": True, "use_cpu": True, "logging_strategy": "no",
    } | options  # fmt: skip
    pruned = Pruned(rows, agent, epochs=epochs, seed=seed, quiet=True, **more or {})
    args = transformers.TrainingArguments(str(folder), **options)
    return kind(model, args, pruned=pruned, **rest or {})


def test_epochs_that_grow_and_shrink_have_all_their_batches(rows, linear, taking, tmp_path):
    trainer = trainer_of(rows, Net(linear()), taking(16, 64, 120, 30), tmp_path, epochs=4)
    trainer.train()
    assert [len(arms) for arms in trainer.arms] == [16] + [16] * 4 + [15] * 8 + [15] * 2
    assert trainer.pruned.over
    assert trainer.pruned.columns()["pulls"].sum() == 16 + 64 + 120 + 30
    assert (trainer.state.global_step, trainer.state.max_steps, trainer.state.epoch) == (15, 15, 4)


def test_the_number_of_a_sample_arrives_with_it(rows, linear, taking, tmp_path):
    class Checking(PrunedTrainer):
        checked = 0

        def pruned_loss(self, outputs, labels, arms):
            assert labels.tolist() == [rows[arm]["label"] for arm in arms.tolist()]
            self.checked += len(arms)
            return super().pruned_loss(outputs, labels, arms)

    for keep in (True, False):
        if not keep:
            rows = rows.remove_columns("name")
        trainer = trainer_of(
            rows, Net(linear()), taking(30), tmp_path, epochs=1, kind=Checking,
            remove_unused_columns=keep,
        )  # fmt: skip
        trainer.train()
        assert trainer.checked == 30


def test_the_learning_rate_reaches_its_end(rows, linear, taking, tmp_path):
    trainer = trainer_of(rows, Net(linear()), taking(64, 16), tmp_path, epochs=2)
    trainer.train()
    assert trainer.rates == pytest.approx([0.1, 0.0875, 0.075, 0.0625, 0.05])
    assert trainer.optimizer.param_groups[0]["lr"] == 0
    trainer = trainer_of(
        rows, Net(linear()), taking(64, 16), tmp_path, epochs=2, lr_scheduler_type="cosine",
        warmup_steps=4,
    )  # fmt: skip
    trainer.train()
    # of the 8 steps that the first epoch lets expect 4 are warm-up; the second has but 1
    assert trainer.rates == pytest.approx([0, 0.025, 0.05, 0.075, 0.1])
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ["ucb", "infobatch"])
def test_it_trains_what_a_plain_loop_trains(name, seed, rows, blobs, linear, train_run, tmp_path):
    trainer = trainer_of(
        rows, Net(linear()), prune_agents.make(name), tmp_path, epochs=4, seed=seed
    )
    trainer.train()
    plain, model = Pruned(blobs, prune_agents.make(name), epochs=4, seed=seed, quiet=True), linear()
    trained = train_run(plain, model, batch_sampler=plain.batch_sampler(16))
    assert trainer.arms == trained
    assert torch.equal(trainer.model.linear.weight, model.weight)


def test_gradients_are_gathered_within_an_epoch_of_any_length(rows, linear, taking, tmp_path):
    """Epochs of 2, 5 and 3 batches, two of which make a step: 1, 3 and 2 steps."""
    trainer = trainer_of(
        rows, Net(linear()), taking(32, 80, 48), tmp_path, gradient_accumulation_steps=2
    )
    trainer.train()
    assert (len(trainer.arms), trainer.state.global_step) == (10, 6)
    weight = trainer.model.linear.weight
    model, (points, labels) = linear(), (torch.tensor(rows["points"]), torch.tensor(rows["label"]))
    order = iter(trainer.arms)
    rates = [0.1, 0.2 / 3, 0.16 / 3, 0.12 / 3, 0.1 / 3, 0.1 / 9]  # a third of the run an epoch
    for rate, size in zip(rates, [2, 2, 2, 1, 2, 1], strict=True):
        batches = [next(order) for _ in range(size)]
        losses = [F.cross_entropy(model(points[arms]), labels[arms]) for arms in batches]
        optimizer = torch.optim.SGD(model.parameters(), rate)
        optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        optimizer.step()
    assert torch.allclose(weight, model.weight, atol=1e-6)


class Killed(Exception):
    """The process is killed."""


class Kill(transformers.TrainerCallback):
    """Ends a run after so many steps, once its checkpoint is there."""

    def __init__(self, steps):
        self.steps = steps

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == self.steps:
            raise Killed


@pytest.mark.parametrize(
    ("steps", "workers", "warmup"),
    [(3, 0, 0), (3, 2, 0), (5, 0, 0), (9, 0, 0), (3, 0, 2), (9, 0, 2)],
)
def test_it_goes_on_from_a_checkpoint(steps, workers, warmup, rows, linear, taking, tmp_path):
    """Epochs of 1, 4, 8 and 2 batches; 5 is the end of one. Dropout goes on too."""

    def make(folder):
        return trainer_of(
            rows, Net(linear(), 0.2), taking(16, 64, 120, 30), folder, epochs=4,
            save_strategy="steps", save_steps=steps, dataloader_num_workers=workers,
            warmup_steps=warmup,
        )  # fmt: skip

    whole = make(tmp_path / "whole")
    whole.train()
    stopped = make(tmp_path / "stopped")
    stopped.add_callback(Kill(steps))
    with pytest.raises(Killed):
        stopped.train()
    resumed = make(tmp_path / "stopped")
    resumed.train(resume_from_checkpoint=True)
    assert resumed.arms == whole.arms[steps:]
    assert resumed.rates == pytest.approx(whole.rates[steps:])
    assert torch.equal(resumed.model.linear.weight, whole.model.linear.weight)
    assert (resumed.state.global_step, resumed.state.epoch) == (15, 4)


def accuracy(found):
    return {"accuracy": float((found.predictions.argmax(1) == found.label_ids).mean())}


def test_validation_is_told_to_an_agent_that_reads_it(rows, linear, tmp_path):
    agent = prune_agents.make("dvrl")
    told = []

    class Telling(PrunedTrainer):
        def evaluate(self, *args, **kwargs):
            metrics = super().evaluate(*args, **kwargs)
            told.append(metrics["eval_loss"])
            return metrics

    trainer = trainer_of(
        rows, Net(linear()), agent, tmp_path, epochs=2, kind=Telling,
        more={"num_validation": 120}, eval_strategy="epoch",
        rest={"eval_dataset": rows, "compute_metrics": accuracy},
    )  # fmt: skip
    trainer.train()
    assert trainer.pruned.over
    assert len(told) == 2
    assert trainer.pruned.course.learner.metrics.loss[0] == told[-1]
    assert 0.5 < trainer.pruned.course.learner.metrics.accuracy[0] <= 1


def test_who_reads_validation_is_told_at_the_end_of_an_epoch_too(rows, linear, tmp_path):
    """Evaluations every so many steps end where no epoch does."""
    agent = prune_agents.make("dvrl", keep_ratio=0.6)
    told = []

    class Telling(Noting):
        def evaluate(self, *args, **kwargs):
            told.append(len(self.arms))
            return super().evaluate(*args, **kwargs)

    trainer = trainer_of(
        rows, Net(linear()), agent, tmp_path, epochs=2, kind=Telling, eval_on_start=True,
        more={"num_validation": 120}, eval_strategy="steps", eval_steps=7,
        rest={"eval_dataset": rows, "compute_metrics": accuracy},
    )  # fmt: skip
    trainer.train()
    assert trainer.pruned.over
    assert told == [0, 5, 7, 10]


def test_it_goes_on_from_before_a_validation(rows, linear, tmp_path):
    """The checkpoint of an epoch's last step is written before the epoch is evaluated."""
    agent = prune_agents.make("dvrl", keep_ratio=0.6)

    def make(folder, **saving):
        return trainer_of(
            rows, Net(linear()), agent, folder, epochs=3, more={"num_validation": 120},
            eval_strategy="epoch", rest={"eval_dataset": rows, "compute_metrics": accuracy},
            **saving,
        )  # fmt: skip

    whole = make(tmp_path, save_strategy="steps", save_steps=10)
    whole.train()
    assert len(whole.arms) == 15
    resumed = make(tmp_path)
    resumed.train(resume_from_checkpoint=tmp_path / "checkpoint-10")
    assert resumed.arms == whole.arms[10:]
    assert torch.equal(resumed.model.linear.weight, whole.model.linear.weight)


def test_max_steps_ends_a_run_earlier(rows, linear, taking, tmp_path):
    trainer = trainer_of(rows, Net(linear()), taking(16, 64, 64), tmp_path, max_steps=3)
    trainer.train()
    assert [len(arms) for arms in trainer.arms] == [16, 16, 16]
    assert trainer.rates == pytest.approx([0.1, 0.2 / 3, 0.1 / 3])  # and the schedule is whole


def test_a_checkpoint_of_a_run_that_is_over_is_loaded(rows, linear, taking, tmp_path):
    """A job that always goes on from its last checkpoint ends well the last time too."""

    def make():
        agent = taking(16, 64)
        return trainer_of(
            rows, Net(linear()), agent, tmp_path, epochs=2, save_strategy="steps", save_steps=5
        )

    whole, again = make(), make()
    whole.train()
    assert again.train(resume_from_checkpoint=True).global_step == 5
    assert not again.arms
    assert torch.equal(again.model.linear.weight, whole.model.linear.weight)


@pytest.fixture
def module_as_it_was():
    """PyTorch's Module loses again what transformers adds to it with a network of its own."""
    before = set(vars(nn.Module))
    yield
    for name in set(vars(nn.Module)) - before:
        delattr(nn.Module, name)


class Sequences(PrunedTrainer):
    """Trains on the mean loss of the tokens of each sequence."""

    def pruned_loss(self, outputs, labels, arms):
        losses = F.cross_entropy(outputs.logits.transpose(1, 2), labels, reduction="none")
        return self.pruned.record(arms, losses.mean(1))


@pytest.mark.usefixtures("module_as_it_was")
def test_a_decoder_is_fed_what_comes_before_each_label(tmp_path):
    tokens = torch.randint(4, 30, (20, 6), generator=torch.Generator().manual_seed(0))
    rows = {"input_ids": tokens.tolist(), "labels": tokens.flip(1).tolist()}
    width = {"d_model": 8, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8, "vocab_size": 30}
    special = {"decoder_start_token_id": 2, "pad_token_id": 1, "max_position_embeddings": 8}
    depth = {
        f"{part}_{of}": 1 for part in ("encoder", "decoder") for of in ("layers", "attention_heads")
    }
    config = transformers.BartConfig(**width, **special, **depth)
    model, fed = transformers.BartForConditionalGeneration(config), []
    model.get_decoder().register_forward_pre_hook(
        lambda module, args, told: fed.append(told["input_ids"]), with_kwargs=True
    )
    rows = datasets.Dataset.from_dict(rows)
    trainer = trainer_of(rows, model, None, tmp_path, epochs=1, kind=Sequences)
    trainer.train()
    firsts = [[2, *sequence[:0:-1]] for sequence in rows["input_ids"]]
    assert sorted(torch.cat(fed).tolist()) == sorted(firsts)


def test_a_budget_ends_a_run(rows, linear, tmp_path):
    trainer = trainer_of(
        rows, Net(linear()), prune_agents.make("static_random", keep_ratio=0.5), tmp_path,
        epochs=None, more={"budget": 2},
    )  # fmt: skip
    trainer.train()
    assert trainer.pruned.over
    assert trainer.pruned.columns()["pulls"].sum() == 240
    assert trainer.state.max_steps == trainer.state.global_step == 16
    assert trainer.optimizer.param_groups[0]["lr"] == 0
    with pytest.raises(ValueError, match="the run of pruned is over"):
        trainer.train()


def test_smoothing_is_trained_and_not_recorded(rows, linear, taking, tmp_path):
    trainer = trainer_of(
        rows, Net(linear()), taking(16), tmp_path, epochs=1, label_smoothing_factor=0.3
    )
    trainer.train()
    arms, model = trainer.arms[0], linear()
    points, labels = torch.tensor(rows["points"])[arms], torch.tensor(rows["label"])[arms]
    loss = trainer.pruned.columns()["loss"][arms]
    plain = F.cross_entropy(model(points), labels, reduction="none")
    assert torch.allclose(torch.from_numpy(loss), plain.detach(), atol=1e-6)
    F.cross_entropy(model(points), labels, label_smoothing=0.3).backward()
    expected = model.weight - 0.1 * model.weight.grad
    assert torch.allclose(trainer.model.linear.weight, expected, atol=1e-6)


def test_an_agent_that_looks_at_the_rest_chooses_as_in_a_plain_loop(rows, blobs, linear, tmp_path):
    agent, options = prune_agents.make("kakurenbo", keep_ratio=0.6), {"feedback": "full"}
    trainer = trainer_of(
        rows, Net(linear()), agent, tmp_path, epochs=4, more=options,
        lr_scheduler_type="constant", save_strategy="epoch",
    )  # fmt: skip
    trainer.train()
    plain, model = Pruned(blobs, agent, epochs=4, quiet=True, **options), linear()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    while not plain.over:
        loader = DataLoader(plain.dataset, batch_sampler=plain.batch_sampler(16))
        for inputs, labels, arms in loader:
            loss = plain.loss(model(inputs), labels, arms)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            for inputs, labels, arms in DataLoader(plain.dataset, 120, sampler=plain.rest):
                plain.look(model(inputs), labels, arms)
    assert trainer.pruned.over
    for epoch in range(4):
        kept = [each.course.kept_in(epoch) for each in (plain, trainer.pruned)]
        assert kept[0].tolist() == kept[1].tolist()
        assert kept[0].sum() > 0
    assert plain.course.kept_in(3).sum() < 120
    assert plain.columns()["last_seen"].tolist() == trainer.pruned.columns()["last_seen"].tolist()
    # what was saved at the end of an epoch has looked already
    trainer = trainer_of(rows, Net(linear()), agent, tmp_path, epochs=4, more=options)
    saved = torch.load(tmp_path / "checkpoint-8" / "pruned.pt", weights_only=True)
    assert saved["phase"] == "train"


class Small(Net):
    """Has memory for eight samples."""

    def forward(self, points, labels=None, **kwargs):
        if len(points) > 8:
            raise RuntimeError("CUDA out of memory.")
        return super().forward(points, labels, **kwargs)


def test_batches_shrink_where_memory_is_short(rows, linear, taking, tmp_path):
    pytest.importorskip("accelerate")
    agent, found = taking(120, 120), {"auto_find_batch_size": True}
    trainer = trainer_of(rows, Small(linear()), agent, tmp_path, epochs=2, **found)
    trainer.train()
    sizes = [len(arms) for arms in trainer.arms]
    assert sizes[0] == 15  # of 16 at most
    assert max(sizes[-15:]) <= 8
    assert trainer.pruned.columns()["pulls"].tolist() == [2] * 120


def test_classes_are_read_without_a_transform(rows):
    """One that augments would draw of PyTorch's generator, and decode every image."""

    def refuse(batch):
        raise AssertionError("the transform was called")

    pruned = Pruned(rows.with_transform(refuse), prune_agents.make("class_balanced"), epochs=1)
    assert pruned.columns()["label"].tolist() == rows["label"][:]


def test_a_checkpoint_is_whole_when_a_callback_of_the_caller_sees_it(rows, linear, tmp_path):
    seen: list[list[str]] = []

    class Copies(transformers.TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            folder = tmp_path / f"checkpoint-{state.global_step}"
            seen.append([path.name for path in folder.iterdir()])

    trainer_of(
        rows, Net(linear()), None, tmp_path, epochs=1, save_strategy="epoch",
        rest={"callbacks": [Copies()]},
    ).train()  # fmt: skip
    assert ["pruned.pt" in files for files in seen] == [True]
