"""The agents in anybody's training loop: `Pruned` says which samples an epoch trains on."""

from prune_env.training.indexed import Collate, Tagged
from prune_env.training.pruned import Pruned

__all__ = ["Collate", "Pruned", "Tagged"]
