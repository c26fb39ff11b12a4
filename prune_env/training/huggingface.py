"""HuggingFace: a Trainer whose epochs are as long as what an agent keeps."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import TrainOutput, get_last_checkpoint

from prune_env.checks import check_argument
from prune_env.files import replacing
from prune_env.training import notes
from prune_env.training.accelerate import prepare
from prune_env.training.indexed import ARM, Collate
from prune_env.training.looking import rest_of, without_training
from prune_env.training.pruned import Pruned

FILE = "pruned.pt"
"""The state of a `Pruned` in the folder of a checkpoint."""


class PrunedTrainer(Trainer):
    """HuggingFace's Trainer over a `Pruned`.

    ```python
    pruned = Pruned(dataset, prune_agents.make("ucb", keep_ratio=0.3), epochs=10)
    trainer = PrunedTrainer(model, TrainingArguments("out"), pruned=pruned)
    trainer.train()
    ```

    Trainer takes every epoch for as long as the first, so that longer ones are cut, shorter ones
    leave the learning rate above its end, and a checkpoint is not gone on from where it was; and
    it drops columns that the network does not know, as the number of a sample. Here epochs have
    their own lengths, schedules follow `pruned.progress`, the number stays, and checkpoints have
    the state of `pruned`. The run lasts until `pruned.over`, whatever `num_train_epochs` is; a
    `max_steps` still ends it earlier, and schedules with it. An agent that reads validation gets
    `eval_loss` and `eval_accuracy` of every evaluation, and one that looks at the arms which it
    pruned a forward pass over them after every epoch.

    For anything but classes overwrite `pruned_loss`. With another subclass of Trainer:
    `class Mine(PrunedTrainer, SFTTrainer)`.

    Args:
        args: as those of Trainer, without a train_dataset.
        pruned: the samples.
        kwargs: as those of Trainer.
    """

    def __init__(self, *args: Any, pruned: Pruned, **kwargs: Any) -> None:
        if not hasattr(Trainer, "_run_epoch"):
            raise ImportError("this Trainer has no _run_epoch; transformers 5.8 or later is needed")
        check_argument("pruned", pruned, Pruned)
        super().__init__(*args, train_dataset=pruned.dataset, **kwargs)
        if self.compute_loss_func is not None:
            raise ValueError("compute_loss_func is not called; overwrite pruned_loss instead")
        if self.args.train_sampling_strategy != "random":
            raise ValueError(
                f"train_sampling_strategy is {self.args.train_sampling_strategy!r}; allowed is "
                "'random', for pruned draws the samples"
            )
        self.model_accepts_loss_kwargs = False  # a loss is a mean, so Trainer divides it by batches
        self.pruned = pruned
        # the first: a checkpoint is whole when those of the caller see it
        self.callback_handler.callbacks.insert(0, _Following(pruned, self._look))

    def pruned_loss(self, outputs: Any, labels: Tensor, arms: Tensor) -> Tensor:
        """The loss of a batch, a scalar, which is recorded."""
        smoothing, losses = self.args.label_smoothing_factor, None
        if smoothing:
            losses = F.cross_entropy(
                outputs.logits, labels, label_smoothing=smoothing, reduction="none"
            )
        return self.pruned.loss(outputs.logits, labels, arms, losses)

    # -- what Trainer calls -----------------------------------------------------------------------

    def train(self, resume_from_checkpoint: Any = None, **kwargs: Any) -> Any:
        """Train, from a checkpoint if one is given; True: the last one. That of a run which is over
        is loaded, and nothing is trained.

        Raises:
            ValueError: the run is over, and no checkpoint was given; or the checkpoint was made
                without this.
        """
        folder = resume_from_checkpoint
        if folder is True:
            folder = get_last_checkpoint(self.args.output_dir)
        if folder:
            if not (saved := Path(folder) / FILE).is_file():
                without = "train without resume_from_checkpoint"
                raise ValueError(
                    notes.of_stateless(f"checkpoint {folder}", "PrunedTrainer", without)
                )
            self.pruned.load_state_dict(torch.load(saved, weights_only=True))
            if self.pruned.course.phase == "validate":  # saved after an epoch's last batch
                self._load_from_checkpoint(folder)
                self.evaluate()
            if self.pruned.over:
                self._load_from_checkpoint(folder)
                self.state = TrainerState.load_from_json(str(Path(folder) / TRAINER_STATE_NAME))
                return TrainOutput(self.state.global_step, 0.0, {})
        if self.pruned.over:
            raise ValueError("the run of pruned is over; make a new Pruned to train again")
        self._at_start = self.pruned.state_dict()
        self._tries = 0
        return super().train(resume_from_checkpoint, **kwargs)

    def _inner_training_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Train; again from the start where `auto_find_batch_size` tries smaller batches."""
        if self._tries:
            self.pruned.load_state_dict(self._at_start)
        self._tries += 1
        return super()._inner_training_loop(*args, **kwargs)

    def get_train_dataloader(self) -> DataLoader:
        """The batches of an epoch, each with its arms."""
        args = self.args
        collate = self._get_collator_with_removed_columns(self.data_collator, "Training")
        loader = DataLoader(
            self.pruned.dataset,
            batch_sampler=self.pruned.batch_sampler(self._train_batch_size),
            collate_fn=Collate(collate),
            num_workers=args.dataloader_num_workers,
            pin_memory=args.dataloader_pin_memory,
            persistent_workers=args.dataloader_persistent_workers,
            prefetch_factor=args.dataloader_prefetch_factor,
            generator=torch.Generator(),  # so that a restart does not shift dropout
        )
        return prepare(loader, self.accelerator)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The loss of a batch with arms; of any other what Trainer says."""
        if ARM not in inputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        outputs = self._outputs(model, inputs)
        loss = self.pruned_loss(outputs, inputs["labels"], inputs[ARM])
        return (loss, outputs) if return_outputs else loss

    def _look(self, loader: DataLoader) -> None:
        """A forward pass over what the epoch left out."""
        model = self.model
        with without_training(model), self.compute_loss_context_manager():
            for inputs in prepare(rest_of(self.pruned, loader), self.accelerator):
                logits = self._outputs(model, inputs).logits
                self.pruned.look(logits, inputs["labels"], inputs[ARM])

    def _outputs(self, model: nn.Module, inputs: dict[str, Any]) -> Any:
        """What a network gives of a batch without its arms, and without its labels, unless a
        decoder reads what comes before each of them.
        """
        config = getattr(self.model, "config", None)  # that of the network without wrappers
        unread = {ARM} if getattr(config, "is_encoder_decoder", False) else {ARM, "labels"}
        return model(**{name: value for name, value in inputs.items() if name not in unread})

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The schedule that Trainer would make, by the share of the run instead of by steps."""
        made = super().create_scheduler(num_training_steps, optimizer)
        if self._created_lr_scheduler and isinstance(made, torch.optim.lr_scheduler.LambdaLR):
            for i, factor in enumerate(made.lr_lambdas):
                made.lr_lambdas[i] = self._by_progress(factor, num_training_steps)
        return made

    def _by_progress(self, factor: Any, num_steps: int) -> Any:
        def progress(step: int) -> float:
            return max(self.pruned.progress * num_steps, step if self.args.max_steps > 0 else 0)

        return lambda step: factor(progress(step))

    def set_initial_training_values(self, args: TrainingArguments, dataloader: DataLoader) -> Any:
        """The numbers of epochs and steps: as many as it takes, and the steps of a whole run whose
        epochs are all as long as the first, from a checkpoint too.
        """
        _, updates, num_examples, _, *others, max_steps = super().set_initial_training_values(
            args, dataloader
        )
        first, share = self.pruned.course.first
        if args.max_steps <= 0:
            batches = math.ceil(first / (self._train_batch_size * args.world_size))
            steps = math.ceil(batches / args.gradient_accumulation_steps)
            max_steps = math.ceil(steps / share - 1e-6)
        samples = round(first / share)
        return sys.maxsize, updates, num_examples, samples, *others, max_steps

    def _share(self) -> float:
        """How much of a run what is left of this epoch is."""
        return max(1e-9, self.pruned.span[1] - self.pruned.progress)

    def _run_epoch(
        self, *, train_dataloader: DataLoader, epoch: int, epochs_trained: int, **known: Any
    ) -> None:
        """An epoch, as long as it is."""
        batches = len(train_dataloader)
        updates = math.ceil(batches / self.args.gradient_accumulation_steps)
        if self.args.max_steps <= 0:
            left = (1 - self.pruned.progress) / self._share()
            self.state.max_steps = self.state.global_step + math.ceil(updates * left - 1e-6)
        resumed = epoch == epochs_trained
        known |= {"steps_in_epoch": batches, "num_update_steps_per_epoch": updates}
        known |= {"steps_trained_in_current_epoch": 0}  # the loader has only what is left
        super()._run_epoch(
            train_dataloader=train_dataloader,
            epoch=self.pruned.epoch,
            epochs_trained=self.pruned.epoch if resumed else -1,
            **known,
        )


