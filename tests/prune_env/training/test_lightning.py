"""Lightning's Trainer trains what a plain loop trains, and goes on where it was stopped."""

from __future__ import annotations

import prune_agents
import pytest
import torch
from torch.utils.data import DataLoader

from prune_env.training import Pruned

lightning = pytest.importorskip("lightning.pytorch", reason="pip install prune_env[lightning]")
from lightning.pytorch.callbacks import Callback, ModelCheckpoint  # noqa: E402

from prune_env.training.lightning import PruningCallback  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`"),
]


class Module(lightning.LightningModule):
    """A network, SGD and a learning rate that falls to nothing; remembers what it trained on."""

    def __init__(self, model, pruned):
        super().__init__()
        self.model, self.pruned = model, pruned
        self.arms: list[list[int]] = []
        self.rates: list[float] = []

    def training_step(self, batch, index):
        inputs, labels, arms = batch
        self.arms.append(arms.tolist())
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        return self.pruned.loss(self.model(inputs), labels, arms)

    def validation_step(self, batch, index):
        self.log("val_loss", torch.tensor(1.0))

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), 0.1)
        schedule = self.pruned.scheduler(optimizer, lambda progress: 1 - progress)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


def trainer_of(pruned, folder, *callbacks, **options):
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    options = {"max_epochs": -1, "enable_checkpointing": False} | options
    callbacks = [PruningCallback(pruned), *callbacks]
    return lightning.Trainer(
        accelerator="cpu", default_root_dir=folder, callbacks=callbacks, **quiet, **options
    )


def fit(blobs, model, agent, folder, *callbacks, epochs=3, seed=0, loading=None, path=None, **more):
    pruned = Pruned(blobs, agent, epochs=epochs, seed=seed, quiet=True)
    module = Module(model, pruned)
    loading = {"batch_size": 16, "sampler": pruned.sampler} | (loading or {})
    loader = DataLoader(pruned.dataset, **loading)
    validation = DataLoader(blobs, 60) if more.pop("validate", False) else None
    trainer = trainer_of(pruned, folder, *callbacks, **more)
    trainer.fit(module, loader, validation, ckpt_path=path)
    return module, trainer


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.filterwarnings("error::prune_env.notices.Notice")  # workers read a short epoch ahead
def test_epochs_that_grow_and_shrink_have_all_their_batches(
    workers, blobs, linear, taking, tmp_path
):
    module, trainer = fit(
        blobs, linear(), taking(16, 64, 120, 30), tmp_path, epochs=4,
        loading={"num_workers": workers},
    )  # fmt: skip
    assert [len(arms) for arms in module.arms] == [16] + [16] * 4 + [16] * 7 + [8] + [16, 14]
    assert module.pruned.over
    assert module.pruned.columns()["pulls"].sum() == 16 + 64 + 120 + 30
    assert (trainer.current_epoch, trainer.global_step) == (4, 15)


@pytest.mark.filterwarnings("ignore:.*samples of epoch.*were never recorded:UserWarning")
def test_without_the_callback_a_longer_epoch_is_cut(blobs, linear, taking, tmp_path):
    """So that it is known when Lightning needs it no more."""
    pruned = Pruned(blobs, taking(16, 64), epochs=2, quiet=True)
    module = Module(linear(), pruned)
    trainer = trainer_of(pruned, tmp_path, max_epochs=2)
    trainer.callbacks = [c for c in trainer.callbacks if not isinstance(c, PruningCallback)]
    trainer.fit(module, DataLoader(pruned.dataset, 16, sampler=pruned.sampler))
    assert [len(arms) for arms in module.arms] == [16, 16]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ["ucb", "infobatch"])
def test_it_trains_what_a_plain_loop_trains(name, seed, blobs, linear, train_run, tmp_path):
    plain, model = Pruned(blobs, prune_agents.make(name), epochs=4, seed=seed, quiet=True), linear()
    module, _ = fit(blobs, linear(), prune_agents.make(name), tmp_path, epochs=4, seed=seed)
    trained = train_run(plain, model, batch_size=16, sampler=plain.sampler)
    assert module.arms == trained
    assert torch.equal(module.model.weight, model.weight)


def test_the_learning_rate_reaches_its_end(blobs, linear, taking, tmp_path):
    module, trainer = fit(blobs, linear(), taking(16, 64), tmp_path, epochs=2)
    assert module.rates == pytest.approx([0.1, 0.05, 0.0375, 0.025, 0.0125])
    assert trainer.optimizers[0].param_groups[0]["lr"] == 0


class Killed(Exception):
    """The process is killed."""


class Kill(Callback):
    """Ends a run after so many steps, once its checkpoint is there."""

    def __init__(self, steps):
        self.steps = steps

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == self.steps:
            raise Killed


@pytest.mark.parametrize(
    ("steps", "workers", "validate"),
    [(1, 0, True), (2, 0, False), (2, 1, True), (5, 0, False), (5, 0, True), (8, 0, True)],
)
def test_it_goes_on_from_a_checkpoint(steps, workers, validate, blobs, linear, taking, tmp_path):
    """Epochs of 1, 4, 8 and 2 batches; 1 and 5 are ends of epochs."""
    agent, options = taking(16, 64, 120, 30), {"epochs": 4, "validate": validate}
    loading = {"num_workers": workers}
    whole, _ = fit(blobs, linear(), agent, tmp_path, loading=loading, **options)
    saving = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=steps, save_top_k=-1)
    with pytest.raises(Killed):
        fit(
            blobs, linear(), agent, tmp_path, saving, Kill(steps), enable_checkpointing=True,
            loading=loading, **options,
        )  # fmt: skip
    path = tmp_path / f"step={steps}.ckpt"
    resumed, trainer = fit(blobs, linear(), agent, tmp_path, path=path, loading=loading, **options)
    assert resumed.arms == whole.arms[steps:]
    assert torch.equal(resumed.model.weight, whole.model.weight)
    assert trainer.global_step == 15


@pytest.mark.parametrize("validate", [False, True])
def test_it_goes_on_from_the_end_of_an_epoch(validate, blobs, linear, taking, tmp_path):
    agent, options = taking(30, 64, 120), {"epochs": 3, "validate": validate}
    whole, _ = fit(blobs, linear(), agent, tmp_path, **options)
    saving = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1)
    fit(blobs, linear(), agent, tmp_path, saving, enable_checkpointing=True, **options)
    resumed, _ = fit(blobs, linear(), agent, tmp_path, path=tmp_path / "epoch=0.ckpt", **options)
    assert resumed.arms == whole.arms[2:]
    assert torch.equal(resumed.model.weight, whole.model.weight)


@pytest.mark.parametrize("validate", [False, True])
def test_batches_that_a_loader_drops_end_their_epoch(validate, blobs, linear, taking, tmp_path):
    agent, told = taking(30, 64, 120), {"epochs": 3, "loading": {"drop_last": True}}
    saving = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1)
    whole, _ = fit(
        blobs, linear(), agent, tmp_path, saving, enable_checkpointing=True, validate=validate,
        **told,
    )  # fmt: skip
    assert [len(arms) for arms in whole.arms] == [16] * (1 + 4 + 7)
    path = tmp_path / "epoch=0.ckpt"
    resumed, _ = fit(blobs, linear(), agent, tmp_path, validate=validate, path=path, **told)
    assert resumed.arms == whole.arms[1:]


def test_a_checkpoint_before_a_validation_is_refused(blobs, linear, train_epoch, tmp_path):
    """Lightning would say that there are no batches, and end as if all were done."""
    agent = prune_agents.make("dvrl")
    told, model = Pruned(blobs, agent, epochs=3, num_validation=9, quiet=True), linear()
    train_epoch(told, model)
    callback = PruningCallback(Pruned(blobs, agent, epochs=3, num_validation=9, quiet=True))
    with pytest.raises(ValueError, match="between an epoch and the validation that DVRL reads; go"):
        callback.load_state_dict(told.state_dict())
    told.validated(0.5, 0.5)
    callback.load_state_dict(told.state_dict())
    assert callback.pruned.epoch == 1


class Looking(Module):
    """Has dropout, and remembers what it looked at and in which mode."""

    def __init__(self, model, pruned):
        super().__init__(model, pruned)
        self.dropout, self.looked = torch.nn.Dropout(0.5), []

    def look_step(self, batch, index):
        inputs, labels, arms = batch
        self.looked.append((self.dropout.training, torch.is_grad_enabled(), arms.tolist()))
        self.pruned.look(self.model(inputs), labels, arms)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.filterwarnings("ignore:.* samples of epoch .* were never recorded")
def test_an_agent_that_looks_at_the_rest_chooses_as_in_a_plain_loop(
    drop_last, blobs, linear, train_epoch, tmp_path
):
    agent = prune_agents.make("kakurenbo", keep_ratio=0.6)
    pruned = [Pruned(blobs, agent, epochs=4, feedback="full", quiet=True) for _ in range(2)]
    model, module = linear(), Looking(linear(), pruned[1])
    module.configure_optimizers = lambda: torch.optim.SGD(module.parameters(), 0.1)
    looked = []
    while not pruned[0].over:
        train_epoch(pruned[0], model, drop_last=drop_last)
        with torch.no_grad():
            for inputs, labels, arms in DataLoader(pruned[0].dataset, 16, sampler=pruned[0].rest):
                pruned[0].look(model(inputs), labels, arms)
                looked.append((False, False, arms.tolist()))
    loader = DataLoader(pruned[1].dataset, 16, sampler=pruned[1].sampler, drop_last=drop_last)
    trainer_of(pruned[1], tmp_path).fit(module, loader)
    assert len(looked) > 3
    assert module.looked == looked
    assert module.dropout.training
    for epoch in range(4):
        kept = [each.course.kept_in(epoch).tolist() for each in pruned]
        assert kept[0] == kept[1]
    assert torch.equal(module.model.weight, model.weight)


def test_a_module_that_cannot_look_is_refused(blobs, linear, tmp_path):
    pruned = Pruned(blobs, prune_agents.make("kakurenbo"), epochs=2, feedback="full")
    loader = DataLoader(pruned.dataset, 16, sampler=pruned.sampler)
    with pytest.raises(ValueError, match=r"Kakurenbo reads the arms .*; Module needs look_step\("):
        trainer_of(pruned, tmp_path).fit(Module(linear(), pruned), loader)


@pytest.mark.filterwarnings("ignore:.*samples of epoch.*were never recorded:UserWarning")
def test_a_checkpoint_that_was_made_without_the_callback_is_refused(blobs, linear, tmp_path):
    """Pruned would begin anew beside epochs and weights that go on."""
    pruned = Pruned(blobs, epochs=3, quiet=True)
    module, path = Module(linear(), pruned), tmp_path / "plain.ckpt"
    plain = trainer_of(pruned, tmp_path, max_epochs=1)
    plain.callbacks = [c for c in plain.callbacks if not isinstance(c, PruningCallback)]
    plain.fit(module, DataLoader(pruned.dataset, 16, sampler=pruned.sampler))
    plain.save_checkpoint(path)
    message = "this checkpoint holds no state of pruned.*; fit without ckpt_path, or with one that"
    with pytest.raises(ValueError, match=message):
        fit(blobs, linear(), None, tmp_path, path=path)
    trainer = trainer_of(pruned, tmp_path)
    trainer.validate(module, DataLoader(blobs, 60), ckpt_path=path, verbose=False)


def test_one_trainer_may_fit_twice(blobs, linear, tmp_path):
    pruned = Pruned(blobs, epochs=2, quiet=True)
    module, trainer = Module(linear(), pruned), trainer_of(pruned, tmp_path, max_epochs=1)
    for most in (1, 2):
        trainer.fit_loop.max_epochs = most
        trainer.fit(module, DataLoader(pruned.dataset, 16, sampler=pruned.sampler))
        assert pruned.epoch == most


def test_an_agent_is_no_pruned():
    with pytest.raises(ValueError, match=r"^pruned is UCB\(.*; expected Pruned$"):
        PruningCallback(prune_agents.make("ucb"))
