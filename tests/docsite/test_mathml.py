"""Formulas as MathML."""

from __future__ import annotations

import re

import pytest
from docsite.mathml import mathml
from docsite.policies import formulas
from prune_agents.policies import POLICIES


def test_a_formula():
    made = mathml(r"m_i + c \sqrt v", "block")
    assert made.startswith('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">')
    assert "<msub><mi>m</mi><mi>i</mi></msub><mo>&#x0002B;</mo>" in made
    assert "<msqrt><mi>v</mi></msqrt>" in made


def test_what_the_converter_does_not_know_is_said():
    with pytest.raises(ValueError, match=r"no MathML for \\arg in \\arg x"):
        mathml(r"\arg x")


def test_every_policy_has_a_formula_and_all_can_be_drawn():
    assert list(formulas()) == list(POLICIES)
    for text in formulas().values():
        for block, inline in re.findall(r"\$\$(.*?)\$\$|\$(.*?)\$", text, re.DOTALL):
            assert mathml(block or inline).endswith("</math>")
