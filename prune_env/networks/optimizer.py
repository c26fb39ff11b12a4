"""From a recipe to an optimizer."""

from __future__ import annotations

from torch import nn, optim

from prune_env.networks.recipe import Recipe


def make_optimizer(model: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """The recipe's optimizer; matrices and filters decay, vectors (biases, norms) do not."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        return optim.AdamW(groups, lr=recipe.peak_lr, betas=(recipe.momentum, 0.999))
    return optim.SGD(
        groups, lr=recipe.peak_lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0
    )
