"""What a PrunedTrainer refuses before it trains, in a line that says what to do."""

from __future__ import annotations

import prune_agents
import pytest
from torch import nn

from prune_env.training import Pruned

transformers = pytest.importorskip("transformers", reason="pip install prune_env[transformers]")

from prune_env.training.huggingface import PrunedTrainer  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:torch", "ignore::FutureWarning")


def trainer(blobs, folder, pruned=None, **options):
    loss = {name: options.pop(name) for name in ("compute_loss_func",) if name in options}
    args = transformers.TrainingArguments(str(folder), use_cpu=True, report_to="none", **options)
    return PrunedTrainer(nn.Linear(2, 3), args, pruned=pruned or Pruned(blobs, epochs=1), **loss)


def test_a_loss_that_would_not_be_called_is_refused(blobs, tmp_path):
    with pytest.raises(ValueError, match="overwrite pruned_loss"):
        trainer(blobs, tmp_path, compute_loss_func=lambda *args, **kwargs: None)


def test_an_order_of_the_samples_that_would_not_be_followed_is_refused(blobs, tmp_path):
    with pytest.raises(ValueError, match="allowed is 'random', for pruned draws the samples"):
        trainer(blobs, tmp_path, train_sampling_strategy="group_by_length")


def test_an_agent_is_no_pruned(blobs, tmp_path):
    with pytest.raises(ValueError, match=r"^pruned is UCB\(.*; expected Pruned$"):
        trainer(blobs, tmp_path, pruned=prune_agents.make("ucb"))


@pytest.mark.parametrize("named", [True, False])
def test_a_checkpoint_of_a_plain_trainer_is_refused(named, blobs, tmp_path):
    (tmp_path / "checkpoint-3").mkdir()
    folder = tmp_path / "checkpoint-3" if named else True
    with pytest.raises(ValueError, match=r"checkpoint-3 holds no state of pruned.*; train without"):
        trainer(blobs, tmp_path).train(resume_from_checkpoint=folder)


def test_who_reads_validation_reads_that_of_one_data_set(blobs, tmp_path):
    pruned = Pruned(blobs, prune_agents.make("dvrl"), epochs=2, num_validation=12)
    told = trainer(blobs, tmp_path, pruned).callback_handler
    args, state = transformers.TrainingArguments(str(tmp_path)), transformers.TrainerState()
    with pytest.raises(ValueError, match="DVRL reads eval_loss, and the Trainer has eval_a_loss; "):
        told.on_evaluate(args, state, transformers.TrainerControl(), {"eval_a_loss": 1.0})
    told.on_evaluate(args, state, transformers.TrainerControl(), {"eval_loss": 1, "eval_a_loss": 1})
