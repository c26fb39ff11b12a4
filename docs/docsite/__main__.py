"""Build the site: `python -m docsite` in docs/, or `make docs`. A warning is an error."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from docsite.build import build


def main() -> None:
    """Build it and say where it is."""
    parser = argparse.ArgumentParser(prog="docsite", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "build" / "docs")
    problems = build(parser.parse_args().out.resolve())
    print("\n".join(problems[1:]), problems[0], sep="\n" if problems[1:] else "")
    sys.exit(bool(problems[1:]))


if __name__ == "__main__":
    main()
