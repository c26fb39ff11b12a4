"""Folders of images: train/<class>/* beside test/<class>/* or val/<class>/*, or <class>/* alone."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from prune_env.data.dataset import Dataset
from prune_env.data.decode import Encoded
from prune_env.data.labels import read_labels
from prune_env.data.source import TESTS, TRAINS, Listed, Reading, Source, assemble, few
from prune_env.data.tree import File, Found, fingerprint, holds, scan
from prune_env.text import plain

ENDINGS = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".webp", ".avif", ".bmp", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".tga", ".ico",
)  # fmt: skip
"""Names of images end so, in whatever case."""

Classes = dict[str, list[File]]
"""The images of each class, through all of its folder."""


@dataclass(frozen=True)
class _Layout:
    train: Classes
    test: Classes | None
    notes: tuple[str, ...]


def image_folder(folder: Path, reading: Reading) -> Source | None:
    """Find the images of a folder; None if it is no folder of images."""
    root = os.path.abspath(folder)
    layout = _splits(root) or _classes_alone(root)
    if layout is None:
        return None
    parts = [layout.train, layout.test or {}]
    files = [file for part in parts for images in part.values() for file in images]
    key = {"folder": fingerprint(root, files)} | asdict(reading)

    def read() -> Dataset:
        test = None if layout.test is None else _listed(layout.test, root)
        return assemble(root, _listed(layout.train, root), test, reading)

    return Source(Path(os.path.realpath(root)).name, key, read, layout.notes)


def _listed(classes: Classes, root: str) -> Listed:
    images = [Encoded(file.path, file.path) for files in classes.values() for file in files]
    names = np.repeat(list(classes), [len(files) for files in classes.values()])
    paths = [plain(os.path.relpath(image.where, root)) for image in images]
    return Listed(
        images, read_labels(names, None, "the name of a folder", ()), np.array(paths, str)
    )


def _splits(root: str) -> _Layout | None:
    """train/ and a test split, each with class folders; None if no split has any."""
    found = scan(root, ENDINGS)
    named = {name.lower(): path for name, path in found.folders.items()}
    for name, path in found.folders.items():
        if named[name.lower()] != path and name.lower() in (*TRAINS, *TESTS):
            raise ValueError(f"{root}: {name} is there in other capitals too")
    splits = {
        name: inside
        for name in (*TRAINS, *TESTS)
        if name in named and (inside := scan(named[name], ENDINGS)).folders
    }
    trains, tests = ([name for name in names if name in splits] for names in (TRAINS, TESTS))
    if not splits:
        return None
    if not trains:
        raise FileNotFoundError(f"{root}/train is missing: expected is train/<class>/*")
    if not tests:
        raise FileNotFoundError(
            f"{root}/test is missing: expected is test/<class>/* or val/<class>/*; to have a fifth "
            f"of train taken for it, name {named[trains[0]]}"
        )
    train, test, *unused = trains[0], tests[0], *trains[1:], *tests[1:]
    notes = []
    if test != "test":
        notes.append(f"{root}: {test}/ is its test split")
    if unused:
        notes.append(f"{root}: {', '.join(unused)} are not used, validation is a part of {train}")
    parts = {name: _classes(splits[name], notes) for name in (train, test)}
    if odd := sorted(set(parts[train]) ^ set(parts[test])):
        raise ValueError(
            f"{root}: {train} and {test} must have the same classes, not in both: {', '.join(odd)}"
        )
    return _Layout(parts[train], parts[test], tuple(notes))


def _classes_alone(root: str) -> _Layout | None:
    """Class folders without splits; None if no folder here has images of its own."""
    found = scan(root, ENDINGS)
    own = {name: holds(path, ENDINGS) for name, path in found.folders.items()}
    if not any(own.values()):
        return None
    if flat := [name for name in own if name.lower() in TESTS]:
        raise ValueError(f"{root}: {', '.join(flat)} has images without class folders")
    if empty := [name for name, has_images in own.items() if not has_images]:
        raise ValueError(
            f"{root}: {few(empty)} of its folders hold no images as class folders do; "
            "name the folder of the classes, or move what is no class away"
        )
    notes: list[str] = []
    return _Layout(_classes(found, notes), None, tuple(notes))


def _classes(split: Found, notes: list[str]) -> Classes:
    """The images of each class folder; says what else is there."""
    inside = {name: scan(path, ENDINGS, deep=True) for name, path in split.folders.items()}
    if empty := [split.folders[name] for name, found in inside.items() if not found.files]:
        raise ValueError(f"{few(empty)} of the class folders hold no image")
    odd = [path for found in inside.values() for path in found.others]
    if odd:
        notes.append(f"left out, as no images by their names: {few(odd)}")
    if split.files:
        notes.append(f"left out, as images without a class: {few([f.path for f in split.files])}")
    return {name: found.files for name, found in inside.items()}
