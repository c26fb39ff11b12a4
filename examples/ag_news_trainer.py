"""Train a small transformer on news by HuggingFace's Trainer, on 30 % of the texts of each epoch.

python examples/ag_news_trainer.py --data ag_news/    # parquet files, as the hub has them
python examples/ag_news_trainer.py --data ag_news/ --agent full

Nothing is downloaded: the vocabulary is made of the texts, the network is untrained. `pip install
prune_env[transformers,hub]`.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import prune_agents
import pyarrow.parquet
from datasets import Dataset
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    BatchEncoding,
    BertConfig,
    BertForSequenceClassification,
    EvalPrediction,
    PreTrainedTokenizerFast,
    TrainingArguments,
    set_seed,
)

from prune_env.training import Pruned
from prune_env.training.huggingface import PrunedTrainer

parser = argparse.ArgumentParser(description="AG News by HuggingFace")
parser.add_argument("--data", default="ag_news", help="folder of train-*.parquet, test-*.parquet")
parser.add_argument("--agent", default="ucb", help="full trains on everything")
parser.add_argument("--keep", type=float, default=0.3, help="share of the texts of an epoch")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--limit", type=int, help="use only so many texts of each split")
parser.add_argument("--width", type=int, default=128, help="of the network")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--output", default="ag_news_run", help="folder for checkpoints")
parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
args = parser.parse_args()


def read(split: str) -> Dataset:
    files = sorted(Path(args.data).glob(f"{split}-*.parquet"))
    if not files:
        parser.error(f"{args.data} has no {split}-*.parquet; --data names the folder of AG News")
    return Dataset.from_dict(pyarrow.parquet.read_table(files).slice(0, args.limit).to_pydict())


def tokenizer_of(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """The same in every process, as --resume needs it; that of WordPiece is another in each."""
    words = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer()
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]"]
    words.train_from_iterator(
        texts, trainers.WordLevelTrainer(vocab_size=8_000, special_tokens=special)
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", model_max_length=48
    )


def tokens_of(rows: dict[str, list[str]]) -> BatchEncoding:
    return tokenizer(rows["text"], truncation=True)


def accuracy_of(found: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float((np.argmax(found.predictions, 1) == found.label_ids).mean())}


set_seed(args.seed)
train, test = read("train"), read("test")
tokenizer = tokenizer_of(train["text"])
train, test = (part.map(tokens_of, batched=True) for part in (train, test))
config = BertConfig(
    vocab_size=len(tokenizer),
    hidden_size=args.width,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=2 * args.width,
    max_position_embeddings=64,
    id2label=dict(enumerate(("World", "Sports", "Business", "Sci/Tech"))),
)
options = {} if args.agent == "full" else {"keep_ratio": args.keep}
pruned = Pruned(train, prune_agents.make(args.agent, **options), epochs=args.epochs, seed=args.seed)
trainer = PrunedTrainer(
    BertForSequenceClassification(config),
    TrainingArguments(
        args.output,
        per_device_train_batch_size=32,
        per_device_eval_batch_size=200,
        learning_rate=1e-3,
        warmup_steps=0.1,
        lr_scheduler_type="linear",
        save_strategy="epoch",
        save_total_limit=1,
        logging_strategy="epoch",
        report_to="none",
        seed=args.seed,
    ),
    eval_dataset=test,
    processing_class=tokenizer,
    pruned=pruned,
    compute_metrics=accuracy_of,
)
trainer.train(resume_from_checkpoint=args.resume)
accuracy = trainer.evaluate()["eval_accuracy"]
print(f"{args.agent}: test accuracy {100 * accuracy:.2f} % after {trainer.state.global_step} steps")
