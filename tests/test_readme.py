"""What the README shows works as it stands."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import prune_agents
import pytest
from prune_bench.commands.main import parse_command
from prune_bench.report import readme
from prune_bench.report.readme import BLOCK, BLOCKS, BOARDS, FILES, RESULTS, fill
from prune_bench.report.tables import comma_separated, markdown
from prune_bench.standings.build import read_standings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    "README.md",
    "benchmarks/README.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")),
]


@pytest.mark.parametrize("page", ["README.md", "benchmarks/README.md"])
def test_every_file_that_a_page_names_is_there(page):
    """Those of docs/ are looked at by tests/docsite/test_build.py: some name generated pages."""
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", text)
    assert len(targets) > (5 if page == "README.md" else -1)
    assert [name for name in targets if not ((ROOT / page).parent / name).exists()] == []


AGAIN = "the results have changed: python -m prune_bench.report.readme"


def test_the_numbers_of_the_readme_are_those_of_the_results():
    texts = [path.read_text(encoding="utf-8") for path in FILES]
    assert BLOCKS.keys() == {found[2] for text in texts for found in BLOCK.finditer(text)}
    for text in texts:
        assert fill(text) == text, AGAIN
    assert fill(README.replace("| 0.30,", "| 0.31,")) == README  # what is there does not matter


@pytest.mark.parametrize("board", BOARDS)
def test_the_tables_of_a_board_are_those_of_its_runs(board):
    found = read_standings(RESULTS / board)
    for name, made in (("board.md", markdown), ("board.csv", comma_separated)):
        there = (RESULTS / board / name).read_text(encoding="utf-8")
        assert there == made(found), AGAIN


def test_every_environment_that_a_text_makes_can_be_made_in_a_spawned_worker():
    """Gymnasium imports what stands before the colon; a fresh process knows no id otherwise."""
    root = Path(__file__).parents[1]
    texts = [root / "README.md", *(root / "docs").glob("*.md")]
    made = [
        env_id
        for path in texts
        for env_id in re.findall(r'gym\.make(?:_vec)?\(\s*"([^"]+)"', path.read_text("utf-8"))
    ]
    assert len(made) >= 5
    assert [env_id for env_id in made if not env_id.startswith("prune_env:prune_env/")] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_are_understood(page, monkeypatch):
    """And what they are to write is not there already in a clone."""
    monkeypatch.chdir(ROOT)
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    for line in re.findall(r"^prune-env .*", blocks, re.MULTILINE):
        words = shlex.split(line, comments=True)[1:]
        with suppress(FileNotFoundError):  # the board that an earlier line of the page begins
            command = parse_command(words)
            if words[0] == "train" and "--resume" not in words:
                assert not command.train.out.exists(), line


def test_cells_without_runs_are_said(monkeypatch):
    """While the runs of a mended policy are made again, everything else stays what it is."""
    comparisons = readme._comparisons("cifar10-cpu")
    before = readme.table().splitlines()

    def without(comparison):
        kept = [
            row for row in comparison.rows if row.agent != "el2n" or comparison.keep_ratio < 0.2
        ]
        return replace(comparison, rows=tuple(kept))

    monkeypatch.setattr(readme, "_comparisons", lambda board: list(map(without, comparisons)))
    changed = [line for line in readme.table().splitlines() if line not in before]
    assert len(changed) == 1
    assert changed[0].split(" | ")[0] == "| `el2n`"
    assert changed[0].split(" | ")[2:4] == ["runs are missing"] * 2
    assert ", –, – | " in changed[0]
    assert "`el2n`" not in readme.ahead().partition("Keep 30 %")[2]


def test_the_signals_that_the_readme_names_cost_nothing_beyond_the_training():
    assert '`signals=("seen", "loss")` and\n`reward="kept_loss"`' in README
    env = gym.make(
        "prune_env/Digits-v0", epochs=2, limit=300, signals=("seen", "loss"), reward="kept_loss"
    )
    observation, _ = env.reset(seed=0)
    agent, state, kept = prune_agents.make("ucb", keep_ratio=0.3), None, 0
    for _ in range(2):
        action, state = agent.predict(observation, state)
        observation, *_, info = env.step(action)
        kept += int(action.sum())
    assert info["passes"] == 3 * kept
