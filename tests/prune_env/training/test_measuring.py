"""What a loop may give to `loss`, `look` and `record`, and what it is told of anything else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

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


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.bool])
def test_labels_are_integers_of_any_size(dtype, own):
    logits = torch.tensor([[2.0, 0.0], [0.0, 3.0]], requires_grad=True)
    labels, expected = torch.tensor([0, 1]), {}
    for kind in (torch.int64, dtype):
        pruned = Pruned(range(2), epochs=1, num_classes=2, quiet=True)
        list(pruned.sampler)
        losses = torch.ones(2, requires_grad=True) if own else None
        expected[kind] = pruned.loss(logits, labels.to(kind), ARMS, losses).item()
        np.testing.assert_allclose(pruned.columns()["loss"], np.log1p(np.exp([-2.0, -3.0])), 1e-5)
    assert expected[dtype] == expected[torch.int64]


@pytest.mark.parametrize(("largest", "classes"), [(2**20 - 1, True), (2**20, False)])
def test_whole_numbers_too_large_for_classes_are_none(largest, classes):
    """Prices or times, whose array of counts would not fit the memory."""
    data = TensorDataset(torch.zeros(3, 2), torch.tensor([5, largest, 7]))
    pruned = Pruned(data, epochs=1, quiet=True)
    assert ("label" in pruned.columns()) == classes
    list(pruned.sampler)
    pruned.record(ARMS, torch.ones(2))
    assert pruned.summary().kept_by_class == ()
    assert "label" in Pruned(data, epochs=1, labels=[0, 2**20, 1], quiet=True).columns()
