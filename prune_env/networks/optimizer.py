"""From a recipe to an optimizer, and the learning rates of its groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn, optim

from prune_env.lookup import imported, is_own, path_of
from prune_env.networks.muon import Muon
from prune_env.networks.recipe import Recipe
from prune_env.networks.whitened import WhitenedNet


def make_optimizer(model: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """The recipe's optimizer, which sees matrices and filters apart from vectors (biases, norms).

    Each group has an "lr_scale": see `set_rates`. Where the recipe has a `stem_share`, a last group
    is the bias of the stem, and `early`. One's own comes from `own_optimizer`.

    Raises:
        ValueError: the recipe has a `stem_share`, and the network no whitened stem with a bias.
    """
    if is_own(recipe.optimizer):
        return own_optimizer(model, recipe)
    stem = _stem_bias(model, recipe)
    trained = [p for p in model.parameters() if p.requires_grad and p is not stem]
    matrices = [p for p in trained if p.ndim > 1]
    vectors = [p for p in trained if p.ndim <= 1]
    rest_scale = recipe.rest_lr_scale if recipe.optimizer == "muon" else 1.0
    bias_scale = rest_scale * recipe.bias_lr_scale

    def group(
        params: Sequence[Tensor], decay: float, lr_scale: float, **more: Any
    ) -> dict[str, Any]:
        return {"params": list(params), "weight_decay": decay, "lr_scale": lr_scale} | more

    groups = [
        group(matrices, recipe.weight_decay, rest_scale),
        group(vectors, recipe.bias_weight_decay, bias_scale),
    ]
    if stem is not None:
        groups.append(group([stem], recipe.bias_weight_decay, bias_scale, early=True))
    # on a GPU one kernel, and AdamW counts its steps there; on a CPU as in all runs so far
    fused = True if all(p.device.type == "cuda" for p in trained) else None
    if recipe.optimizer == "adamw":
        betas = (recipe.momentum, 0.999)
        return optim.AdamW(groups, recipe.peak_lr, betas, capturable=bool(fused), fused=fused)
    momentum = recipe.momentum
    if recipe.optimizer == "muon":
        head = _head(model)
        decay = 0.0 if recipe.renormalise else recipe.weight_decay
        filters = [p for p in matrices if p is not head]
        groups[0]["params"] = [p for p in matrices if p is head]
        groups.append(group(filters, decay, 1.0, muon_momentum=momentum))
        momentum = recipe.rest_momentum
        return Muon(groups, recipe.peak_lr, momentum, recipe.renormalise, fused)
    return optim.SGD(groups, recipe.peak_lr, momentum, nesterov=momentum > 0, fused=fused)


def own_optimizer(model: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """What a function of one's own makes of the parameters that are trained.

    ```python
    def make(named_parameters):  # a list of (name, parameter), as of Module.named_parameters
        return torch.optim.AdamW([p for _, p in named_parameters], lr=1e-3, weight_decay=0.1)
    ```

    The learning rates that it gives its groups are their peaks: over the run they rise and fall as
    the recipe's `schedule`, `warmup` and `final_lr` say. Its `peak_lr`, momenta, decays and scales
    play no part, nor do stems that a recipe would freeze.

    Raises:
        ValueError: it is something else than an optimizer.
    """
    make = imported("optimizer", recipe.optimizer, "named_parameters")
    made = make([(n, p) for n, p in model.named_parameters() if p.requires_grad])
    if not isinstance(made, optim.Optimizer):
        raise ValueError(
            f"the optimizer {path_of(recipe.optimizer)!r} returned a {type(made).__name__}; "
            "expected a torch.optim.Optimizer"
        )
    for group in made.param_groups:
        group["lr_scale"] = float(group["lr"]) / recipe.peak_lr
    return made


def set_rates(optimizer: optim.Optimizer, recipe: Recipe, fraction: float) -> None:
    """Set the learning rates of all groups for a step at this fraction of the run, in [0, 1]."""
    lr = recipe.lr(fraction)
    for group in optimizer.param_groups:
        if "early" in group:
            lr_early = recipe.peak_lr * max(0.0, 1 - fraction / recipe.stem_share)
            group["lr"] = lr_early * group["lr_scale"]
        else:
            group["lr"] = lr * group["lr_scale"]
    freeze(optimizer)


def freeze(optimizer: optim.Optimizer) -> None:
    """Freeze the parameters of an early group whose learning rate is 0, and no others."""
    for group in optimizer.param_groups:
        if "early" in group:
            for parameter in group["params"]:
                parameter.requires_grad_(group["lr"] > 0)


def _stem_bias(model: nn.Module, recipe: Recipe) -> Tensor | None:
    """The bias of the whitened stem where the recipe trains it."""
    bias = model.stem.bias if isinstance(model, WhitenedNet) else None
    if bias is not None:
        bias.requires_grad_(recipe.stem_share > 0)
    elif recipe.stem_share:
        kind = type(model).__name__
        raise ValueError(
            f"recipe stem_share is {recipe.stem_share}; {kind} has no whitened stem with a bias "
            "and allows 0"
        )
    return bias if recipe.stem_share else None


def _head(model: nn.Module) -> Tensor | None:
    """The weights of the last linear layer; None where there is none."""
    weights = [module.weight for module in model.modules() if isinstance(module, nn.Linear)]
    return weights[-1] if weights else None
