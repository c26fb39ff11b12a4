"""Formulas as drawings, SVG: no script, no font, no network, and alike in every browser.

MathML was tried first. Without a font for mathematics, as on many Linux machines, roots do not grow
with what is in them and indices are as large as letters.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

import ziamath
from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

SIZE, EM = 17.0, 16.0
"""Pixels of a letter in a drawing, and of a letter of text, by which drawings scale with it."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer; `html_math_renderer = "drawn"` chooses it."""
    app.add_html_math_renderer("drawn", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def drawing(formula: str, inline: bool = False) -> str:
    """A formula in LaTeX as SVG, in the colour and size of the text, on its baseline.

    Raises:
        ValueError: a word of LaTeX that is not known, which would be drawn as it is.
    """
    if unknown := re.search(r"\\\w+", convert(formula)):
        raise ValueError(f"{unknown[0]} is not known in {formula}")
    svg = ziamath.Latex(formula, size=SIZE, inline=inline, color="currentColor").svg()
    box = re.search(r'viewBox="(\S+) (\S+) (\S+) (\S+)"', svg)
    assert box
    _, top, width, height = (float(number) / EM for number in box.groups())
    style = f"width:{width:.3f}em;height:{height:.3f}em;vertical-align:{-top - height:.3f}em"
    words = " ".join(formula.split())
    told = f'<svg role="img" aria-label="{escape(words)}" style="{style}"'
    return re.sub(r"<svg([^>]*?) width=\S+ height=\S+", lambda found: told + found[1], svg, count=1)


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(drawing(node.astext(), inline=True))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{drawing(node.astext())}</div>')
    raise nodes.SkipNode
