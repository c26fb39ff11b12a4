"""Encoded images (PNG, JPEG, ...) to one uint8 array, as a viewer shows them.

| image | what a viewer shows, and what comes |
|---|---|
| transparent, in whatever way | on white, as a browser has it on an empty page |
| turned by its EXIF orientation | upright |
| grey of 16 bits | 65535 is white, as 255 is; 32 bits and floats have no white and are refused |
| CMYK, palettes | in RGB |
| animated, many pages | the first |

Colours are the numbers of the file: its colour profile is not applied, as in torchvision.

One thread: Pillow takes 0.1 ms for a CIFAR image, nearly all of it Python, and two threads
were slower than one (1.5 s against 1.1 s for 10,000 images on 2 cores).
"""

from __future__ import annotations

import errno
import io
import math
import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from prune_env.data.memory import check_fits
from prune_env.files import is_disk_trouble

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = (
    "PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "PPM", "JPEG2000", "TGA", "ICO",
)  # fmt: skip
"""What is read. Pillow knows others, but has a program of the system read some of them."""
DEEP = ("PNG", "PPM")
"""Formats whose grey images have 16 bits at most, also where Pillow makes them 32."""
MOST_PIXELS = 100_000_000
"""Of one image: some bytes can declare more, and be unpacked to it."""
NAMED = 10
"""So many broken images are named."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One image that is not decoded yet."""

    where: str
    """What errors call it: a file, or a row of one."""
    content: Any
    """The path of a file (str), or the bytes (any buffer); None if there are none."""


def decode(
    images: Sequence[Encoded], image_size: int | None = None, skip_broken: bool = False
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Decode images to one shape.

    Grey if all of them are grey, else RGB.

    Args:
        images: N of them.
        image_size: cut to a square and resize to (image_size, image_size); None: leave them,
            and they must all be of one size.
        skip_broken: go on without those that cannot be decoded.

    Returns:
        (N, H, W, C) uint8, C = 1 or 3; (N,) bool: which could be decoded. The others are black.

    Raises:
        ValueError: images cannot be decoded, differ in size or fill the memory; names them.
    """
    broken: dict[int, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's about odd files: what it can show is shown
        mode = "L" if _all_grey(images, broken) else "RGB"
        decoded = _pixels(images, mode, image_size, broken)
    if decoded is None or (broken and not skip_broken):
        raise ValueError(_describe(images, broken))
    good = np.ones(len(images), bool)
    good[list(broken)] = False
    return decoded, good


def _all_grey(images: Sequence[Encoded], broken: dict[int, str]) -> bool:
    grey = True
    for row, encoded in enumerate(images):
        try:
            with _opened(encoded.content) as image:
                grey &= image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")
        except Exception as error:  # whatever a broken file leads Pillow to
            broken[row] = _fault(error)
    return grey


def _pixels(
    images: Sequence[Encoded], mode: str, image_size: int | None, broken: dict[int, str]
) -> NDArray[np.uint8] | None:
    """(N, H, W, C) uint8, black where an image is broken; None where all are."""
    from PIL import ImageOps

    def room(like: str, size: tuple[int, int]) -> NDArray[np.uint8]:
        shape = (len(images), size[1], size[0], len(mode))
        advice = "; image_size= (--image-size) makes them smaller"
        check_fits(math.prod(shape), f"{len(images):,} images like {like}", advice)
        return np.zeros(shape, np.uint8)

    decoded, first, size = None, "", (0, 0)  # (width, height)
    for row, encoded in enumerate(images):
        if row in broken:
            continue
        try:
            image = shown(encoded.content, mode)
        except Exception as error:  # as above
            broken[row] = _fault(error)
            continue
        if decoded is None:
            first, size = encoded.where, (image_size, image_size) if image_size else image.size
            decoded = room(first, size)
        if image_size:
            image = ImageOps.fit(image, size)
        if image.size != size:
            raise ValueError(
                f"{encoded.where} is {image.size} pixels, {first} is {size}: images of different "
                "sizes are resized only if image_size says to which size (--image-size)"
            )
        decoded[row] = np.asarray(image).reshape(decoded.shape[1:])
    return decoded


def shown(content: Any, mode: str) -> Image:
    """An image as a viewer shows it, in mode L or RGB."""
    from PIL import ImageOps

    with _opened(content) as image:
        image.load()
        with suppress(Exception):  # notes that cannot be read turn nothing
            ImageOps.exif_transpose(image, in_place=True)
        if image.mode.startswith(("I", "F")):
            return shown_on_white(_of_8_bits(image)).convert(mode)
        return shown_on_white(image).convert(mode)


def shown_on_white(image: Image) -> Image:
    """The image without transparency."""
    from PIL import Image

    if not image.has_transparency_data:
        return image
    canvas = Image.new("RGBA", image.size, "white")
    canvas.alpha_composite(image.convert("RGBA"))
    return canvas


def _of_8_bits(image: Image) -> Image:
    """Grey of 16 bits as one of 8, with its transparent colour if it has one."""
    from PIL import Image

    if not (image.mode.startswith("I;16") or (image.mode == "I" and image.format in DEEP)):
        raise ValueError(f"its mode is {image.mode}, allowed are images of 8 bits and grey of 16")
    values = np.asarray(image).astype(np.uint32)
    grey = Image.fromarray(((values * 255 + 32895) >> 16).astype(np.uint8))
    if (key := image.info.get("transparency")) is None:
        return grey
    opaque = Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8))
    return Image.merge("LA", (grey, opaque))


def _opened(content: Any) -> Image:
    """An image of which the header has been read."""
    from PIL import Image

    if content is None:
        raise ValueError("it has no bytes, and what other files it names is not read")
    file = content if isinstance(content, str) else io.BytesIO(content)
    image = Image.open(file, formats=_formats())
    if image.width * image.height > MOST_PIXELS:
        image.close()
        raise ValueError(
            f"it is a bomb or too large: {image.width:,} x {image.height:,} pixels, "
            f"allowed are {MOST_PIXELS:,}"
        )
    return image


@cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow reads."""
    from PIL import Image

    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _fault(error: Exception) -> str:
    """What is wrong with an image; what is wrong with the machine is raised again."""
    if is_disk_trouble(error) or getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE):
        raise error
    return re.sub(r" <\S+ object at 0x[0-9a-f]+>", "", str(error)) or type(error).__name__


def _describe(images: Sequence[Encoded], broken: dict[int, str]) -> str:
    """One line that names the images that cannot be decoded."""
    rows = sorted(broken)
    named = [
        f"{images[row].where} cannot be decoded as an image: {' '.join(broken[row].split())}"
        for row in rows[:NAMED]
    ]
    more = f"; and {len(rows) - NAMED:,} more" if len(rows) > NAMED else ""
    whole = len(images) - len(rows)
    advice = f"; skip_broken=True (--skip-broken) goes on with the other {whole:,}" if whole else ""
    return "; ".join(named) + more + advice
