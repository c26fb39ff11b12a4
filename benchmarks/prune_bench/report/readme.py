"""What README, docs and results/sb3.md say was measured, from the results that are committed.

    python -m prune_bench.report.readme

makes the reports of all `BOARDS` anew and writes every block of `FILES` that stands between
`<!-- measured: NAME -->` and `<!-- end -->`. A test runs `fill` and compares.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np

from prune_bench.report.columns import COLUMN
from prune_bench.report.map_tables import cells_of, foretelling
from prune_bench.report.markdown import markdown_table
from prune_bench.report.own_training import loop_agents
from prune_bench.report.rates import rates
from prune_bench.report.side_by_side import (
    SAVED,
    by_rate,
    lead_of,
    leads,
    name_of,
    only,
    repeated,
    saved,
    side_by_side,
)
from prune_bench.run.provenance import FIRST_NETWORKS
from prune_bench.run.result import read_results
from prune_bench.standings.build import difference, read_standings
from prune_bench.standings.model import Comparison, Row, distinct
from prune_bench.standings.reference import Line, leave_one_out
from prune_bench.standings.statistics import estimate
from prune_bench.standings.verdict import enumerate_clauses, percent, points
from prune_bench.studies.fidelity import shown
from prune_bench.studies.regimes import read_cells
from prune_bench.studies.rivals import compared
from prune_env.files import read_json, read_text, replacing, write_text

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "benchmarks" / "results"
BOARDS = (
    *("cifar10-cpu", "cifar10-short", "cifar10-long", "cifar10-noisy", "cifar10-imbalanced"),
    *("cifar100", "digits-policies", "digits-noisy", "digits-imbalanced"),
    *("cifar10-long-gpu", "cifar100-gpu", "cifar10-balanced"),
)
FILES = (
    ROOT / "README.md",
    ROOT / "docs" / "evidence.md",
    ROOT / "docs" / "learned.md",
    ROOT / "docs" / "own_training.md",
    ROOT / "docs" / "regimes.md",
    ROOT / "docs" / "studies.md",
    RESULTS / "sb3.md",
)
TABLE = (
    *("infobatch", "epsilon_greedy", "uncertainty", "ucb", "ucb1", "rs2", "random_dynamic"),
    *("full_short", "static_random", "el2n", "forgetting"),
)
"""The agents of the table of the first board."""
WHOLE_BOARDS = {
    "tuned": ("cifar10-short",),
    "noisy": ("cifar10-noisy", "wrong_kept", "wrong_found"),
    "imbalanced": ("cifar10-imbalanced",),
}
"""By the name of a block: the board that it shows, and columns beside the accuracies."""
REPEATED = {"long": ("cifar10-long-gpu", "cifar10-long"), "cifar100": ("cifar100-gpu", "cifar100")}
"""By the name of a block: a board, and one of the same setting whose runs a CPU made."""
SETTINGS = {
    "CIFAR-10, 8 epochs": RESULTS / "cifar10-short",
    "CIFAR-10, 24 epochs": RESULTS / "cifar10-long-gpu",
    "20 % wrong labels, 8 epochs": RESULTS / "cifar10-noisy",
    "long tail, 8 epochs": RESULTS / "cifar10-imbalanced",
    "CIFAR-100, 16 epochs": RESULTS / "cifar100-gpu",
}
"""Boards of one network, by what each is of."""
TAIL = {
    "CIFAR-10, 24 epochs": RESULTS / "tail" / "cifar10-24",
    **{
        f"digits, {epochs} epochs": RESULTS / "tail" / f"digits-{epochs}"
        for epochs in (10, 40, 160)
    },
}
"""Boards of long tails in longer runs."""
MAPS = {name: RESULTS / "regimes" / name for name in ("digits", "cifar10", "cifar100")}
"""The boards of the map of when choosing pays, by data set."""
RATES = tuple(
    RESULTS / name
    for name in (
        *("rates/cifar10", "rates/cifar10-gpu", "rates/cifar10-noisy", "rates/cifar100"),
        *("cifar10-long", "cifar100"),
    )
)
"""Boards that differ in their learning rates."""
CLAIMED_ON = ("cifar10-cpu", "cifar10-short", "cifar10-long-gpu", "cifar100-gpu", "cifar100")
"""Where two boards have the same setting, the first answers."""
CLAIMS = (
    ("random anew beats one random subset", "random_dynamic", "static_random"),
    ("`epsilon_greedy` beats random", "epsilon_greedy", "random_dynamic"),
    ("`ucb` beats random", "ucb", "random_dynamic"),
    ("`epsilon_greedy` loses nothing against `full`", "epsilon_greedy", "full"),
)
"""Of the paper: who is said to be ahead of whom, or no worse."""


def table() -> str:
    """The main agents at all keep ratios, and `full`."""
    comparisons = _comparisons("cifar10-cpu")
    keeps = [f"keep {percent(comparison.keep_ratio)}" for comparison in comparisons]
    further = ("passes_saved", "seconds_saved", "seconds")
    titles = ("saves, % of passes", "% of CPU s", "CPU s")
    lines = []
    for name in TABLE:
        rows = [comparison.row(name) for comparison in comparisons]
        once = rows[:1] if rows[0] and rows[0].is_everywhere else rows
        cells = [_cell(row) for row in once] + ["the same"] * (len(rows) - len(once))
        numbers = [", ".join(COLUMN[n].text(row) if row else "–" for row in once) for n in further]
        shown = f"**`{name}`**" if name == "full_short" else f"`{name}`"
        shown += ", decides itself" * (len(once) < len(rows))
        lines.append((shown, *cells, *numbers))
    full, epochs = _row(comparisons[0], "full"), comparisons[0].setting.epochs
    return (
        f"{markdown_table(('agent', *keeps, *titles), lines)}\n\n"
        f"`full`, all data for all {epochs} epochs: {points(full.last)} at cost 1 in "
        f"{full.seconds:.0f} CPU s."
    )


def ahead() -> str:
    """Which agents beat `full_short`, which do not, and which choose nothing."""
    comparisons = _comparisons("cifar10-cpu")
    lines = []
    for comparison in comparisons:
        fixed = [row for row in comparison.shown if row.ahead and row.rule != "own amount"]
        keep = f"Keep {percent(comparison.keep_ratio)}"
        lines += [
            f"* {keep}. Ahead: {_names(fixed, lambda r: r.sign > 0)}. Behind: "
            f"{_names(fixed, lambda r: r.sign < 0)}. Neither: "
            f"{_names(fixed, lambda r: not r.sign and not r.chooses_nothing)}. No choice, every "
            f"arm as often as there: {_names(fixed, lambda r: r.chooses_nothing)}.",
        ]
    own = [row for row in distinct(comparisons) if row.ahead and row.rule == "own amount"]
    lines.append(
        f"* Those that decide themselves how much to keep, at their own cost. Ahead: "
        f"{_names(own, lambda r: r.sign > 0, True)}. Behind: "
        f"{_names(own, lambda r: r.sign < 0, True)}. Neither: "
        f"{_names(own, lambda r: not r.sign, True)}."
    )
    missing = [row.agent for row in distinct(comparisons) if not row.complete]
    if missing:
        lines.append(f"* Not judged, because runs are missing: `{'`, `'.join(missing)}`.")
    return _wrapped(*lines)


def bar() -> str:
    """How far the curve through the runs of `full_short` is off, point by point."""
    rows = distinct(_comparisons("cifar10-cpu"))
    line = Line([row for row in rows if row.is_reference])
    errors = leave_one_out(line.logs, line.accuracies)
    clauses = [
        f"{_signed(f'{100 * error:+.2f}')} at keep {percent(row.keep_ratio)}"
        for error, row in zip(errors, line.ends[1:-1], strict=True)
    ]
    return _wrapped(
        "How far the curve through the other runs of `full_short` and `full` is above the accuracy "
        f"of a point that is left out, in points: {enumerate_clauses(clauses)}."
    )


def claims() -> str:
    """The paper's claims on every board of clean data: yes or no where that is certain."""
    titles = [claim for claim, _, _ in CLAIMS]
    answers = dict[tuple[str, ...], list[str]]()
    for board in CLAIMED_ON:
        for comparison in _comparisons(board):
            setting = comparison.setting
            data = setting.title.split(",")[0]
            keep = percent(comparison.keep_ratio)
            cells = [_answer(comparison, ours, theirs) for _, ours, theirs in CLAIMS]
            network = dict(setting.others).get("network", FIRST_NETWORKS[setting.env])
            answers.setdefault((data, str(setting.epochs), f"`{network}`", keep), cells)
    lines = [(*where, *cells) for where, cells in answers.items()]
    return markdown_table(("data", "epochs", "network", "keep", *titles), lines)


