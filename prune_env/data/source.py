"""Source: where a dataset comes from, and how what was found there becomes one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prune_env.data.dataset import Dataset, Split, carve_test
from prune_env.data.decode import Encoded, decode
from prune_env.data.labels import Labels, matched

TESTS = ("test", "testing", "validation", "valid", "val", "dev")
"""What may be the test split, the best first: many datasets publish no test labels."""
TRAINS = ("train", "training")

DARK = 64
"""Where no pixel reaches this, of 255, images may use a part of what their files can hold."""


@dataclass(frozen=True)
class Reading:
    """How encoded images are read; see `prune_env.data.load`."""

    image_size: int | None = None
    image_column: str | None = None
    label_column: str | None = None
    skip_broken: bool = False


@dataclass(frozen=True)
class Source:
    """A dataset that has been found and not yet been read."""

    name: str
    """What reports call it."""
    key: dict[str, Any] | None
    """JSON: everything that determines the arrays. None: reading is as fast as a cache."""
    read: Callable[[], Dataset]
    """Read and decode it; its name is then what errors call it, such as a path."""
    notes: tuple[str, ...] = ()
    """What was decided when it was found; `Dataset.notes` are those of reading it."""
    has_columns: bool = False
    """Whether `Reading` may name columns."""


@dataclass(frozen=True)
class Listed:
    """One split, not decoded yet."""

    images: Sequence[Encoded]
    """N of them."""
    labels: Labels
    """Theirs."""
    files: NDArray[np.str_] | None = None
    """See `Split.files`."""

    def split(
        self, pixels: NDArray[np.uint8], ids: NDArray[np.int64], good: NDArray[np.bool_]
    ) -> Split:
        """What it is decoded: the good ones of N images, and the labels of these."""
        files = None if self.files is None else self.files[good]
        return Split(pixels, ids, files, np.flatnonzero(good))


def assemble(name: str, train: Listed, test: Listed | None, reading: Reading) -> Dataset:
    """Make a dataset of two splits, or of one that is to be divided.

    Raises:
        ValueError: labels or images are not what a dataset can be made of; names them.
    """
    splits = [train] if test is None else [train, test]
    if not all(split.images for split in splits):
        counts = " and ".join(f"{len(split.images)}" for split in splits)
        raise ValueError(f"{name}: {counts} images in train and test: both are needed")
    matched(train.labels, splits[-1].labels, name)  # before the work of decoding
    images = [image for split in splits for image in split.images]
    pixels, good = decode(images, reading.image_size, reading.skip_broken)
    border, notes = len(train.images), []
    if not good.all():
        lost = [image.where for image, is_good in zip(images, good, strict=True) if not is_good]
        notes.append(f"{name}: {few(lost, len(images))} cannot be decoded and are left out")
    if (brightest := int(pixels.max())) < DARK:
        notes.append(
            f"{name}: its brightest pixel is {brightest} of 255; where images of 16 bits use "
            "fewer, scale them first, so that white is 65535"
        )
    parts = [(pixels[:border], train.labels, good[:border])]
    if test is not None:
        parts.append((pixels[border:], test.labels, good[border:]))
    whole = [(p if g.all() else p[g], labels[g]) for p, labels, g in parts]
    classes, train_ids, test_ids = matched(whole[0][1], whole[-1][1], name)
    first = train.split(whole[0][0], train_ids, good[:border])
    if test is not None:
        second = test.split(whole[1][0], test_ids, good[border:])
        return Dataset(name, classes, first, second, tuple(notes))
    rest, held_out, note = carve_test(name, train_ids, "images")
    without = len(classes) - len(np.unique(train_ids[held_out]))
    if without:
        note += f"; {without:,} of {len(classes):,} classes have none there"
    notes.append(note)
    return Dataset(name, classes, first.part(rest), first.part(held_out), tuple(notes))


def few(names: Sequence[str], total: int | None = None, most: int = 5) -> str:
    """Some names and how many there are, such as "2 of 9 files: a, b"."""
    shown = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
    of = f" of {total:,}" if total is not None else ""
    return f"{len(names):,}{of} ({shown})"


def need_hub_extra(what: str, missing: ImportError) -> ImportError:
    """Say which extra brings the library that is missing."""
    return ImportError(f'{what} needs {missing.name}: pip install "prune_env[hub]"')
