"""What is typed on a command line is understood, or a mistake that is told in one line."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prune_bench.commands.main import parse_command
from prune_bench.run.pairs import parse_pairs, split_agent
from tally import count

pytestmark = pytest.mark.faults

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
WORDS = (
    "--agent",
    "--epochs",
    "--recipe",
    "--out",
    "--seeds",
    "a=1",
    "=",
    "a=[",
    "ucb:c=",
    "-",
    "",
)


@given(st.lists(st.one_of(TEXTS, st.sampled_from(WORDS)), max_size=3))
def test_words_are_options_or_a_mistake(words):
    count("odd words typed")
    with contextlib.suppress(ValueError):
        assert all(isinstance(name, str) for name in parse_pairs(words))
    for word in words:
        with contextlib.suppress(ValueError):
            agent, options = split_agent(word)
            assert word.startswith(agent)
            assert all(isinstance(name, str) for name in options)


@given(
    st.sampled_from(("run", "board", "report", "train", "")),
    st.lists(st.one_of(TEXTS, st.sampled_from(WORDS)), max_size=4),
)
def test_a_command_line_is_understood_or_a_mistake(name, words):
    count("odd words typed")
    with contextlib.suppress(ValueError, OSError, SystemExit):  # help ends the program
        assert hasattr(parse_command([name, *words]), "main")
