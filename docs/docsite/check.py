"""What must hold of the built pages: nothing is loaded from elsewhere, no link leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"src", "srcset", "data", "poster", "action"}
"""Attributes by which a browser loads something without being asked."""


class _Page(HTMLParser):
    """The anchors of a page, what it links to, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors, self.links, self.loads = {""}, list[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag says."""
        for name, value in attrs:
            if name in ("id", "name"):
                self.anchors.add(value or "")
            elif name in LOADED or (tag == "link" and name == "href"):
                self.loads.append(value or "")
            elif tag == "a" and name == "href":
                self.links.append(value or "")


def broken(folder: Path) -> list[str]:
    """What is wrong with the pages in a folder, a line each.

    Pages of boards are one file, which has a test of its own, and are only linked to.
    """
    pages = {path: _read(path) for path in sorted(folder.rglob("*.html"))}
    reports = folder / "reports"
    found = [
        f"{path.relative_to(folder)}: {problem}"
        for path, page in pages.items()
        if not path.is_relative_to(reports)
        for problem in (*_foreign(page), *_nowhere(path, page, pages))
    ]
    for sheet in sorted(folder.rglob("*.css")):
        text = sheet.read_text(encoding="utf-8").replace(" ", "")
        if "url(http" in text or "url(//" in text or "@import" in text:
            found.append(f"{sheet.relative_to(folder)}: loads something from elsewhere")
    return found


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _foreign(page: _Page) -> Iterator[str]:
    for address in page.loads:
        parts = urlsplit(address)
        if parts.netloc or parts.scheme not in ("", "data"):
            yield f"loads {address}"


def _nowhere(path: Path, page: _Page, pages: dict[Path, _Page]) -> Iterator[str]:
    for address in (*page.links, *page.loads):
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.is_file():
            yield f"{address} is not there"
        elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
            yield f"{address}: no such place on that page"
