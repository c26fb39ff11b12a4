"""Labelled images in memory: `load` reads them, `limited` takes a few of them.

Nothing heavy is imported here: torchvision, scikit-learn, pyarrow and Pillow are imported by
the functions that use them.
"""

from prune_env.data.balance import limited
from prune_env.data.dataset import Dataset, Split
from prune_env.data.loading import load

__all__ = ["Dataset", "Split", "limited", "load"]