def static() -> str:
    """Static scores at the cost of the training alone, as if their prior runs were free."""
    found = []
    for comparison in _comparisons("cifar10-cpu"):
        short = _row(comparison, "full_short")
        rows = [row for row in comparison.shown if row.runs and row.runs[0].has_prior]
        rows = [row for row in rows if row.runs[0].is_one_subset]
        differences = [(row, difference(row, short)) for row in rows]
        differences.sort(key=lambda item: -item[1].value)
        clauses = [f"`{row.agent}` {points(of, signed=True)}" for row, of in differences]
        found.append(f"at keep {percent(comparison.keep_ratio)} {enumerate_clauses(clauses)}")
    return _wrapped(
        "Static scores with their prior runs for free, against `full_short` at the same keep "
        f"ratio: {'; '.join(found)}."
    )


def digits() -> str:
    """The verdict on the digits."""
    (comparison,) = _comparisons("digits-policies")
    rows = [row for row in comparison.shown if row.ahead]
    agents = sum(not row.is_control for row in comparison.rows)
    return _wrapped(
        "[The policies on the digits](../benchmarks/results/digits-policies/board.md), "
        f"{agents} and the 5 controls, 5 seeds at keep 30 %. For certain ahead of `full_short`: "
        f"{_names(rows, lambda r: r.sign > 0)}; for certain behind: "
        f"{_names(rows, lambda r: r.sign < 0)} (`prune-env board --preset digits-policies`)."
    )


