"""The python that a page shows, run from top to bottom as it stands: Markdown and notebooks."""

from __future__ import annotations

import json
import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SHORTER = {
    "model.learn(8_000)": "model.learn(80)",
    "model.learn(20_000)": "model.learn(2_000)",
    "range(10_000, 10_020)": "range(10_000, 10_005)",
    "for seed in range(5)": "for seed in range(2)",
    "seeds = range(5)": "seeds = range(2)",
    "[place] * 5": "[place] * 2",
}
"""What is left of what takes long."""


def pages() -> list[str]:
    """Every page that shows python, as a path in the repository."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/notebooks/*.ipynb")]
    found.append(ROOT / "benchmarks" / "README.md")
    return sorted(str(path.relative_to(ROOT)) for path in found if python_of(path))


def python_of(page: Path) -> list[str]:
    """The blocks of python of a page, or the cells of a notebook."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return blocks(text)


def blocks(text: str) -> list[str]:
    """The blocks of python in a text."""
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def run(code: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Run blocks one after the other, in the working directory.

    Returns:
        What they have named, and what each of them printed.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = []
    for block in code:
        for long, short in SHORTER.items():
            block = block.replace(long, short)
        with redirect_stdout(StringIO()) as said:
            exec(block, names)
        printed.append(said.getvalue())
    return names, printed
