"""Text of others, made harmless."""

from __future__ import annotations

import pytest

from prune_env.text import cell, markdown, number, plain, sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ucb c=0.5", "ucb c=0.5"),
        ("Grüße, 中文, −0.5 ± 1 …", "Grüße, 中文, −0.5 ± 1 …"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("two\nlines\r\tx", r"two\nlines\r\tx"),
        ("\x9b31m", r"\x9b31m"),  # the same escape in one character
        ("a\u202eb\u2028c\ufeff", r"a\u202eb\u2028c\ufeff"),
        ("bad\udcff\uffff", r"bad\udcff\uffff"),  # a byte of a file name that is no UTF-8
        ("family \U0001f468\u200d\U0001f469", "family \U0001f468\u200d\U0001f469"),
        (3, "3"),
    ],
)
def test_nothing_acts_and_nothing_is_lost(text, expected):
    assert plain(text) == expected
    expected.encode("utf-8")


@pytest.mark.parametrize(
    ("count", "nouns", "expected"),
    [
        (0, ("run",), "0 runs"),
        (1, ("run",), "1 run"),
        (2000, ("run",), "2,000 runs"),
        (1, ("row is", "rows are"), "1 row is"),
        (2, ("row is", "rows are"), "2 rows are"),
    ],
)
def test_a_noun_goes_with_its_count(count, nouns, expected):
    assert number(count, *nouns) == expected


def test_an_error_is_one_line():
    assert sentence(ValueError("first\n  second\r\nthird\x1b\n")) == r"first second third\x1b"


def test_markdown_shows_what_it_was_given():
    assert markdown("a|b *c* <d> `e` [f](g) h_i ~~j~~ &lt; $k$ #l\n| m") == (
        r"a\|b \*c\* \<d\> \`e\` \[f\](g) h\_i \~\~j\~\~ \&lt; \$k\$ \#l\\n\| m"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+x", "'+x"),
        ("-x", "'-x"),
        ("@x", "'@x"),
        ("  =x", "'  =x"),
        ("\uff1dx", "'\uff1dx"),
        ("\uff0bx", "'\uff0bx"),
        ("\uff0dx", "'\uff0dx"),
        ("\uff20x", "'\uff20x"),
        ("\t=x", r"\t=x"),
        ("ucb", "ucb"),
        (-0.25, -0.25),
        (None, None),
    ],
)
def test_a_cell_is_no_formula(value, expected):
    assert cell(value) == expected