def _board(folder: str, *further: str) -> str:
    """All agents of a board of one keep ratio, and these columns beside the accuracies."""
    (comparison,) = _comparisons(folder)
    columns = [COLUMN[column] for column in further]
    titles = [column.title for column in columns]
    headings = ("agent", "test accuracy, %", "ahead of `full_short`, points", SAVED, *titles)
    lines = [
        (name_of(row), points(row.last), lead_of(row), saved(row), *(c.text(row) for c in columns))
        for row in comparison.shown
    ]
    return markdown_table(headings, lines)


def _rivals(name: str) -> str:
    """Rival explanations of the lead of hardest-first, one treatment each."""
    headings, *lines = compared(read_json(RESULTS / f"{name}.json", "results of rivals")["found"])
    return markdown_table(headings, ([*map(_signed, line)] for line in lines))


def carried() -> str:
    """An agent that was trained on the probe, on real CIFAR-10."""
    trained = np.array([run.last for run in read_results(RESULTS / "ppo-probe-cifar10")])
    comparison = next(c for c in _comparisons("cifar10-cpu") if c.keep_ratio == 0.3)
    headings = ("agent", "runs", "test accuracy, %", "trained minus this, points")
    lines = [("trained on the probe", str(len(trained)), f"{100 * trained.mean():.1f}", "")]
    for agent in ("random_dynamic", "ucb", "uncertainty", "static_random"):
        if (row := comparison.row(agent)) is None:
            continue
        parts = [(1 / len(runs), row.noise) for runs in (trained, row.runs)]
        minus = estimate(float(trained.mean() - row.scores.mean()), parts)
        mean = points(row.last, interval=False)
        lines.append((f"`{agent}`", str(len(row.runs)), mean, points(minus, signed=True)))
    return markdown_table(headings, lines)


def fidelity() -> str:
    """How far each rung predicts each board: all agents, and those that are near the bar."""
    found = read_json(RESULTS / "fidelity.json", "a comparison")["comparisons"]
    rungs = list(dict.fromkeys(name for of in found for name in of["tau"]["all"]))
    lines = []
    for of in found:
        agents = {"all": of["accuracies"], "good": of["good"]}
        for kind, taus in of["tau"].items():
            name = f"`{of['board']}`, keep {percent(of['keep_ratio'])}"
            cells = [shown(taus.get(rung)) for rung in rungs]
            lines.append((name, f"{len(agents[kind])} {kind}", *cells))
    return markdown_table(("board", "agents", *(rung.partition(":")[0] for rung in rungs)), lines)


