"""The dashboard of an episode as an image of 960 x 640 pixels.

Drawn with matplotlib's objects, without pyplot: nothing global changes and any thread may draw. A
frame takes about 0.3 s of CPU time, for two million arms as for a hundred: it goes into text.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image, ImageOps

from prune_env.dashboard.summary import Summary, extremes, kept_per_bin, missing, pull_groups

WIDTH, HEIGHT, DPI = 960, 640, 100
"""Pixels of a frame, multiples of 16 as video encoders want them; and pixels an inch."""

EDGES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Where the histogram of the losses is cut, in nats."""

STRIP, THUMBNAIL, GAP = 7, 64, 13
"""Images in a strip, the pixels of an image and between two: 8x8 and 32x32 are enlarged evenly."""

# Okabe and Ito's blue and vermilion, told apart by all; in every panel blue is what was kept.
KEPT, KEPT_PALE, PRUNED, ACCURACY = "#0072B2", "#BFDCEC", "#C3CAD3", "#D55E00"
INK, FAINT, BAND = "#1F2933", "#566270", "#F3F5F8"

Box = tuple[int, int, int, int]
"""left, top, width, height in pixels, from the upper left corner of the frame."""


def rgb_array(s: Summary) -> NDArray[np.uint8]:
    """The dashboard as an image, (640, 960, 3) uint8."""
    figure = Figure((WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    _draw_headline(figure, s)
    _draw_run(_panel(figure, (62, 188, 318, 160), "The run so far"), s)
    _draw_losses(_panel(figure, (450, 188, 490, 160), "What the last round kept"), s)
    note = "arms, with their share of all"
    _draw_pulls(_panel(figure, (62, 448, 318, 144), "How often arms have been kept", note), s)
    thumbnails: dict[tuple[int, int], NDArray[np.uint8]] = {}
    if s.images_of is None:
        title, note = "How often arms of each class have been kept", "share of the rounds so far"
        _draw_classes(_panel(figure, (450, 448, 490, 144), title, note), s)
    else:
        most, least = extremes(s.pulls, s.loss, STRIP)
        thumbnails |= _draw_strip(figure, s, s.images_of(most), 423, "Kept most often", most)
        thumbnails |= _draw_strip(figure, s, s.images_of(least), 533, "Kept least often", least)
    canvas.draw()
    frame = np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
    for (left, top), pixels in thumbnails.items():
        frame[top : top + THUMBNAIL, left : left + THUMBNAIL] = pixels
    return frame


# -- panels ----------------------------------------------------------------------------------------


def _draw_headline(figure: Figure, s: Summary) -> None:
    figure.add_artist(Rectangle((0, 1 - 130 / HEIGHT), 1, 1, color=BAND, zorder=-1))
    _text(figure, 24, 34, s.title, 13, weight="bold")
    for i, tile in enumerate(s.headline):
        left = 24 + 187 * i
        colour = ACCURACY if "accuracy" in tile.what else KEPT
        _text(figure, left, 78, tile.value, 19, weight="bold", color=colour)
        _text(figure, left, 98, tile.what, 9.5)
        _text(figure, left, 114, tile.detail, 8.5, color=FAINT)


def _draw_run(axes: Axes, s: Summary) -> None:
    """Accuracy as a line, over the share of the arms that each round kept."""
    few = s.rounds <= 40
    axes.bar(
        s.position,
        100 * np.array([0.0, *s.kept_share]),
        -np.diff(s.position, prepend=0.0),
        align="edge",
        color=KEPT_PALE,
        edgecolor="white",
        linewidth=0.5 if few else 0,
        label="arms kept",
    )
    measured = np.isfinite(s.accuracy)
    axes.plot(  # nothing, and no entry of the legend, where there is no validation split
        s.position[measured],
        100 * s.accuracy[measured],
        color=ACCURACY,
        linewidth=2,
        marker="o" if few else None,
        markersize=4,
        label="validation accuracy" if measured.any() else None,
        clip_on=False,
    )
    axes.set_xlim(0, max(s.limit, s.position[-1]))
    axes.set_ylim(0, 100)
    axes.yaxis.set_major_formatter("{x:.0f} %")
    axes.set_xlabel(s.unit, fontsize=9, color=FAINT)
    _legend(axes)


def _draw_losses(axes: Axes, s: Summary) -> None:
    """Histogram of the losses on which the last round was chosen; the share kept of each bar."""
    axes.set_xlabel("loss in nats, as known before that round", fontsize=9, color=FAINT)
    if "loss" not in s.choice:
        axes.set(xticks=[], yticks=[])
        style: dict[str, Any] = {"ha": "center", "fontsize": 9.5, "color": FAINT}
        axes.text(0.5, 0.5, missing(s), transform=axes.transAxes, **style)
        return
    arms, kept = kept_per_bin(s.choice["loss"], s.choice["kept"], EDGES)
    bins = np.arange(len(arms))
    axes.bar(bins, kept, 0.86, color=KEPT, label="arms kept, with their share")
    axes.bar(bins, arms - kept, 0.86, bottom=kept, color=PRUNED, label="arms pruned")
    for i in np.flatnonzero(arms).tolist():
        _above(axes, i, arms[i], kept[i] / arms[i], KEPT if kept[i] else FAINT)
    decades = (0.001, 0.01, 0.1, 1.0)
    axes.set_xticks(
        [*(EDGES.index(edge) + 0.5 for edge in decades), bins[-1]],
        [*(f"{edge:g}" for edge in decades), "unseen"],
    )
    axes.set_xlim(-0.6, len(arms) - 0.4)
    _scale_counts(axes, arms)
    _legend(axes)


def _draw_pulls(axes: Axes, s: Summary) -> None:
    """How many arms have been kept how often."""
    names, arms = pull_groups(s.pulls, 9 if s.pulls.max() < 9 else 6)
    bins = np.arange(len(names))
    axes.bar(bins, arms, 0.86, color=[PRUNED, *[KEPT] * (len(names) - 1)])
    for i, count in enumerate(arms):
        _above(axes, i, count, count / len(s.pulls), FAINT)
    axes.set_xticks(bins, names)
    axes.set_xlim(-0.6, max(len(names), 4) - 0.4)
    axes.set_xlabel("times kept", fontsize=9, color=FAINT)
    _scale_counts(axes, arms)


def _draw_classes(axes: Axes, s: Summary) -> None:
    """Without images: how often the arms of each class have been kept."""
    arms = np.bincount(s.labels)
    share = np.bincount(s.labels, s.pulls) / np.maximum(arms * s.rounds, 1)
    axes.bar(np.arange(len(arms)), 100 * share, 0.86 if len(arms) <= 40 else 1.0, color=KEPT)
    axes.set_ylim(0, 100)
    axes.yaxis.set_major_formatter("{x:.0f} %")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.set_xlabel("class", fontsize=9, color=FAINT)


def _draw_strip(
    figure: Figure,
    s: Summary,
    images: NDArray[np.uint8],
    top: int,
    title: str,
    arms: NDArray[np.int64],
) -> dict[tuple[int, int], NDArray[np.uint8]]:
    """Write the title and the captions of a strip; returns its thumbnails by their left and top.

    Args:
        figure: to write into.
        s: what is known of the arms.
        images: (K, H, W, C) uint8, those of `arms`.
        top: pixels above it.
        title: what the strip shows.
        arms: (K,) int64.
    """
    note = "times kept" if s.loss is None else "times kept, last loss in nats"
    _text(figure, 412, top, title, 10.5, weight="bold")
    _text(figure, 556, top, note if s.rounds else "no round yet", 8.5, color=FAINT)
    thumbnails = {}
    for i, arm in enumerate(arms if s.rounds else []):
        left = 412 + i * (THUMBNAIL + GAP)
        loss = "" if s.loss is None else f"  {s.loss[arm]:.2f}" if s.seen[arm] else "  unseen"
        _text(figure, left, top + THUMBNAIL + 22, f"{s.pulls[arm]}×{loss}", 8.5, color=FAINT)
        thumbnails[left, top + 9] = thumbnail(images[i])
    return thumbnails


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(64, 64, 3) uint8 of an (H, W, C) uint8 image, padded with white where it is not square."""
    picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).convert("RGB")
    # BOX repeats pixels when it enlarges and averages them when it shrinks
    size = (THUMBNAIL, THUMBNAIL)
    return np.asarray(ImageOps.pad(picture, size, Image.Resampling.BOX, "white"))


# -- parts of a panel ------------------------------------------------------------------------------


def _text(figure: Figure, left: float, base: float, text: str, size: float, **style: Any) -> None:
    """Write text whose baseline begins at these pixels from the upper left corner."""
    figure.text(left / WIDTH, 1 - base / HEIGHT, text, fontsize=size, **({"color": INK} | style))


def _panel(figure: Figure, box: Box, title: str, note: str = "") -> Axes:
    """Plain axes in a box; the title stands above it, with room for a note or a legend between."""
    left, top, width, height = box
    axes = figure.add_axes(
        (left / WIDTH, 1 - (top + height) / HEIGHT, width / WIDTH, height / HEIGHT),
        facecolor="white",
    )
    _text(figure, left - 38, top - 25, title, 10.5, weight="bold")
    _text(figure, left, top - 8, note, 8.5, color=FAINT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=FAINT, labelsize=8.5, length=3)
    return axes


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.005, 0.99),
        ncols=2,
        frameon=False,
        fontsize=8.5,
        labelcolor=FAINT,
        borderpad=0,
        handlelength=1.2,
        columnspacing=1.4,
        borderaxespad=0.3,
    )


def _above(axes: Axes, x: float, y: float, share: float, colour: str) -> None:
    """Write a share above a bar."""
    text = "<1%" if 0 < share < 0.005 else f"{share:.0%}"
    style: dict[str, Any] = {"ha": "center", "fontsize": 8, "color": colour}
    axes.annotate(text, (x, y), (0, 2), textcoords="offset points", **style)


def _scale_counts(axes: Axes, counts: NDArray[np.int64]) -> None:
    axes.set_ylim(0, 1.12 * counts.max())
    axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.yaxis.set_major_formatter(_short)


def _short(value: float, position: float) -> str:
    """A label of an axis: 45,000 arms as 45k, two millions as 2M. Matplotlib gives a position."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
