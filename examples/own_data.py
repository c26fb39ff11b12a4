"""AG News and a table of scikit-learn: inputs that are no images, and a network of one's own.

prune-env board --env prune_env/Arrays-v0 --data ag_news/ \
        --network examples.own_data:make --agents ucb random_dynamic --out news
python examples/own_data.py breast_cancer.npz    # writes the table
prune-env board --env prune_env/Arrays-v0 --data breast_cancer.npz --out table
"""

import sys

import numpy as np
from torch import Tensor, nn


class BagOfWords(nn.Module):
    """The mean of the embeddings of a text's words, and a linear layer."""

    def __init__(self, num_tokens: int, num_classes: int, width: int = 64) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(num_tokens, width, mode="mean", padding_idx=0)
        self.head = nn.Linear(width, num_classes)

    def forward(self, tokens: Tensor) -> Tensor:  # (B, L) int64, 0 where a text is over
        return self.head(self.words(tokens))


def make(example_inputs: Tensor, num_classes: int) -> BagOfWords:
    """The example has the largest token that there is."""
    return BagOfWords(int(example_inputs.max()) + 1, num_classes)


def write_table(path: str) -> None:
    """The 569 breast cancers of scikit-learn, 30 numbers each, 2 classes."""
    from sklearn.datasets import load_breast_cancer

    inputs, labels = load_breast_cancer(return_X_y=True)
    np.savez(path, inputs=inputs, labels=labels)


if __name__ == "__main__":
    write_table(sys.argv[1])
