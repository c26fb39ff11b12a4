"""Hooks: what is seen of a network while somebody's loop calls it, for the signals that need it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prune_env.learners.network.per_sample import last_linear


class Hooks:
    """Remembers what a network was last called with, and what went into its last linear layer.

    Args:
        model: the network that is trained; where it is compiled, the one before that.
        features: whether to remember what goes into its last linear layer.
        reference: an average of its weights, which is called with what the network was called with.

    Raises:
        ValueError: features of a network that has no linear layer.
    """

    def __init__(self, model: nn.Module, features: bool, reference: nn.Module | None) -> None:
        self.num_features = last_linear(model).in_features if features else 0
        self.has_bias = features and last_linear(model).bias is not None
        self._reference = reference
        self._features: Tensor | None = None
        self._called: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        if features:
            last_linear(model).register_forward_pre_hook(self._see_features)
        if reference is not None:
            model.register_forward_pre_hook(self._see_call, with_kwargs=True)

    def _see_features(self, layer: nn.Module, inputs: tuple[Tensor]) -> None:
        self._features = inputs[0].detach()

    def _see_call(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._called = args, kwargs

    def features(self, size: int) -> Tensor:
        """(B, D) float32: what went into the last linear layer in the last call.

        Raises:
            ValueError: the last call was not on B samples.
        """
        features, self._features = self._features, None
        if features is None or features.shape != (size, self.num_features):
            came = "nothing" if features is None else f"shape {tuple(features.shape)}"
            raise ValueError(
                f"the last linear layer of the network saw {came}; expected "
                f"({size}, {self.num_features}): call it once on a batch, before its loss is taken"
            )
        return features.to(torch.float32, copy=True)  # else all that they are a view of stays

    def reference_loss(self, labels: Tensor) -> Tensor:
        """(B,) float32, nats: the loss under the average of what the network was last called with.

        Raises:
            ValueError: the network was not called since.
        """
        if self._called is None:
            raise ValueError("the network was not called; call it once before its loss is taken")
        (args, kwargs), self._called = self._called, None
        assert self._reference is not None
        with torch.no_grad():
            output = self._reference(*args, **kwargs)
            logits: Tensor = getattr(output, "logits", output)
            return F.cross_entropy(logits.float(), labels, reduction="none")
