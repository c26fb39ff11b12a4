"""From a recipe to an optimizer."""

from __future__ import annotations

from torch import nn, optim

from prune_env.networks.recipe import Recipe


def make_optimizer(model: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """The recipe's optimizer, which sees matrices and filters apart from vectors (biases, norms).

    Only the former decay. Each group has an "lr_scale", by which whoever sets its learning rate
    multiplies it.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {
            "params": [p for p in trained if p.ndim > 1],
            "weight_decay": recipe.weight_decay,
            "lr_scale": 1.0,
        },
        {
            "params": [p for p in trained if p.ndim <= 1],
            "weight_decay": 0.0,
            "lr_scale": recipe.bias_lr_scale,
        },
    ]
    if recipe.optimizer == "adamw":
        return optim.AdamW(groups, lr=recipe.peak_lr, betas=(recipe.momentum, 0.999))
    return optim.SGD(
        groups, lr=recipe.peak_lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0
    )
