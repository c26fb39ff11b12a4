"""What a loop may give to `loss`, `look` and `record`, and what it is told of anything else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from prune_env.training import Pruned

LOGITS, LABELS, ARMS = torch.zeros(2, 3), torch.tensor([0, 1]), torch.tensor([0, 1])


@pytest.mark.parametrize("method", ["loss", "look"])
@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (
            (LOGITS, LOGITS),
            LABELS,
            r"logits are a tuple of Tensor; expected a tensor \(B, C\), the output of one head, as",
        ),
        (
            {"logits": LOGITS},
            LABELS,
            r"logits are a dict; expected a tensor \(B, C\), .* or outputs\.logits",
        ),
        (LOGITS, ("cat", "dog"), r"labels are a tuple of str; expected a tensor \(B,\) int64, the"),
        (LOGITS, ["cat", "dog"], r"labels are a list of str; expected"),
        (LOGITS, np.array([0, 1]), r"labels are a ndarray; expected .*torch\.as_tensor\(labels\)"),
    ],
)
def test_what_is_no_tensor_is_refused(method, logits, labels, message, blobs):
    pruned = Pruned(blobs, epochs=1, quiet=True)
    with pytest.raises(ValueError, match=message):
        getattr(pruned, method)(logits, labels, ARMS)


@pytest.mark.parametrize("losses", [0.5, [0.5, 0.1], np.ones(2)])
def test_losses_that_are_no_tensor_are_refused(losses, blobs):
    pruned = Pruned(blobs, epochs=1, quiet=True)
    with pytest.raises(ValueError, match=r"losses are a \w+.*; expected a tensor \(B,\), one a sa"):
        pruned.record(ARMS, losses)
