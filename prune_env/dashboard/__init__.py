"""The dashboard of an episode. Nothing in it is random: one state gives one picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prune_env.dashboard.summary import Summary, choice, summarise
from prune_env.dashboard.text import ansi

__all__ = ["Summary", "choice", "render", "summarise"]


def render(summary: Summary, mode: str) -> str | NDArray[np.uint8]:
    """A picture of an episode.

    Args:
        summary: its numbers.
        mode: "ansi" for text of at most 80 columns, "rgb_array" for (640, 960, 3) uint8.

    Raises:
        ImportError: an image needs matplotlib.
    """
    if mode == "ansi":
        return ansi(summary)
    try:
        from prune_env.dashboard import image
    except ModuleNotFoundError as missing:
        raise ImportError("drawing needs matplotlib: pip install 'prune_env[plots]'") from missing
    return image.rgb_array(summary)
