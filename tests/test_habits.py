"""What a stranger looks for in a project is there, and says the same as the code."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from prune_agents.policies import POLICIES
from prune_agents.sb3 import ALGORITHMS

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


def test_the_changes_count_what_there_is():
    assert f"{len(POLICIES)} selection policies" in read("CHANGELOG.md")
    assert f"the {len(ALGORITHMS)} algorithms of SB3" in read("CHANGELOG.md")
    assert f"All {len(ALGORITHMS)} algorithms of SB3" in read("README.md")


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


def test_every_version_that_is_promised_is_tried():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    promised = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    targets = dict(re.findall(r"^([\w-]+):(.*)$", makefile := read("Makefile"), re.MULTILINE))
    (others,) = re.findall(r"^VERSIONS = (.*)", makefile, re.MULTILINE)
    assert others.split() == [*promised[1:], "lowest"]  # the first is that of `make test`
    assert project["requires-python"] == f">={promised[0]}"
    jobs = yaml.safe_load(read(".github/workflows/tests.yml"))["jobs"]
    rows = jobs["versions"]["strategy"]["matrix"]["include"]
    assert [row["version"] for row in rows] == [*promised, "lowest"]
    assert [row["python"] for row in rows] == [*promised, promised[0]]
    landing = set(re.findall(r"^make ([\w-]+)", read(".ci/run"), re.MULTILINE))
    assert targets_of(jobs["main"]) | targets_of(jobs["versions"]) == landing
    assert landing == {"test", "lint", "docs", "test-versions"} < targets.keys()
    assert targets_of(jobs["long"]) == {"test-faults", "test-slow"} < targets.keys()
    assert "schedule" in jobs["long"]["if"]


def targets_of(job):
    """What of the Makefile a job of GitHub runs."""
    steps = [step.get("run", "") for step in job["steps"]]
    return {name for step in steps for name in re.findall(r"make ([\w-]+)", step)}


@pytest.mark.parametrize(("must", "status"), [("", 0), ("1", 1)])
def test_a_version_that_is_not_there_is_said(must, status):
    done = subprocess.run(
        [ROOT / "tests" / "versions.sh", "3.99"],
        env=os.environ | {"MUST": must},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert done.stdout == "test-versions: skipped 3.99: no python3.99 on this machine\n"
