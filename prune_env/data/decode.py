"""Encoded images (PNG, JPEG, ...) to one uint8 array.

One thread: Pillow takes 0.1 ms for a CIFAR image, nearly all of it Python, and two threads
were slower than one (1.5 s against 1.1 s for 10,000 images on 2 cores).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

GREY = ("1", "L", "LA")
DEEP = ("I", "F")
"""First letters of Pillow's modes of more than 8 bits, which would lose their range."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One image that is not decoded yet."""

    where: str
    """What errors call it: a file, or a row of one."""
    content: Any
    """A Path, or the bytes (any buffer)."""


def decode(
    train: Sequence[Encoded], test: Sequence[Encoded], image_size: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Decode both splits to images of one shape.

    Grey if all of them are grey, else RGB.

    Args:
        train: N images.
        test: M images.
        image_size: cut to a square and resize to (image_size, image_size); None: leave them,
            and they must all be of one size.

    Returns:
        (N, H, W, C) and (M, H, W, C) uint8, C = 1 or 3.

    Raises:
        ValueError: an image cannot be decoded, or differs in size; names the image.
    """
    from PIL import ImageOps

    if not train or not test:
        raise ValueError(f"{len(train)} train and {len(test)} test images: both are needed")
    mode = "L" if all(_open(image).mode in GREY for image in (*train, *test)) else "RGB"
    size = (image_size, image_size) if image_size else _open(train[0]).size  # (width, height)

    def pixels(split: Sequence[Encoded]) -> NDArray[np.uint8]:
        decoded = np.empty((len(split), size[1], size[0], len(mode)), np.uint8)
        for row, encoded in zip(decoded, split, strict=True):
            image = _open(encoded, mode)
            if image_size:
                image = ImageOps.fit(image, size)
            elif image.size != size:
                raise ValueError(
                    f"{encoded.where} is {image.size} pixels, {train[0].where} is {size}: images "
                    "of different sizes are resized only if image_size says to which size"
                )
            row[:] = np.asarray(image).reshape(row.shape)
        return decoded

    return pixels(train), pixels(test)


def _open(encoded: Encoded, mode: str | None = None) -> Image:
    """Read the header of an image or, given a mode, all of it."""
    from PIL import Image

    try:
        content = encoded.content
        with Image.open(content if isinstance(content, Path) else io.BytesIO(content)) as image:
            if image.mode.startswith(DEEP):
                raise ValueError(f"its mode is {image.mode}, allowed are images of 8 bits")
            return image.convert(mode) if mode else image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{encoded.where} cannot be decoded as an image: {error}") from error
