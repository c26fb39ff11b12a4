"""What a stranger looks for in a project is there, and says the same as the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import prune_env

ROOT = Path(__file__).parents[1]
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/results/README.md")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_is_said_once():
    project = tomllib.loads(read("pyproject.toml"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "prune_env/__init__.py"
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == prune_env.__version__
    assert citation["license"] == project["project"]["license"] == "MIT"
    assert f"## {prune_env.__version__}" in (changes := read("CHANGELOG.md")) or (
        f"version will be {prune_env.__version__}." in changes
    )


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page):
    text = read(page)
    links = re.findall(r"\]\((?!https?://)([^)#]+)\)", text)
    paths = re.findall(r"`([\w./]+/[\w.]+\.(?:py|md|yml))`", text)
    names = [name for name in paths if "NAME" not in name]
    found = [((ROOT / page).parent / name).exists() for name in links]
    found += [
        any(ROOT.glob(f"{at}{name}") for at in ("", "agents/prune_agents/")) for name in names
    ]
    assert all(found), (links, names)
    targets = re.findall(r"make (test[\w-]*|lint|demo)", text)
    assert set(targets) <= set(re.findall(r"^([\w-]+):", read("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("name", ["fault", "policy", "board"])
def test_a_form_of_an_issue_asks(name):
    form = yaml.safe_load(read(f".github/ISSUE_TEMPLATE/{name}.yml"))
    assert form.keys() >= {"name", "description", "body"}
    asked = [part["id"] for part in form["body"]]
    assert len(asked) == len(set(asked)) >= 2
    assert any(part.get("validations", {}).get("required") for part in form["body"])
    assert {part["type"] for part in form["body"]} <= {"input", "textarea"}
    assert all(part["attributes"]["label"] for part in form["body"])
