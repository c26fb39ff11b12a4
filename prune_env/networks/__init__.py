"""Networks and the recipes they are trained with. Importing this imports torch."""

from prune_env.networks.optimizer import freeze, make_optimizer, set_rates
from prune_env.networks.recipe import Recipe
from prune_env.networks.registry import default_name, factory, is_capturable, recipe

__all__ = [
    "Recipe",
    "default_name",
    "factory",
    "freeze",
    "is_capturable",
    "make_optimizer",
    "recipe",
    "set_rates",
]
