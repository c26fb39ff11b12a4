"""The command prune-env: single runs, boards of them, reports, studies and trained agents."""

import os

if os.environ.get("NO_COLOR"):  # https://no-color.org; tyro reads its own variable when imported
    os.environ.setdefault("PYTHON_TYRO_ANSI_CODES", "False")
