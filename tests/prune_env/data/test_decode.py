"""Images are what a viewer shows; those that cannot be shown are named, or left out on request."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from prune_env.data.decode import Encoded, decode, shown


def encoded(image: Image.Image, kind: str = "png", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pixels(content: bytes, mode: str = "RGB") -> list:
    return np.asarray(shown(content, mode)).tolist()


BLACK, WHITE = [0, 0, 0], [255, 255, 255]


def black_on_transparent(mode: str) -> Image.Image:
    """Two pixels: black, and a black that is transparent."""
    image = Image.new("LA", (2, 1), (0, 255))
    image.putpixel((1, 0), (0, 0))
    return image.convert("RGBA").convert(mode) if mode != "LA" else image


def palette_with_a_transparent_entry() -> bytes:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.putpixel((1, 0), 1)
    return encoded(image, transparency=1)


def palette_with_half_transparent_entries() -> bytes:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([0, 0, 0, 0, 0, 0])
    image.putpixel((1, 0), 1)
    return encoded(image, transparency=bytes([255, 0]))


def colour_key(mode: str, key: object) -> bytes:
    """A second pixel of the colour that the file declares transparent."""
    image = Image.new(mode, (2, 1), 0)
    image.putpixel((1, 0), key)
    return encoded(image, transparency=key)


@pytest.mark.parametrize(
    "content",
    [
        encoded(black_on_transparent("RGBA")),
        encoded(black_on_transparent("LA")),
        encoded(black_on_transparent("RGBA"), "webp", lossless=True),
        palette_with_a_transparent_entry(),
        palette_with_half_transparent_entries(),
        colour_key("RGB", (1, 2, 3)),
        colour_key("L", 7),
        colour_key("I;16", 257 * 7),
    ],
    ids=["RGBA", "LA", "webp", "P", "P half", "RGB key", "L key", "16-bit key"],
)
def test_what_is_transparent_is_white(content: bytes):
    assert pixels(content) == [[BLACK, WHITE]]
    assert pixels(content, "L") == [[0, 255]]


def test_half_transparent_black_is_grey():
    assert pixels(encoded(Image.new("RGBA", (1, 1), (0, 0, 0, 128)))) == [[[127, 127, 127]]]


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [[1, 2, 3], [4, 5, 6]]),
        (2, [[3, 2, 1], [6, 5, 4]]),
        (3, [[6, 5, 4], [3, 2, 1]]),
        (4, [[4, 5, 6], [1, 2, 3]]),
        (6, [[4, 1], [5, 2], [6, 3]]),
        (8, [[3, 6], [2, 5], [1, 4]]),
    ],
)
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_exif_turns_the_image(orientation: int, expected: list, kind: str):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.array([[1, 2, 3], [4, 5, 6]], np.uint8))
    assert pixels(encoded(image, kind, exif=exif), "L") == expected


def test_turned_and_upright_images_of_one_shown_size_are_of_one_size():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(Image.new("L", (3, 2)), exif=exif)
    upright = encoded(Image.new("L", (2, 3)))
    decoded, _ = decode([Encoded("a", turned), Encoded("b", upright)])
    assert decoded.shape == (2, 3, 2, 1)


@pytest.mark.parametrize("kind", ["png", "tiff", "ppm"])
def test_grey_of_16_bits_is_scaled_to_8(kind: str):
    values = np.array([[0, 127, 257, 32768, 65535]], np.uint16)
    content = encoded(Image.fromarray(values), kind)
    assert pixels(content, "L") == [[0, 0, 1, 128, 255]]
    decoded, _ = decode([Encoded("a", content), Encoded("b", content)])
    assert decoded.shape == (2, 1, 5, 1)


def test_cmyk_is_shown_in_rgb():
    cyan = encoded(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "tiff")
    assert pixels(cyan)[0][0] == [0, 255, 255]


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tiff"])
def test_the_first_frame_is_shown(kind: str):
    red, blue = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    lossless = {"lossless": True} if kind == "webp" else {}
    content = encoded(red, kind, save_all=True, append_images=[blue], **lossless)
    assert Image.open(io.BytesIO(content)).n_frames == 2
    assert pixels(content)[0][0] == [255, 0, 0]


def test_programs_of_the_system_are_not_asked(tmp_path):
    content = encoded(Image.new("RGB", (4, 4)), "eps")
    with pytest.raises(ValueError, match="a cannot be decoded as an image: cannot identify"):
        decode([Encoded("a", content)])


def bomb() -> bytes:
    """A PNG that declares 60,000 x 60,000 pixels."""
    content = bytearray(encoded(Image.new("RGB", (4, 4))))
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def wide() -> bytes:
    """Large enough for us, not for Pillow: 150 million pixels in 18 kB."""
    content = bytearray(encoded(Image.new("1", (4, 4))))
    content[16:24] = struct.pack(">II", 15_000, 10_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


GOOD = encoded(Image.new("RGB", (4, 4), (1, 2, 3)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GOOD[:-30], "truncated|broken"),
        (lambda: b"", "cannot identify image file"),
        (bomb, "bomb"),
        (wide, "15,000 x 10,000 pixels, allowed are 100,000,000"),
        (lambda: None, "it has no bytes"),
        (lambda: "/no/such/file.png", "No such file"),
        (lambda: encoded(Image.new("F", (4, 4)), "tiff"), "its mode is F"),
        (lambda: encoded(Image.new("I", (4, 4)), "tiff"), "its mode is I,"),
    ],
    ids=["cut", "empty", "bomb", "wide", "none", "gone", "float", "32 bits"],
)
def test_a_broken_image_is_named_or_left_out(make: Callable, message: str):
    images = [Encoded("good", GOOD), Encoded("bad", make()), Encoded("last", GOOD)]
    with pytest.raises(ValueError, match=rf"^bad cannot be decoded as an image: .*{message}"):
        decode(images)
    decoded, good = decode(images, skip_broken=True)
    assert good.tolist() == [True, False, True]
    assert decoded[good][:, 0, 0].tolist() == [[1, 2, 3], [1, 2, 3]]


def test_all_broken_images_are_named_up_to_ten():
    images = [Encoded(f"i{n}", GOOD[:-30] if n % 2 else b"") for n in range(12)]
    with pytest.raises(ValueError, match=r"^i0 cannot .*") as error:
        decode([*images[:4], Encoded("good", GOOD)])
    assert [f"i{n} cannot be decoded" in str(error.value) for n in range(4)] == [True] * 4
    assert str(error.value).endswith("skip_broken=True (--skip-broken) goes on with the other 1")
    with pytest.raises(ValueError, match=r"i9 cannot .*; and 2 more") as error:
        decode(images, skip_broken=True)  # nothing is left
    assert "i10" not in str(error.value)
    assert "\n" not in str(error.value)


def test_more_than_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("prune_env.data.memory.total", lambda: 10_000)
    images = [Encoded(f"i{n}", encoded(Image.new("RGB", (40, 40)))) for n in range(3)]
    with pytest.raises(ValueError, match=r"3 images like i0 needs 0\.0 GB.*image_size= "):
        decode(images)
    assert decode(images, image_size=8)[0].shape == (3, 8, 8, 3)
    with pytest.raises(ValueError, match=r"3 images like i0 needs 9,000\.0 GB"):
        decode(images, image_size=1_000_000)


def test_a_failing_disk_makes_no_image_broken(monkeypatch: pytest.MonkeyPatch):
    real = Image.open

    def fails(file: io.BytesIO, *rest: object, **more: object) -> Image.Image:
        if file.getvalue() == b"there":
            raise OSError(5, "Input/output error")
        return real(file, *rest, **more)

    monkeypatch.setattr(Image, "open", fails)
    with pytest.raises(OSError, match="Input/output error"):
        decode([Encoded("good", GOOD), Encoded("bad", b"there")], skip_broken=True)