class _Following(TrainerCallback):
    """Saves a `Pruned` with every checkpoint, tells it what validation says, and ends with it.

    Args:
        pruned: is followed.
        look: makes the forward pass over what an epoch left out, of the loader that trained.
    """

    def __init__(self, pruned: Pruned, look: Callable[[DataLoader], None]) -> None:
        self.pruned, self._look = pruned, look

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Add a file to the checkpoint."""
        saved = self.pruned.state_dict()
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            with replacing(folder / FILE) as temporary:
                torch.save(saved, temporary)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Look at what an epoch left out and evaluate, where that is due; stop at the end."""
        if self.pruned.course.phase == "look":
            self._look(kwargs["train_dataloader"])
        if self.pruned.course.phase == "validate" and args.eval_strategy == "steps":
            control.should_evaluate = True  # epochs end where they do
        control.should_training_stop |= self.pruned.over

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float],
        **kwargs: Any,
    ) -> None:
        """Tell what the agent waits for."""
        if not self.pruned.wishes.reads_validation:
            return
        if "eval_loss" in metrics:
            self.pruned.validated(metrics["eval_loss"], metrics.get("eval_accuracy"))
            control.should_training_stop |= self.pruned.over
        elif several := [name for name in metrics if re.fullmatch("eval_.+_loss", name)]:
            raise ValueError(
                f"{self.pruned.wishes.who} reads eval_loss, and the Trainer has {several[0]}; give "
                "it one eval_dataset in place of several"
            )
