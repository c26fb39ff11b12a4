"""What the check of the built pages finds."""

from __future__ import annotations

import pytest
from docsite.check import broken

GOOD = (
    '<html><body id="top"><a href="b.html#there">b</a><a href="https://x.org">x</a></body></html>'
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.html").write_text(GOOD)
    (tmp_path / "b.html").write_text('<p id="there"><a href="#">up</a></p>')
    return tmp_path


def test_good_pages_have_no_problems(folder):
    (folder / "s.css").write_text("a { background: url(data:image/svg+xml;x) }")
    (folder / "reports").mkdir()
    (folder / "reports" / "r.html").write_text('<a href="nowhere.html">a file of its own</a>')
    assert broken(folder) == []


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<script src="https://cdn.org/x.js"></script>', "loads https://cdn.org/x.js"),
        ('<script src="//cdn.org/x.js"></script>', "loads //cdn.org/x.js"),
        ('<link rel="stylesheet" href="http://f.org/f.css">', "loads http://f.org/f.css"),
        ('<img src="gone.png">', "gone.png is not there"),
        ('<a href="gone.html">x</a>', "gone.html is not there"),
        ('<a href="b.html#gone">x</a>', "b.html#gone: no such place on that page"),
        ('<a href="#gone">x</a>', "#gone: no such place on that page"),
    ],
)
def test_what_is_wrong_is_said(folder, html, problem):
    (folder / "c.html").write_text(html)
    assert broken(folder) == [f"c.html: {problem}"]


@pytest.mark.parametrize("rule", ["@import 'x.css'", "a { src: url( https://f.org/f.woff ) }"])
def test_a_style_that_loads_from_elsewhere_is_found(folder, rule):
    (folder / "s.css").write_text(rule)
    assert broken(folder) == ["s.css: loads something from elsewhere"]
