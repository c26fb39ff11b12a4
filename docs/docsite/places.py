"""Which file of the repository is which page of the site, and links from one to another."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
DRAWN = ROOT / "docs" / "pictures"
"""Where `docsite.pictures` draws; the frames of environments are nowhere but in the built site."""
LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".txt": "text", ".sh": "bash"}
"""Endings of files that a page of their own shows."""
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)#\s]*)(#[^)\s]*)?\)")
FENCE = re.compile(r"(^```.*?^```[ ]*$)", re.DOTALL | re.MULTILINE)


@cache
def written() -> dict[str, str]:
    """Texts that people wrote: path in the repository -> name of the page."""
    found = {f"docs/{path.name}": path.stem for path in sorted((ROOT / "docs").glob("*.md"))}
    others = [path for path in sorted(ROOT.glob("*.md")) if path.name != "README.md"]
    found |= {path.name: path.stem.lower() for path in others}
    found["benchmarks/README.md"] = "boards"
    for path in sorted(RESULTS.glob("*.md")):
        name = "files" if path.stem == "README" else path.stem
        found[f"benchmarks/results/{path.name}"] = f"results/{name}"
    return found


@cache
def boards() -> list[Path]:
    """The folders of all boards that are committed."""
    return sorted(path.parent for path in RESULTS.glob("*/board.yaml"))


@cache
def notebooks() -> dict[str, str]:
    """Path in the repository -> name of the page."""
    found = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
    return {str(path.relative_to(ROOT)): f"notebooks/{path.stem}" for path in found}


@dataclass
class Files:
    """What pages name that is no page that somebody wrote."""

    copied: dict[Path, str] = field(default_factory=dict)
    """pictures and data -> their places in the site"""
    shown: dict[Path, str] = field(default_factory=dict)
    """code, text and folders -> the pages that show them"""

    def __post_init__(self) -> None:
        for path in sorted((ROOT / "examples").glob("*.py")):
            self.page_of(path)

    def page_of(self, path: Path) -> str | None:
        """The page that shows a file or folder of the repository; None where there is none."""
        name = str(path.relative_to(ROOT))
        for board in boards():
            if path in (board, board / "board.md", board / "report.html"):
                return f"boards/{board.name}"
        if path.is_relative_to(RESULTS) and path.name == "runs":
            return "results/files"
        if path == ROOT / "README.md":
            return "start"  # the home page and this one say what it says
        if known := (written() | notebooks()).get(name):
            return known
        if path.is_dir() or path.suffix in LANGUAGES:
            return self.shown.setdefault(path, f"source/{name.replace('.', '_')}")
        return None

    def relinked(self, text: str, source: Path, page: str) -> str:
        """A text whose links between files of the repository are links between pages.

        Args:
            text: Markdown.
            source: the file that it is in; links are relative to it.
            page: the name of its page; links become relative to that.

        Raises:
            ValueError: a link to what is not there.
        """

        def new(found: re.Match[str]) -> str:
            picture, label, target, anchor = found[1], found[2], found[3], found[4] or ""
            path = Path(os.path.normpath(source.parent / target))
            if path.parent in (DRAWN, ROOT / "docs") and not path.exists():
                return found[0]  # Sphinx looks whether it was generated
            if not path.exists() or not path.is_relative_to(ROOT):
                raise ValueError(f"{source}: {target} is not there")
            if name := self.page_of(path):
                place = f"{name}.ipynb" if name.startswith("notebooks/") else f"{name}.md"
            else:
                place = self.copied.setdefault(path, f"files/{'-'.join(path.parts[-2:])}")
            return f"{picture}[{label}]({os.path.relpath(place, Path(page).parent)}{anchor})"

        parts = FENCE.split(text)
        return "".join(part if part.startswith("```") else LINK.sub(new, part) for part in parts)
