"""Which agents work in a loop of one's own, and what each asks of it: the table of the docs."""

from __future__ import annotations

import prune_agents

from prune_env.training.needs import Given, in_words, not_recorded, wishes_of

EVERYTHING = Given(True, True, True, True, 1, True, True)


def loop_agents() -> str:
    """A row for each thing to give, with the agents that ask for it; and who does not work."""
    rows: dict[tuple[str, ...], list[str]] = {}
    never: dict[str, str] = {}
    for name in prune_agents.names():
        wishes = wishes_of(prune_agents.make(name), 8, EVERYTHING)
        lack = None if wishes.prior is None else not_recorded(wishes.prior)
        if lack is None:
            rows.setdefault(in_words(wishes), []).append(name)
        else:
            never[name] = lack
    lines = ["| to be given | agents |", "|---|---|"]
    for needs, names in sorted(rows.items(), key=lambda row: (len(row[0]), row[0])):
        lines.append(f"| {', '.join(needs) or 'a loss a sample'} | {_listed(names)} |")
    works = sum(map(len, rows.values()))
    lines += ["", f"So {works} of {works + len(never)} work. The others do not:"]
    lines += [f"`{name}` takes {lack}, which no loop records." for name, lack in never.items()]
    return "\n".join(lines)


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
