"""The sources of the site: every page is there, says what it must, and links to what there is."""

from __future__ import annotations

import os
import re
import runpy
from pathlib import PurePosixPath

import pytest
from docsite import boards, build, environments
from docsite.places import FENCE, ROOT, Files, notebooks
from prune_agents.policies import POLICIES
from prune_bench.commands.main import COMMANDS
from prune_bench.commands.parsing import flags
from prune_bench.report.tables import comma_separated

LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#[^)\s]*)?\)")


@pytest.fixture(scope="module")
def files():
    return Files()


@pytest.fixture(scope="module")
def texts(files):
    return build.texts(files)


def test_there_is_a_page_for_everything(texts):
    assert {f"policies/{name}" for name in POLICIES} < texts.keys()
    assert {f"commands/{name}" for name in COMMANDS} < texts.keys()
    assert {environments.page_name(env_id) for env_id in environments.IDS} < texts.keys()
    assert {f"boards/{folder.name}" for folder in boards.boards()} < texts.keys()
    assert {f"docs/{name}.md" for name in texts} >= {
        f"docs/{path.name}" for path in ROOT.glob("docs/*.md")
    }


def test_every_link_and_picture_leads_somewhere(texts, files):
    """Anchors are left to Sphinx, which ends with an error where one is not there."""
    there = {f"{name}.md" for name in texts} | set(files.copied.values())
    there |= {f"{name}.ipynb" for name in notebooks().values()}
    there |= {f"pictures/frame-{environments.short_name(i).lower()}.png" for i in environments.IDS}
    lost = []
    for name, text in texts.items():
        prose = "".join(part for part in FENCE.split(text) if not part.startswith("```"))
        for target in filter(None, LINK.findall(prose)):
            if os.path.normpath(PurePosixPath(name).parent / target) not in there:
                lost.append((name, target))
    assert lost == []


def test_the_contents_name_every_page_once(texts):
    contents = re.findall(r"```{toctree}\n(.*?)```", "\n".join(texts.values()), re.DOTALL)
    listed = re.findall(r"^(?:.*<)?/([\w/.-]+)>?$", "\n".join(contents), re.MULTILINE)
    assert sorted(listed) == sorted((texts.keys() | set(notebooks().values())) - {"index"})


def test_a_policy_says_its_formula_its_source_and_how_sure_it_is(texts):
    pages = {name: texts[f"policies/{name}"] for name in POLICIES}
    sure = re.compile(
        r"\*\*Published as\*\* .*\*\*: (a control|code|ports|text|memory|ours|the bar)\b"
    )
    assert [name for name, page in pages.items() if not re.search(sure, page)] == []
    formulas = [page.partition("## What it computes")[2] for page in pages.values()]
    assert all("$" in formula.partition("The letters:")[0] for formula in formulas)


def test_a_policy_has_its_rows(texts):
    """As the table of the board has them."""
    lines = texts["policies/ucb"].splitlines()
    (line,) = [line for line in lines if "cifar10-cpu" in line and "30 %" in line]
    table = comma_separated(boards.standings()["cifar10-cpu"])
    (row,) = [row for row in table.splitlines() if ",ucb," in row and ",0.3," in row]
    accuracy = next(cell for cell in row.split(",") if cell.startswith("0.83"))
    assert f"| {100 * float(accuracy):.1f} [" in line
    assert "**▲+0.8 [" in line  # for certain


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_all_its_options(texts, name):
    terms = re.findall(r"^(.*)\n: ", texts[f"commands/{name}"], re.MULTILINE)
    said = {flag for term in terms for flag in re.findall(r"--[\w-]+", term)}
    assert said == flags(COMMANDS[name]).keys() - {"--help"}


def test_what_is_said_of_an_option(texts):
    page = texts["commands/board"]
    seeds = "How many; they are 0, 1, 2 ... Allowed: in [1, inf). Default: `5`."
    assert f"`--seeds` `INT`\n: {seeds}\n" in page
    assert "`--keep-ratios` `FLOAT` `...`\n" in page
    assert "Default: `0.1 0.3 0.5`." in page
    assert "`--engine` `processes|ray`\n" in page
    assert "`--jobs` `INT`\n: Runs at a time. Allowed: in [1, inf). Default: `1`.\n" in page
    assert "`--recipe` `KEY=VALUE ...`\n" in page
    assert "\n: A board by name: cifar10-cpu, " in page  # said at the option, not below it
    assert "`FOLDER`\n: Folder of the board.\n" in texts["commands/report"]


def test_an_option_in_a_sentence_keeps_its_two_dashes(texts):
    assert "\nWith --algo evolution: " in texts["commands/train"]
    assert runpy.run_path(str(ROOT / "docs" / "conf.py"))["smartquotes"] is False


def test_an_environment_says_its_spaces_and_arguments(texts):
    page = texts["environments/synthetic"]
    assert "The action is `MultiBinary(1000)`" in page
    assert "| `loss` | `Box(0.0, 100.0, (1000,), float32)` |" in page
    assert "`num_arms`\n: N. Allowed: in [1, inf). Default: `1000`." in page
    assert "| `loss` | (N,) | cross-entropy in nats" in texts["environments"]
