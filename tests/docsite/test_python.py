"""The page of what can be imported."""

from __future__ import annotations

import importlib

from docsite.python import MODULES, page


def test_names_are_public():
    for module, names in MODULES.items():
        assert set(names) <= set(importlib.import_module(module).__all__), module


def test_signatures_and_docstrings():
    text = page()
    assert "### best_k\n\n```\nbest_k(scores, k, rng)\n```\n\n" in text
    assert "### RoundOptions\n" in text
    assert "`refresh`\n: With full feedback: rounds between two passes over the rest; none" in text
    assert "#### Pruned.loss\n\n```\nloss(" in text
    assert "#### Agent.update\n\n```\nupdate(state, observation)\n```\n" in text
    assert "_of_several" not in text
