"""Formulas as drawings."""

from __future__ import annotations

import re

import pytest
from docsite.mathematics import drawing
from docsite.policies import formulas
from prune_agents.policies import POLICIES


def test_a_letter_stands_on_the_line_of_the_text():
    made = drawing("N", inline=True)
    assert made.startswith('<svg role="img" aria-label="N" style="width:1.00')
    assert 'fill="currentColor"' in made
    assert -0.1 < float(re.search(r"vertical-align:(\S+?)em", made)[1]) <= 0
    below = re.search(r"vertical-align:(\S+?)em", drawing("m_i", inline=True))
    assert float(below[1]) < -0.1


def test_words_of_a_formula_are_escaped():
    assert 'aria-label="a &lt; b"' in drawing("a < b")


def test_what_is_not_known_is_said():
    with pytest.raises(ValueError, match=r"\\foo is not known in \\foo x"):
        drawing(r"\foo x")


def test_every_policy_has_a_formula_and_all_can_be_drawn():
    """None of them higher than a few lines: delimiters that grow without end are found."""
    assert list(formulas()) == list(POLICIES)
    for name, text in formulas().items():
        for block, inline in re.findall(r"\$\$(.*?)\$\$|\$(.*?)\$", text, re.DOTALL):
            made = drawing(block or inline, inline=not block)
            height = float(re.search(r"height:(\S+?)em", made)[1])
            width = float(re.search(r"width:(\S+?)em", made)[1])
            assert height < (6 if block else 2.5), (name, block or inline)
            assert width < 46, (name, block or inline)
