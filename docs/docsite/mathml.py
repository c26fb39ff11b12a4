"""Formulas as MathML, which browsers draw themselves: no script, no font, no network."""

from __future__ import annotations

import re
from typing import Any, Literal

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer; `html_math_renderer = "mathml"` chooses it."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathml(formula: str, display: Literal["inline", "block"] = "inline") -> str:
    """A formula in LaTeX as MathML.

    Raises:
        ValueError: a word of LaTeX that the converter does not know, which it would leave as it is.
    """
    made = convert(formula, display=display)
    if unknown := re.search(r"\\\w+", made):
        raise ValueError(f"no MathML for {unknown[0]} in {formula}")
    return made


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    formula = mathml(node.astext(), "block")
    translator.body.append(f'<div class="math">{formula}</div>')
    raise nodes.SkipNode