BLOCKS: dict[str, Callable[[], str]] = {
    of.__name__: of
    for of in (
        *(table, ahead, bar, claims, static, digits, fidelity),
        *(carried, loop_agents),
    )
}
BLOCKS |= {name: partial(_board, *of) for name, of in WHOLE_BOARDS.items()}
BLOCKS |= {n: partial(repeated, *(RESULTS / board for board in of)) for n, of in REPEATED.items()}
BLOCKS |= {name.replace("-", "_"): partial(_rivals, name) for name in ("rivals", "rivals-digits")}
BLOCKS |= {f"map_{name}": partial(cells_of, folder) for name, folder in MAPS.items()}
BLOCKS["settings"] = partial(side_by_side, SETTINGS)
BLOCKS["tail"] = partial(side_by_side, TAIL)
BLOCKS["rates"] = partial(rates, *RATES)
BLOCKS["balanced"] = partial(by_rate, RESULTS / "cifar10-balanced")
BLOCKS["foretelling"] = partial(foretelling, MAPS.values(), SETTINGS)
BLOCK = re.compile(r"(<!-- measured: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def fill(text: str) -> str:
    """The text with its blocks written anew."""
    return BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found[2]]()}\n{found[4]}", text)


# -- parts ----------------------------------------------------------------------------------------


def _comparisons(board: str) -> list[Comparison]:
    found = read_standings(RESULTS / board)
    (setting,) = found.settings
    return found.of(setting)


def _row(comparison: Comparison, agent: str) -> Row:
    row = comparison.row(agent)
    if row is None:
        raise ValueError(f"README speaks of {agent} at keep {comparison.keep_ratio}: it has no run")
    return row


def _cell(row: Row | None) -> str:
    """Accuracy and difference; unfinished ones say so, identical runs are named once."""
    if row is None:
        return "runs are missing"
    if row.is_repeat:
        return f"as `{row.same_runs_as[0]}`"
    text = COLUMN["accuracy"].text(row)
    if row.ahead:
        ahead = points(row.ahead, signed=True, interval=False)
        if row.chooses_nothing:
            ahead += ", no choice"
        text += f" (**{ahead}**)" if row.sign else f" ({ahead})"
    return text if row.complete else f"{text}, {len(row.runs)} of {row.expected} runs"


def _names(
    rows: Iterable[Row], which: Callable[[Row], bool] = lambda row: True, cost: bool = False
) -> str:
    """`swucb` +1.2, best first; of those that have all their runs. With intervals and costs."""
    chosen = [row for row in rows if row.complete and row.ahead and which(row)]
    chosen.sort(key=lambda row: -row.ahead.value if row.ahead else 0.0)
    names = [
        f"`{row.label.replace(' = ', '` = `')}` {points(row.ahead, True, cost)}"
        + (f" at {COLUMN['cost'].text(row)}" if cost else "")
        for row in chosen
    ]
    return enumerate_clauses(names) or "nobody"


def _answer(comparison: Comparison, ours: str, theirs: str) -> str:
    """Yes, +1.2 [0.3, 2.0]; of runs that are not there nothing."""
    of = [comparison.row(agent) for agent in (ours, theirs)]
    if not (of[0] and of[1]):
        return "–"
    found = difference(of[0], of[1])
    answer = {1: "**yes**", 0: "not certain", -1: "**no**"}[found.sign]
    return f"{answer}, {points(found, signed=True)}"


def _wrapped(*paragraphs: str) -> str:
    """Lines of README's length; what belongs to a point of a list is indented. No line begins with
    a %.
    """
    lines = (
        textwrap.fill(
            text.replace(" %", "_%"),
            100,
            subsequent_indent="  " * text.startswith("* "),
            break_on_hyphens=False,
        )
        for text in paragraphs
    )
    return "\n".join(lines).replace("_%", " %")


def _signed(text: str) -> str:
    return text.replace("-", "−")


def main() -> None:
    """Make the reports and write README."""
    from prune_bench.report.charts import regimes_picture, settings_picture
    from prune_bench.report.page import write_pictures, write_report

    for board in BOARDS:
        folder = RESULTS / board
        write_pictures(write_report(folder, read_standings(folder)), folder)
    cells = [cell for folder in MAPS.values() for cell in read_cells(folder)]
    pictures = {
        RESULTS / "settings.png": settings_picture.picture(leads(only(SETTINGS))),
        ROOT / "docs" / "regimes.png": regimes_picture.picture(cells),
    }
    for path, picture in pictures.items():
        with replacing(path) as file:
            file.write_bytes(picture)
    for file in FILES:
        write_text(file, fill(read_text(file)))


if __name__ == "__main__":
    main()
