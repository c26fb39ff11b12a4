"""Lightning: a callback that tells its Trainer how long every epoch is, saves and restores."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from torch.utils.data import DistributedSampler

from prune_env.checks import check_argument
from prune_env.training import notes
from prune_env.training.looking import rest_of, without_training
from prune_env.training.pruned import Pruned


class PruningCallback(Callback):
    """Lets Lightning's Trainer follow a `Pruned`, whose loader `fit` is given.

    ```python
    trainer = Trainer(max_epochs=30, callbacks=PruningCallback(pruned))
    trainer.fit(module, DataLoader(pruned.dataset, 128, sampler=pruned.sampler))
    ```

    Lightning asks for the length of a loader once, so that longer epochs would be cut to the first
    one's; with this it asks before each. Its checkpoints have the state of `pruned`, and training
    goes on from one with the same samples. It stops when `pruned.over`, as `max_epochs` may be
    more, or -1.

    For an agent that looks at the arms which it pruned, the module has one method more:

    ```python
    def look_step(self, batch, index):  # in evaluation mode, without gradients
        inputs, labels, arms = batch
        self.pruned.look(self.model(inputs), labels, arms)
    ```

    Args:
        pruned: what `training_step` gives its loss to.

    Raises:
        ValueError: it is something else.
    """

    def __init__(self, pruned: Pruned) -> None:
        check_argument("pruned", pruned, Pruned)
        self.pruned = pruned

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Have the loader, and with it its length, asked for in every epoch.

        Raises:
            ValueError: the agent looks at the arms that it pruned, and the module does not.
        """
        if self.pruned.looks and not hasattr(pl_module, "look_step"):
            raise ValueError(
                f"{self.pruned.wishes.who} reads the arms that it pruned too; "
                f"{type(pl_module).__name__} needs look_step(batch, index), which gives "
                "their logits to self.pruned.look"
            )
        trainer.reload_dataloaders_every_n_epochs = 1

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse a loader that is dealt out a second time.

        Raises:
            ValueError: Lightning has put a sampler of its own around that of `pruned`.
        """
        if isinstance(getattr(trainer.train_dataloader, "sampler", None), DistributedSampler):
            raise ValueError(
                "Lightning deals out the samples, which pruned.sampler has done; pass "
                "Trainer(use_distributed_sampler=False)"
            )

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """After an epoch's last batch end it, also where the loader drops some samples, and let
        the module look at what the epoch left out.
        """
        if trainer.is_last_batch:
            self.pruned.course.end_what_was_cut()
        if self.pruned.course.phase != "look":
            return
        loader = rest_of(self.pruned, trainer.train_dataloader)
        with without_training(pl_module), trainer.precision_plugin.forward_context():
            for index, found in enumerate(loader):
                moved = trainer.strategy.batch_to_device(found)
                pl_module.look_step(moved, index)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop when the run is over."""
        trainer.should_stop = trainer.should_stop or self.pruned.over

    def state_dict(self) -> dict[str, Any]:
        """That of `pruned`, for a checkpoint."""
        return self.pruned.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint.

        Raises:
            ValueError: it was saved between an epoch's last batch and the validation that the agent
                reads; Lightning would end, as no batch is left.
        """
        self.pruned.load_state_dict(state_dict)
        if self.pruned.course.phase == "validate":
            raise ValueError(
                f"the checkpoint lies between an epoch and the validation that "
                f"{self.pruned.wishes.who} reads; go on from one before or after that"
            )

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Count the batches of the epoch that goes on from 0, as its loader has only the rest.

        Raises:
            ValueError: `fit` is to go on from a checkpoint that was made without this callback.
        """
        if trainer.state.fn == TrainerFn.FITTING and self.state_key not in checkpoint["callbacks"]:
            raise ValueError(
                notes.of_stateless("this checkpoint", "PruningCallback", "fit without ckpt_path")
            )
        current = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]
        done = current["processed"]
        for name in ("ready", "started", "processed", "completed"):
            current[name] -= done
