"""Recipe: everything about how a network is trained that the selection does not decide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal

from prune_env.checks import In, check
from prune_env.lookup import Function, is_own, known, path_of

BUILT_IN = ("sgd", "adamw", "muon")
"""The optimizers that are here."""

NOT_OWN = {"optimizer": BUILT_IN, "loss": ("cross_entropy",), "augment": (None,)}
"""What is allowed beside functions of one's own."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. Each named network has its own; single fields can be overridden."""

    epochs: Annotated[int, In("[1, inf)")] = 8
    """Rounds of a run, where the environment is not told how many."""
    batch_size: Annotated[int, In("[1, inf)")] = 128
    """Samples a step at most; a round is cut into equal batches, so that no small one is left.
    Of one alone BatchNorm takes its averages, which with a size of 1 stay as they begin."""
    optimizer: Literal["sgd", "adamw", "muon"] | Function = "sgd"
    """"sgd" has Nesterov momentum; "adamw" uses `momentum` as its beta1; "muon" trains filters and
    matrices, and leaves vectors and the linear layer that was registered last to SGD. One's own is
    a function, or its import path: see `prune_env.networks.optimizer.own_optimizer`."""
    peak_lr: Annotated[float, In("[0, inf)")] = 0.1
    """The highest learning rate."""
    warmup: Annotated[float, In("[0, 1)")] = 0.15
    """Fraction of the run over which the learning rate rises; then it falls."""
    final_lr: Annotated[float, In("[0, 1)")] = 0.0
    """Learning rate at the end of the run, as a fraction of the peak."""
    bias_lr_scale: Annotated[float, In("[0, inf)")] = 1.0
    """Learning rate of vectors (biases, norms), as a multiple of that of the matrices."""
    momentum: Annotated[float, In("[0, 1)")] = 0.9
    """Of SGD or Muon, or the beta1 of AdamW."""
    weight_decay: Annotated[float, In("[0, inf)")] = 5e-4
    """L2 penalty of weight matrices and filters; biases and norms have `bias_weight_decay`."""
    label_smoothing: Annotated[float, In("[0, 1)")] = 0.0
    """In the training loss only: the loss that agents see is the plain cross-entropy."""
    padding: Annotated[int, In("[0, inf)")] = 0
    """Pixels by which a random crop may move, reflected at the border; 0 does not crop."""
    flip: bool = False
    """Whether images are mirrored in every other round."""
    reference_decay: Annotated[float, In("[0, 1)")] = 0.999
    """Share of itself that the moving average behind `reference_loss` keeps in a step, at most."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """"auto" is bf16 autocast on a GPU that has it, and fp32 on all CPUs. With "bf16" a CPU that
    has it trained `small` 1.4 and evaluated it 1.6 times as fast (benchmarks/results/bf16.md). One
    that has to emulate it took 13 times as long as with fp32: there it is refused."""
    compile: Literal[
        "off", "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"
    ] = "off"
    """The mode of torch.compile; on two CPU cores it took 17 to 64 s and won nothing."""
    cuda_graph: bool | None = None
    """Whether a GPU is given each step as one CUDA graph; nothing on a CPU, and not with `compile`.
    By default where it is known to work: the networks of this project with nothing of one's own, in
    one process. An H200 trained them up to 12 times as fast (benchmarks/results/gpu.md)."""
    schedule: Literal["linear", "cosine", "onecycle"] = "linear"
    """"linear" rises from 0 and falls in straight lines; "cosine" falls as half a cosine;
    "onecycle" rises as one too, from a 25th of the peak. Where a run begins at 0 its first step
    moves nothing, which is a whole round where a round is one batch."""
    bias_weight_decay: Annotated[float, In("[0, inf)")] = 0.0
    """L2 penalty of vectors (biases, norms)."""
    rest_lr_scale: Annotated[float, In("[0, inf)")] = 1.0
    """With Muon: the peak learning rate of SGD, as a multiple of `peak_lr`. That of vectors is
    `bias_lr_scale` times it."""
    rest_momentum: Annotated[float, In("[0, 1)")] = 0.85
    """With Muon: the momentum of SGD."""
    renormalise: bool = False
    """With Muon: whether each filter bank is given the norm sqrt(outputs) before each step; it does
    not decay then."""
    lookahead: bool = False
    """Whether the weights return every 5 steps to an average that lags behind them, less and less
    far as the run goes on; see `prune_env.learners.network.weight_average.Lookahead`."""
    stem_share: Annotated[float, In("[0, 1]")] = 0.0
    """Share of the run over which the bias of a whitened stem is trained, at a learning rate that
    falls linearly to 0. Then, or with 0, it is frozen: that saves the gradient of what it feeds."""

    image_sizes: tuple[float, ...] = ()
    """What the height and width of images are multiplied by in training, in as many equal parts of
    the run; smaller ones cost less, three quarters about half. By default 1 throughout."""

    loss: Literal["cross_entropy"] | Function = "cross_entropy"
    """What training makes small, per sample; agents see the plain cross-entropy all the same. One's
    own is a function, or its import path: see `prune_env.learners.network.own_step.loss_of`."""
    augment: Function | None = None
    """A function of one's own, or its import path, that changes a batch of inputs in training,
    after crops and flips: see `prune_env.learners.network.own_step.augment_of`."""

    def __post_init__(self) -> None:
        """Check the types and ranges."""
        try:
            check(self)
            for name, known in NOT_OWN.items():
                if (given := getattr(self, name)) not in known and not is_own(given):
                    allowed = " or ".join(map(repr, known))
                    raise ValueError(f"{name} is {given!r}; expected {allowed} or module:function")
            if self.loss != "cross_entropy" and self.label_smoothing:
                raise ValueError(
                    f"label_smoothing is {self.label_smoothing}; with a loss of one's own only 0 "
                    "is allowed"
                )
            if is_own(self.optimizer) and not self.peak_lr:
                raise ValueError(
                    "peak_lr is 0; with an optimizer of one's own, whose rates are its groups', "
                    "only above 0 is allowed"
                )
        except ValueError as error:
            raise ValueError(f"recipe {error}") from None
        object.__setattr__(self, "image_sizes", tuple(map(float, self.image_sizes)))
        for size in self.image_sizes:
            if not 0 < size <= 1:
                raise ValueError(f"recipe image_sizes has {size:g}; allowed is 0 < size <= 1")
        if self.cuda_graph and self.compile != "off":
            raise ValueError(
                f"recipe compile is {self.compile!r}; with cuda_graph only 'off' is allowed"
            )

    def owns(self) -> bool:
        """Whether it has a function of the user's own."""
        return any(getattr(self, name) not in known for name, known in NOT_OWN.items())

    def override(self, changes: Mapping[str, Any]) -> Recipe:
        """Return the recipe with some fields changed.

        Raises:
            ValueError: an unknown field, or a value outside its range.
        """
        names = [field.name for field in fields(self)]
        for name in changes:
            known("field of the recipe", name, names)
        return replace(self, **changes)

    def plain(self) -> dict[str, Any]:
        """The fields by their names; functions of one's own as their import paths."""
        return {n: path_of(v) if callable(v) else v for n, v in vars(self).items()}

    def image_size(self, fraction: float) -> float:
        """What image sides are multiplied by at a fraction of the run in [0, 1]."""
        parts = len(self.image_sizes)
        return self.image_sizes[min(int(fraction * parts), parts - 1)] if parts else 1.0

    def lr(self, fraction: float) -> float:
        """The learning rate at a fraction of the run in [0, 1]: up to the peak, then down."""
        if fraction < self.warmup:
            if self.schedule == "onecycle":
                return self.peak_lr * (0.04 + 0.96 * _half_cosine(fraction / self.warmup))
            return self.peak_lr * fraction / self.warmup
        left = (1 - fraction) / (1 - self.warmup)
        if self.schedule != "linear":
            left = _half_cosine(left)
        return self.peak_lr * (self.final_lr + (1 - self.final_lr) * left)


def _half_cosine(share: float) -> float:
    """From 0 to 1 as share does, flat at both ends."""
    return (1 - math.cos(math.pi * share)) / 2
