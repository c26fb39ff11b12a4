"""What there is to choose from: `prune-env agents` and `prune-env envs`."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from prune_env.options import ranges


@dataclass(frozen=True)
class Agents:
    """List the selection policies, one line each, or explain one and its options."""

    name: tyro.conf.Positional[str | None] = None
    """name of the policy to explain, or its import path module:Class"""

    def main(self, console: Console) -> None:
        """List or explain."""
        if self.name is not None:
            explain(self.name, console)
            return
        for family, lines in families().items():
            console.print(Text(f"\n{family}", "cyan"))
            console.print(two_columns(lines))
        console.print(Text("\nprune-env agents NAME explains one and its options", "dim"))


@dataclass(frozen=True)
class Envs:
    """List the environments, one line each."""

    def main(self, console: Console) -> None:
        """List them."""
        from prune_env import ENVIRONMENTS

        console.print(two_columns(ENVIRONMENTS))


def families() -> dict[str, dict[str, str]]:
    """The policies with a line about each, under the line about the module that they are in."""
    import prune_agents

    found: dict[str, dict[str, str]] = {}
    for name in prune_agents.names():
        module = inspect.getmodule(prune_agents.find(name))
        family = (inspect.getdoc(module) or "").partition("\n")[0]
        found.setdefault(family, {})[name] = prune_agents.describe(name)
    return {family: found[family] for family in sorted(found, key=str.lower)}


def explain(name: str, console: Console) -> None:
    """Print what a policy does, what it reads, and its options.

    Raises:
        ValueError: no such policy.
    """
    import prune_agents

    cls = prune_agents.find(name)
    for paragraph in (inspect.getdoc(cls) or "").split("\n\n"):
        laid_out = any(line.startswith((" ", "|", "*")) for line in paragraph.splitlines())
        text = paragraph if laid_out else " ".join(paragraph.split())  # as wide as the terminal
        console.print(Text(text + "\n"))
    if signals := getattr(cls, "signals", ()):
        console.print(Text(f"It reads {', '.join(signals)}.\n"))
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("option", "default", "allowed", "meaning"):
        table.add_column(heading, no_wrap=heading != "meaning")
    docs, allowed = field_docs(cls), ranges(cls)
    for option in inspect.signature(cls).parameters.values():
        default = "" if option.default is option.empty else repr(option.default)
        interval = allowed[option.name].interval if option.name in allowed else ""
        cells = (option.name, default, interval, docs.get(option.name, ""))
        table.add_row(*map(Text, cells))
    console.print(table)


def field_docs(cls: type) -> dict[str, str]:
    """The string under each field of a dataclass and its bases, by the name of the field."""
    docs = {}
    for base in reversed(cls.__mro__[:-1]):
        [node] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(node, ast.ClassDef)
        for field, below in pairwise(node.body):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    docs[name] = " ".join(text.split())
    return docs


def two_columns(lines: Mapping[str, str]) -> Table:
    """Names beside what they mean."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, line in lines.items():
        table.add_row(Text(name), Text(line))
    return table
