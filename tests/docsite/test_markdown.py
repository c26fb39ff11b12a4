"""Docstrings and options as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import pytest
from docsite.markdown import of_docstring, options, sentence, table
from docsite.places import ROOT, Files

from prune_env.checks import In


def described():
    """What it does, with (2 -
    1) sides.

    ## Inside
    More.

    Args:
        first: one thing
            on two lines.
        second: a|b.

    Raises:
        ValueError: it is wrong.
    """


@dataclass(frozen=True)
class Options:
    alpha: Annotated[float, In("(0, 1]")] = 0.5
    """weight of the new"""
    names: tuple[str, ...] = field(default_factory=tuple)
    """what it is
    called"""


def test_a_docstring():
    assert of_docstring(described, level=3) == (
        "What it does, with (2 - 1) sides.\n\n### Inside\nMore.\n\n"
        "| Argument | what |\n| --- | --- |\n"
        "| `first` | one thing on two lines. |\n| `second` | a\\|b. |\n\n\n"
        "| Error | what |\n| --- | --- |\n| `ValueError` | it is wrong. |\n\n"
    )


def test_options():
    assert options(Options) == (
        "`alpha`\n: Weight of the new. Allowed: in (0, 1]. Default: `0.5`.\n\n"
        "`names`\n: What it is called. Default: `()`.\n"
    )
    assert "alpha" not in options(Options, without=("alpha",))


def test_cells_end_no_table():
    assert table(("a",), [("x | y\nz",)]) == "| a |\n| --- |\n| x \\| y z |\n"


@pytest.mark.parametrize(("text", "said"), [("", ""), ("one", "One."), ("Why?", "Why?")])
def test_a_sentence(text, said):
    assert sentence(text) == said


def test_links_between_files_become_links_between_pages():
    files, source = Files(), ROOT / "docs" / "evidence.md"
    text = (
        "[p](policies.md#x) ![d](dashboard.png) [s](../examples/by_hand.py) [w](https://x.org)\n"
        "[b](../benchmarks/results/cifar10-cpu)\n```\n[code](nowhere.md)\n```\n"
    )
    assert files.relinked(text, source, "deep/evidence") == (
        "[p](../policies.md#x) ![d](../files/docs-dashboard.png) "
        "[s](../source/examples/by_hand_py.md) [w](https://x.org)\n"
        "[b](../boards/cifar10-cpu.md)\n```\n[code](nowhere.md)\n```\n"
    )
    assert files.copied == {ROOT / "docs" / "dashboard.png": "files/docs-dashboard.png"}
    assert files.shown[ROOT / "examples" / "by_hand.py"] == "source/examples/by_hand_py"
    for target in ("../gone.py", "../../gone.py"):
        with pytest.raises(ValueError, match=f"evidence.md: {target} is not there"):
            files.relinked(f"[x]({target})", source, "evidence")
