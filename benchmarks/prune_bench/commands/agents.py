"""`prune-env agents`: what can choose."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass

import tyro
from rich.console import Console
from rich.text import Text

from prune_bench.commands.parsing import field_docs
from prune_bench.report.terminal import Listed
from prune_bench.run.pairs import split_agent
from prune_env.checks import ranges
from prune_env.lookup import is_own, unknown


@dataclass(frozen=True)
class Agents:
    """List the selection policies by group, those of one group, or explain one and its options."""

    name: tyro.conf.Positional[str | None] = None
    """a group, or the policy to explain: its name or its import path module:Class"""

    def main(self, console: Console) -> None:
        """List or explain."""
        import prune_agents

        found = groups()
        if self.name is None:
            console.print(Listed({group: ", ".join(names) for group, names in found.items()}))
            hints = {
                "prune-env agents bandits": "a line about each of a group",
                "prune-env agents ucb": "one policy and its options",
            }
            console.print("", Listed(hints), sep="\n")
        elif self.name in found:
            console.print(Listed({name: prune_agents.describe(name) for name in found[self.name]}))
        elif is_own(self.name) or split_agent(self.name)[0] in prune_agents.names():
            explain(split_agent(self.name)[0], console)
        else:
            names = [*found, *prune_agents.names()]
            more = "`prune-env agents` lists them, one's own is named module:Class"
            if os.path.isdir(self.name):
                more = "a model's folder is no policy; `prune-env run --agent` takes it"
            raise ValueError(unknown("group or agent", self.name, names, more))


def groups() -> dict[str, list[str]]:
    """The names of all policies by group; those of other packages are the last group."""
    import prune_agents
    from prune_agents.policies import GROUPS

    found = {group: list(names) for group, names in GROUPS.items()}
    ours = {name for names in GROUPS.values() for name in names}
    others = [name for name in prune_agents.names() if name not in ours]
    return found | ({"others": others} if others else {})


def explain(name: str, console: Console) -> None:
    """Print what a policy does, what it reads, and its options.

    Raises:
        ValueError: no such policy.
    """
    import prune_agents

    found = prune_agents.find(name)
    cls = found if isinstance(found, type) else type(found)
    for paragraph in (inspect.getdoc(cls) or "").split("\n\n"):
        laid_out = any(line.startswith((" ", "|", "*")) for line in paragraph.splitlines())
        text = paragraph if laid_out else " ".join(paragraph.split())  # as wide as the terminal
        console.print(Text(text + "\n"))
    if signals := getattr(cls, "signals", ()):
        console.print(Text(f"It reads {', '.join(signals)}.\n"))
    docs, allowed = field_docs(cls), ranges(cls)
    lines = {}
    for option in inspect.signature(cls).parameters.values():
        interval = f"in {allowed[option.name].interval}" if option.name in allowed else None
        usual = None if option.default is option.empty else f"by default {option.default!r}"
        if option.name == "keep_ratio" and not prune_agents.reads_keep_ratio(name):
            interval, usual = "it plays no part here", None
        lines[option.name] = "; ".join(filter(None, (docs.get(option.name), interval, usual)))
    console.print(Listed(lines))
