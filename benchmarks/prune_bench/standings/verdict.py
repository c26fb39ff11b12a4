"""Verdicts: what a board says, in sentences and one word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prune_bench.standings.model import MIN_SEEDS, Comparison, Row, distinct
from prune_bench.standings.statistics import Estimate
from prune_env.text import number

LUCK = "which some reach by luck among so many"
"""Why an interval that leaves out 0 is not enough."""

Kind = Literal["beats", "level", "behind", "open"]


NONE_CHOOSES = (
    "No agent that was run chooses here: each keeps every arm as often as full_short does. More "
    "epochs, or another keep ratio, would let it choose."
)

NEAR_GUESSING = 1.25
"""An accuracy below so many times that of drawing one of the classes is near it."""

TINY = 1e-9
"""Differences of accuracies below it are rounding."""

ALL_ALIKE = ": all end alike. Fewer epochs or a larger test set may tell them apart."


@dataclass(frozen=True)
class Verdict:
    """Whether anything beats `full_short` at equal cost, in one comparison."""

    kind: Kind
    """beats: one is certainly ahead, see `statistics.certain_signs`; level: none is;
    behind: all are certainly behind; open: nothing to compare yet, or runs are under way that may
    still win"""
    keep_ratio: float
    leader: Row | None = None
    """of the agents that are complete, the one furthest ahead of `full_short`"""
    beaters: tuple[str, ...] = ()
    """all agents that beat it"""
    own_amount: tuple[Row, ...] = ()
    """of those that decide themselves how much to keep: the ones that are certainly ahead of
    `full_short` for their cost; they decide nothing at a keep ratio"""
    some_choose_nothing: bool = False
    """whether an agent that chooses nothing, see `Row.chooses_nothing`, ends no lower than the
    leader, or has its runs where there is no leader"""
    all_alike: bool = False
    """whether all that is complete ended exactly as `full_short` did, in every seed"""
    so_far: Row | None = None
    """while it is open: the one furthest ahead of `full_short` in the runs that there are"""

    @property
    def ahead(self) -> Estimate | None:
        """By how much the leader is ahead of `full_short`, in [-1, 1]."""
        return self.leader.ahead if self.leader else None

    @property
    def winner(self) -> Row | None:
        """The leader where it is certainly ahead."""
        return self.leader if self.kind == "beats" else None

    @property
    def is_weak(self) -> bool:
        """Whether the leader is ahead in too few seeds to say that it beats `full_short`.

        Few seeds do not show a training that fails now and then.
        """
        return self.kind == "beats" and self.leader is not None and self._seeds < MIN_SEEDS

    @property
    def _seeds(self) -> int:
        return len(self.leader.runs) if self.leader else 0

    @property
    def beats(self) -> str:
        """The verb that the evidence allows."""
        return f"is ahead, in {self._seeds} seeds, of" if self.is_weak else "beats"

    @property
    def sentence(self) -> str:
        """One sentence for a person."""
        if self.so_far is not None:
            ahead = points(self.so_far.ahead, signed=True)
            return f"Runs are missing. So far {self.so_far.label} is at {ahead} points."
        if self.leader is None:
            return (
                NONE_CHOOSES
                if self.some_choose_nothing
                else "No agent has a run beside full_short at its cost yet."
            )
        if self.all_alike:
            return f"Nothing beats full_short{ALL_ALIKE}"
        name, ahead = self.leader.label, points(self.ahead, signed=True)
        best = f"{self.rank}, {_called(self.leader)}, is at {ahead} points"
        if self.kind == "beats":
            others = len(self.beaters) - 1
            also = f"; so do {others} more" if others > 1 else "; so does one more" * others
            return f"{name} {self.beats} full_short by {ahead} points{also}."
        if self.kind == "level":
            return f"Nothing beats full_short for certain; {best}{_doubt(self.leader)}."
        return f"Nothing beats full_short; {best}."

    @property
    def rank(self) -> str:
        """What the leader is where nothing beats `full_short`."""
        place = "the closest" if self.kind == "behind" else "the best"
        return place + " that chooses" * self.some_choose_nothing


def judge(comparison: Comparison) -> Verdict:
    """The verdict on one comparison. Agents with missing runs cannot win; as long as they run and
    no other agent beats `full_short`, the verdict is open.
    """
    candidates = [
        row
        for row in comparison.shown
        if row.ahead is not None and row.rule != "own amount" and not row.chooses_nothing
    ]
    candidates.sort(key=lambda row: -_value(row.ahead))
    judged = [row for row in candidates if row.complete]
    beaters = [row for row in judged if row.sign > 0]
    under_way = [row for row in candidates if len(row.runs) + row.failed < row.expected]
    own = tuple(
        row
        for row in comparison.shown
        if row.rule == "own amount" and row.complete and row.sign > 0 and len(row.runs) >= MIN_SEEDS
    )
    short = comparison.row("full_short")
    if short is None or not short.complete or not judged or (under_way and not beaters):
        others = [
            row
            for row in comparison.shown
            if row.complete and not row.is_reference and row.rule != "own amount"
        ]
        alike = bool(others) and all(row.chooses_nothing for row in others)
        return Verdict(
            "open",
            comparison.keep_ratio,
            own_amount=own,
            some_choose_nothing=alike and not candidates and bool(short and short.complete),
            so_far=next(iter(candidates), None),
        )
    kind: Kind = "behind" if all(row.sign < 0 for row in judged) else "level"
    leader = (beaters or judged)[0]
    by_luck = [_value(row.ahead) for row in comparison.shown if row.chooses_nothing]
    return Verdict(
        "beats" if beaters else kind,
        comparison.keep_ratio,
        leader,
        tuple(row.label for row in beaters),
        own,
        some_choose_nothing=max(by_luck, default=-1.0) >= _value(leader.ahead),
        all_alike=not any(abs(of) > TINY for row in judged for of in row.ahead_runs.values()),
    )


def headline(verdicts: Sequence[Verdict]) -> str:
    """The answer of all comparisons of one setting in a sentence, or two."""
    own = {(row.agent, row.keep_ratio): row for of in verdicts for row in of.own_amount}
    found = [
        f"{row.label} ({points(row.ahead, True, False)} points at cost {row.cost:.2f})"
        for row in sorted(own.values(), key=lambda row: -_value(row.ahead))
    ]
    beat = "beats" if len(found) == 1 else "beat"
    of_own = f" Deciding how much to keep, {enumerate_clauses(found)} {beat} it." if found else ""
    return _at_keep_ratios(verdicts) + of_own


def _at_keep_ratios(verdicts: Sequence[Verdict]) -> str:
    judged = [verdict for verdict in verdicts if verdict.kind != "open"]
    if not judged:
        begun = [verdict for verdict in verdicts if verdict.so_far]
        if not begun and any(verdict.some_choose_nothing for verdict in verdicts):
            return NONE_CHOOSES
        if not begun:
            return "Nothing to compare yet: full_short and one agent must have finished."
        clauses = [
            f"{row.label} is at {points(row.ahead, True, False)} points at keep "
            f"{percent(verdict.keep_ratio)}"
            for verdict in begun
            if (row := verdict.so_far)
        ]
        so_far = enumerate_clauses(clauses)
        return f"Not decided, runs are missing. Against full_short so far {so_far}."
    won = [verdict for verdict in judged if verdict.kind == "beats"]
    if all(verdict.all_alike for verdict in judged):
        return f"At equal cost nothing beats full_short{ALL_ALIKE}"
    if not won:
        best = max(judged, key=lambda verdict: _value(verdict.ahead))
        assert best.leader is not None
        certain = "" if best.kind == "behind" else " for certain"
        return (
            f"At equal cost nothing beats full_short{certain}. {best.rank.capitalize()} is "
            f"{_called(best.leader)} at keep {percent(best.keep_ratio)}: "
            f"{points(best.ahead, signed=True)} points{_doubt(best.leader)}."
        )
    places: dict[str, list[str]] = {}
    for verdict in won:
        assert verdict.leader is not None
        most = "up to " if len(verdict.beaters) > 1 else ""
        place = f"{percent(verdict.keep_ratio)} ({most}{points(verdict.ahead, True, False)} points)"
        others = len(verdict.beaters) - 1
        who = verdict.leader.label + (f" and {others} more" if others else "")
        verb = "beat" if others and not verdict.is_weak else verdict.beats
        places.setdefault(f"{who} {verb} full_short", []).append(place)
    clauses = [f"{who} at keep {enumerate_clauses(where)}" for who, where in places.items()]
    lost = [percent(verdict.keep_ratio) for verdict in judged if verdict not in won]
    open_ = [percent(verdict.keep_ratio) for verdict in verdicts if verdict.kind == "open"]
    rest = f"; at {enumerate_clauses(lost)} nothing does" if lost else ""
    rest += f"; at {enumerate_clauses(open_)} runs are missing" if open_ else ""
    return f"At equal cost {enumerate_clauses(clauses)}{rest}."


def caution(comparisons: Sequence[Comparison]) -> str:
    """What a reader must keep in mind, or nothing."""
    rows = distinct(comparisons)
    cautions = []
    few = sorted(row.expected for row in rows if row.expected < MIN_SEEDS)
    if few:
        of = "" if len(few) == len(rows) else f"{number(len(few), 'row has', 'rows have')} "
        least = f"{few[0]} to " if few[0] < few[-1] else ""
        seeds = number(few[-1], "seed")
        cautions.append(f"{of}{least}{seeds} only: fewer than {MIN_SEEDS} show little")
    if unfinished := sum(not row.complete for row in rows):
        rows_are = number(unfinished, "row is", "rows are")
        cautions.append(f"{rows_are} unfinished and cannot win yet")
    if diverged := sum(run.diverged for row in rows for run in row.runs):
        cautions.append(f"{number(diverged, 'run')} diverged; the accuracy at the end counts")
    known = {what for row in rows for run in row.runs for what in run.trained.items()}
    if len(known) > len({name for name, _ in known}):  # early results say less
        cautions.append("runs of different networks or data are mixed here")
    return "; ".join(cautions)


def notes(rows: Sequence[Row]) -> list[str]:
    """What has to be said of rows of one table, or the numbers in it would mislead."""
    same = [row.label for row in rows if row.same_runs_as]
    choiceless = [row.label for row in rows if row.chooses_nothing]
    unknown = [
        row
        for row in rows
        if row.complete and not row.ahead and not row.is_reference and any(r.ahead for r in rows)
    ]
    luck = [row for row in rows if _is_doubtful(row)]
    found = [f"{label}: the same runs, arm by arm, and counted once." for label in same]
    if unknown:
        pays = any(run.pays_evaluation for row in unknown for run in row.runs)
        costs = " ".join(sorted({f"{row.cost:.3g}" for row in unknown if row.cost <= 1}))
        found.append(
            f"{enumerate_clauses([row.label for row in unknown])}: no difference is known, for "
            "full_short was not run at that cost, and its runs next to it do not decide."
            + " The validation that an agent reads is charged." * pays
            + f" --full-short-at {costs} runs it there." * bool(costs)
        )
    if choiceless:
        found.append(
            f"{enumerate_clauses(choiceless)}: kept every arm as often as full_short does, and no "
            "measurement decided when. What lies between them is chance, or comes from where "
            "batches and the schedule end."
        )
    near = [
        f"{100 * row.scores.mean():.0f} % at cost {row.cost:.2g}"
        for row in rows
        if row.agent == "full_short" and row.complete and _is_near_guessing(row)
    ]
    if near:
        found.append(
            f"full_short ends near what guessing gives ({enumerate_clauses(near)}): so "
            "little was learned that differences here may be accidents. More epochs, or another "
            "rate (--recipe), would show more."
        )
    if luck:
        text = enumerate_clauses(
            [f"{row.label} ({points(row.ahead, signed=True)})" for row in luck]
        )
        found.append(
            f"Not certain although the interval, before rounding, leaves out 0: {text}, {LUCK}."
        )
    return found


def _called(row: Row) -> str:
    """The name of a row; a control, which chooses by chance, is called one."""
    return row.label + " (a control)" * row.is_control


def _is_near_guessing(row: Row) -> bool:
    classes = max(run.classes for run in row.runs)
    return classes > 1 and float(row.scores.mean()) < NEAR_GUESSING / classes


def _doubt(row: Row) -> str:
    """Why a row that looks ahead is not said to be."""
    return f", {LUCK}" if _is_doubtful(row) else ""


def _is_doubtful(row: Row) -> bool:
    of = row.ahead
    return row.complete and of is not None and of.sign != row.sign and not row.chooses_nothing


def points(estimate: Estimate | None, signed: bool = False, interval: bool = True) -> str:
    """An accuracy or a difference in percentage points: "+1.2 [0.3, 2.0]"."""
    if estimate is None:
        return "–"
    text = _tenths(estimate.value, "+" if signed else "")
    if interval and estimate.low is not None and estimate.high is not None:
        text += f" [{_tenths(estimate.low)}, {_tenths(estimate.high)}]"
    return text


def plus_minus(estimate: Estimate, digits: int = 2, sign: str = "+") -> str:
    """A number with half of its interval: "+0.69 ±0.63"; no minus before a zero."""
    value = round(estimate.value, digits) + 0.0
    return f"{value:{sign}.{digits}f} ±{estimate.half:.{digits}f}"


def _tenths(share: float, sign: str = "") -> str:
    """Percentage points with one decimal, and no minus before a zero."""
    return f"{round(100 * share, 1) + 0.0:{sign}.1f}".replace("-", "−")


def percent(share: float) -> str:
    """10 %"""
    return f"{100 * share:g} %"


def _value(estimate: Estimate | None) -> float:
    return estimate.value if estimate else float("-inf")


def enumerate_clauses(clauses: Sequence[str]) -> str:
    """a, b and c"""
    if len(clauses) < 2:
        return "".join(clauses)
    return f"{', '.join(clauses[:-1])} and {clauses[-1]}"
