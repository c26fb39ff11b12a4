"""The whole site: sources laid together in a folder, Sphinx, and what Sphinx does not check."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from docsite import boards, commands, environments, policies, python
from docsite.check import broken
from docsite.places import FENCE, LANGUAGES, RESULTS, ROOT, Files, notebooks, written

HERE = Path(__file__).parents[1]
SECTIONS: dict[str, list[str]] = {
    "Begin": ["start", "train_an_agent", "write_a_policy", "prune_my_training"],
    "Understand": ["concepts", "intervals", "evidence"],
    "Boards": ["leaderboard", "boards/*", "boards", "submitting"],
    "Reference": ["environments", "policies", "formulas", "commands", "python"],
    "Notebooks": ["notebooks/the_loop", "notebooks/*"],
    "Guides": [],
    "Measured": ["results/*"],
    "Files": ["source/*"],
}
"""Captions of the contents -> pages; a star is all of a folder. What none names is a guide."""
TITLES = {
    "policies": "Policies",
    "evidence": "Evidence",
    "boards": "Making a board",
    "python": "Python",
}
"""What the contents call a page whose heading is longer."""
INSIDE = ("environments/", "policies/", "commands/")
"""Folders whose pages are in the contents below the page of their name."""
MENTION = re.compile(r"\b((?:docs|benchmarks/results)/\w+\.md|benchmarks/README\.md)\b")


def texts(files: Files) -> dict[str, str]:
    """Name -> text of every page but the notebooks.

    Args:
        files: gets those that pages name.
    """
    made = environments.pages() | policies.pages(files) | commands.pages()
    made |= boards.pages() | {"python": python.page()}
    found = {name: _linked(text, name, files) for name, text in made.items()}
    for source, name in written().items():
        text = (ROOT / source).read_text(encoding="utf-8")
        found[name] = files.relinked(text, ROOT / source, name)
    found["policies"] = policies.overview(found["policies"])
    found |= {name: _shown(path) for path, name in files.shown.items()}
    for folder in ("environments", "policies", "commands"):
        found[folder] += _contents([name for name in found if name.startswith(f"{folder}/")])
    found["index"] += "".join(
        _contents(names, caption) for caption, names in _sections(found).items()
    )
    return found


def _linked(text: str, name: str, files: Files) -> str:
    """Names of files in a generated text become links, where they are no code."""

    def link(found: re.Match[str]) -> str:
        if not (ROOT / found[1]).exists():
            return found[0]
        page = files.page_of(ROOT / found[1])
        return f"[{found[1]}]({'../' * name.count('/')}{page}.md)"

    parts = FENCE.split(text)
    return "".join(part if part.startswith("```") else MENTION.sub(link, part) for part in parts)


def _shown(path: Path) -> str:
    """A page that shows a file, or those of a folder."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    parts = [f"# {path.name}"]
    for file in files:
        if language := LANGUAGES.get(file.suffix):
            text = file.read_text(encoding="utf-8")
            parts.append(f"`{file.relative_to(ROOT)}`\n\n````{language}\n{text}\n````")
    return "\n\n".join(parts) + "\n"


def _sections(found: Mapping[str, str]) -> dict[str, list[str]]:
    """Caption -> pages, every page once."""
    every = [*found, *notebooks().values()]
    left = [name for name in every if name != "index" and not name.startswith(INSIDE)]
    sections = {}
    for caption, wanted in SECTIONS.items():
        fits = [
            name
            for pattern in wanted
            for name in left
            if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1]))
        ]
        sections[caption] = list(dict.fromkeys(fits))
        left = [name for name in left if name not in sections[caption]]
    sections["Guides"] += left
    return {caption: names for caption, names in sections.items() if names}


def _contents(names: list[str], caption: str = "") -> str:
    titled = [f":caption: {caption}"] if caption else []
    lines = ["```{toctree}", ":hidden:", *titled, "", *map(_entry, names), "```"]
    return "\n\n" + "\n".join(lines) + "\n"


def _entry(name: str) -> str:
    return f"{TITLES[name]} </{name}>" if name in TITLES else f"/{name}"


def lay_out(folder: Path) -> None:
    """Write everything that Sphinx reads into a folder."""
    from docsite.frames import draw_frames

    files = Files()
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in texts(files).items():
        place = folder / f"{name}.md"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    copied = files.copied | {ROOT / source: f"{name}.ipynb" for source, name in notebooks().items()}
    for source, to in copied.items():
        (folder / to).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder / to)
    draw_frames(folder / "pictures")


def build(out: Path) -> list[str]:
    """Build the site.

    Args:
        out: folder; the pages are in its `html`.

    Returns:
        One line about what was built, then one for each problem.
    """
    from prune_bench.report.page import html
    from sphinx.cmd.build import main as sphinx

    began = time.monotonic()
    lay_out(out / "source")
    where = [str(out / part) for part in ("source", "html")]
    shutil.rmtree(out / "html", ignore_errors=True)
    failed = sphinx(
        [
            "-b",
            "html",
            "-q",
            "-W",
            "--keep-going",
            "-E",
            "-c",
            str(HERE),
            "-d",
            str(out / "cache"),
            *where,
        ]
    )
    (out / "html" / "reports").mkdir(exist_ok=True)
    for name, standings in boards.standings().items():
        made = RESULTS / name / "report.html"
        text = made.read_text("utf-8") if made.exists() else html(standings, name, standings.grids)
        (out / "html" / "reports" / f"{name}.html").write_text(text, encoding="utf-8")
    problems = ["Sphinx warned, see above"] * bool(failed) + broken(out / "html")
    pages = len(list((out / "html").rglob("*.html")))
    seconds, home = time.monotonic() - began, (out / "html" / "index.html").as_uri()
    return [f"{pages} pages in {seconds:.0f} s: {home}", *problems]
