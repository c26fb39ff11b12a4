"""Hooks: what is seen of a network while somebody's loop calls it, for the signals that need it."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from prune_env.learners.network.modes import draw_nothing, modes_kept
from prune_env.learners.network.per_sample import linear_layers
from prune_env.training import notes


class Hooks:
    """Remembers what a network was last called with, and what went into its last linear layer.

    That is the last registered one with a number for each class, or of all where none has, as its
    width must be known before the network is called; whether the logits are its output is looked
    up when they come.

    Args:
        extras: which of `EXTRAS` are asked for.
        num_classes: C; None where samples have none.
        model: the network that is trained; where it is compiled, the one before that.
        reference: an average of its weights, which is called with what the network was called with.

    Raises:
        ValueError: features of a network that has no linear layer.
    """

    def __init__(
        self,
        extras: Sequence[str],
        num_classes: int | None,
        model: nn.Module | None,
        reference: nn.Module | None,
    ) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}
        """The shape of one sample's value of each extra."""
        self.has_bias = False
        """Whether the last linear layer has one, where features are asked for."""
        self._layer, self._unsure = "", True
        """The name of that layer, and whether nothing has told yet that it makes the logits."""
        self._seen = seen = _Seen()
        if "features" in extras and model is not None:
            layers = linear_layers(model)
            fitting = [name for name in layers if layers[name].out_features == num_classes]
            self._layer = (fitting or list(layers))[-1]
            layer = layers[self._layer]
            self._remove_with_this(layer.register_forward_hook(seen.see_features))
            self.has_bias = layer.bias is not None
            self.shapes["features"] = (layer.in_features,)
        if "reference_loss" in extras and model is not None and reference is not None:
            self._reference = reference
            self._remove_with_this(model.register_forward_pre_hook(seen.see_call, with_kwargs=True))
            self.shapes["reference_loss"] = ()

    def _remove_with_this(self, hook: RemovableHandle) -> None:
        """Let a hook be gone when this is: the network is somebody's, and may live longer."""
        weakref.finalize(self, hook.remove).atexit = False

    def values(
        self, size: int, labels: Tensor | None = None, logits: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The extras of the last call, which was on B samples, of classes (B,); logits (B, C)."""
        found = {"features": self._of_layer(size, logits)} if "features" in self.shapes else {}
        if "reference_loss" in self.shapes:
            assert labels is not None
            found["reference_loss"] = self._of_reference(labels)
        return found

    def _of_layer(self, size: int, logits: Tensor | None) -> Tensor:
        """(B, D) float32: what went into the last linear layer in the last call.

        Raises:
            ValueError: the last call was not on B samples.
        """
        (features, output), self._seen.passed = self._seen.passed or (None, None), None
        expected = (size, *self.shapes["features"])
        if features is None or features.shape != expected:
            came = "nothing" if features is None else f"shape {tuple(features.shape)}"
            raise ValueError(
                f"the last linear layer of the network saw {came}; expected {expected}: call it "
                f"once on a batch, before its loss is taken; where {self._layer!r} does not make "
                "the logits pass the layer that does as model="
            )
        if self._unsure and output is not None and logits is not None:
            self._unsure = False  # once: a GPU has to be waited for
            if not _are_alike(output, logits):
                notes.other_logits(self._layer)
        return features.to(torch.float32, copy=True)  # else all that they are a view of stays

    def _of_reference(self, labels: Tensor) -> Tensor:
        """(B,) float32, nats: the loss under the average of what the network was last called with.

        Nothing random is drawn, and BatchNorm takes the statistics of the batch where it does in
        the network: as in `weight_average.Reference`. One that is in evaluation mode stays so.

        Raises:
            ValueError: the network was not called since.
        """
        if self._seen.called is None:
            raise ValueError("the network was not called; call it once before its loss is taken")
        (training, args, kwargs), self._seen.called = self._seen.called, None
        reference = self._reference
        with modes_kept(reference), torch.no_grad():
            draw_nothing(reference, batch_statistics=training and reference.training)
            output = reference(*args, **kwargs)
            logits: Tensor = getattr(output, "logits", output)
            return F.cross_entropy(logits.float(), labels, reduction="none")


class _Seen:
    """What the hooks have seen last; it holds nothing else, as the network holds it."""

    passed: tuple[Tensor, Tensor] | None = None
    """What went into the last linear layer and what came out."""
    called: tuple[bool, tuple[Any, ...], dict[str, Any]] | None = None
    """Whether the network was training, and what it was called with."""

    def see_features(self, layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        self.passed = inputs[0].detach(), output.detach()

    def see_call(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.called = model.training, args, kwargs


def _are_alike(output: Tensor, logits: Tensor) -> bool:
    """Whether two tensors have the same numbers, in whatever precision."""
    same = output.shape == logits.shape
    return same and torch.allclose(output.float(), logits.float(), 0, 0, equal_nan=True)
