"""A page for each policy: its formula, its source and how sure it is, its options, its rows."""

from __future__ import annotations

import re
from dataclasses import fields
from functools import cache
from typing import NamedTuple

import prune_agents
from prune_agents.policies import GROUPS, POLICIES
from prune_bench.report.columns import COLUMN

from docsite import boards
from docsite.markdown import of_docstring, options, table
from docsite.places import ROOT, Files

SHOWN = ("accuracy", "ahead", "cost", "seconds_saved")
"""Columns of the table of a policy's rows."""
SHARED = tuple(field.name for field in fields(prune_agents.Agent))


class Source(NamedTuple):
    """A row of the tables in docs/policies.md."""

    policy: str
    source: str
    here: str
    how_sure: str


@cache
def sources() -> dict[str, Source]:
    """Name of a policy -> its row in docs/policies.md."""
    text = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    found: dict[str, Source] = {}
    for line in re.findall(r"^\| (?!policy|---)(.*) \|$", text, re.MULTILINE):
        if len(cells := [cell.strip() for cell in line.split(" | ")]) == 4:
            found |= {name: Source(*cells) for name in re.findall(r"`(\w+)`", cells[2])}
        elif line.count("|") == 3:  # an empty source
            policy, _, here, how_sure = (cell.strip() for cell in line.split("|"))
            found |= {n: Source(policy, "", here, how_sure) for n in re.findall(r"`(\w+)`", here)}
    return {name: found[name] for name in POLICIES if name in found}


@cache
def formulas() -> dict[str, str]:
    """Name of a policy -> what docs/formulas.md has below its heading."""
    text = (ROOT / "docs" / "formulas.md").read_text(encoding="utf-8")
    parts = re.split(r"^### ((?:`\w+`(?:, )?)+)\n", text, flags=re.MULTILINE)[1:]
    found: dict[str, str] = {}
    for names, below in zip(parts[::2], parts[1::2], strict=True):
        formula = re.split(r"^#", below, maxsplit=1, flags=re.MULTILINE)[0].strip()
        found |= dict.fromkeys(re.findall(r"\w+", names), formula)
    return found


def pages(files: Files) -> dict[str, str]:
    """Name -> text of every page; `files` gets those that they name."""
    return {f"policies/{name}": _page(name, files) for name in POLICIES}


def overview(text: str) -> str:
    """docs/policies.md with links from the names in its tables to the pages."""

    def linked(line: str) -> str:
        cells = line.split("|")
        if len(cells) != 6:
            return line
        cells[2] = _arxiv(cells[2])
        cells[3] = re.sub(
            r"`(\w+)`",
            lambda name: f"[{name[0]}](policies/{name[1]}.md)" if name[1] in POLICIES else name[0],
            cells[3],
        )
        return "|".join(cells)

    lines = [linked(line) if line.startswith("|") else line for line in text.split("\n")]
    shared = options(prune_agents.Agent)
    return "\n".join([*lines, "## Options of every policy", "", shared])


def _page(name: str, files: Files) -> str:
    cls = prune_agents.find(name)
    source = sources()[name]
    group = next(group for group, names in GROUPS.items() if name in names)
    return f"""# {name}

{prune_agents.describe(name)} A policy of the group *{group}*.

{_source(source, files)}

## What it computes

{formulas().get(name, "Nobody has written its formula yet.")}

The letters: [formulas](../formulas.md). {_reads(cls)}

{_more(cls)}## Options

{_own_options(cls)}
## On the boards

{_rows(name)}

```bash
prune-env run --env prune_env/Digits-v0 --agent {name} --keep-ratio 0.3
```
"""


def _source(source: Source, files: Files) -> str:
    how_sure = source.how_sure.replace("[below]", "[there]").replace("](#", "](policies.md#")
    how_sure = files.relinked(how_sure, ROOT / "docs" / "policies.md", "policies/one")
    published = ", ".join(filter(None, (source.policy, _arxiv(source.source))))
    return (
        f"**Published as** {published}. **[How sure](../policies.md)**: {how_sure or 'a control'}."
    )


def _arxiv(text: str) -> str:
    """A text whose numbers of arXiv are links."""
    return re.sub(r"\b(\d{4}\.\d{4,5})\b", r"[\1](https://arxiv.org/abs/\1)", text)


def _more(cls: type) -> str:
    """What the docstring says beyond its first paragraph, which stands at the top."""
    more = of_docstring(cls, level=3).partition("\n\n")[2]
    return f"## In its own words\n\n{more}\n" if more else ""


def _reads(cls: type[prune_agents.Agent]) -> str:
    signals = ", ".join(f"`{name}`" for name in cls.signals) or "nothing of the observation"
    extra = []
    if cls.wants_prior():
        extra.append("a prior run, whose cost is charged")
    if cls.action == "weights":
        extra.append("the action space of weights")
    kept = "" if cls.keeps_k else " It decides itself how many arms it keeps."
    also = f" It needs {' and '.join(extra)}." if extra else ""
    return f"It reads {signals}.{also}{kept}"


def _own_options(cls: type) -> str:
    own = [field.name for field in fields(cls) if field.name not in SHARED]
    shared = "[what every policy has](../policies.md#options-of-every-policy)"
    return f"{options(cls, SHARED) if own else 'None of its own.'}\nAnd {shared}.\n"


def _rows(name: str) -> str:
    places = boards.of_agent(name)
    if not places:
        return "It is on no board that is committed."
    columns = [COLUMN[column] for column in SHOWN]
    named = ["agent"] * any(place.row.agent != name for place in places)
    header = ["board", "keep", *named, *(f"{c.heading}, {c.unit}" for c in columns)]
    rows = [
        (
            f"[{place.board}](../boards/{place.board}.md)",
            place.keep,
            *(f"`{place.row.agent}`" for _ in named),
            *(_number(column.text(place.row), place.row.sign, column.name) for column in columns),
        )
        for place in places
    ]
    link = "[All boards](../leaderboard.md); bold where it is certainly ahead or behind."
    return f"{table(header, rows)}\n{link}"


def _number(text: str, sign: int, column: str) -> str:
    """Kept on one line, and bold where it is certain."""
    text = text.replace(", ", ",\N{NO-BREAK SPACE}")
    return f"**{text}**" if sign and column == "ahead" else text
