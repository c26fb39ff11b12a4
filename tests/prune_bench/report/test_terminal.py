"""What a terminal shows of text of others, and how tables fit it."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from prune_bench.commands.run_view import RunProgress
from prune_bench.report.terminal import Fitted, Listed, Prose, Terminal, shortened
from prune_bench.run.options import RunOptions


def printed(width, *shown, **options):
    """The lines that a terminal of this width has."""
    sized = {} if width is None else {"width": width}
    console = Terminal(file=io.StringIO(), **sized, **options)
    console.print(*shown, sep="\n")
    return console.file.getvalue().splitlines()


TABLE = Fitted(
    ["Agent", "Accuracy", "Ahead", "Cost"],
    [["ucb", "83.1 [82.9, 83.3]", "+1.2", "0.30"], ["some.module:MyAgent", "1", "-0.5", "1"]],
    ["Cost", "Accuracy"],
    "Digits [bold]",
)


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            60,
            [
                "Digits [bold]",
                "Agent                         Accuracy  Ahead  Cost",
                "ucb                  83.1 [82.9, 83.3]   +1.2  0.30",
                "some.module:MyAgent                  1   -0.5     1",
            ],
        ),
        (
            46,
            [
                "Digits [bold]",
                "Agent                         Accuracy  Ahead",
                "ucb                  83.1 [82.9, 83.3]   +1.2",
                "some.module:MyAgent                  1   -0.5",
                "columns without room: cost",
            ],
        ),
        (
            22,
            [
                "Digits [bold]",
                "Agent",
                "ucb",
                "some.module:MyAgent",
                "columns without room:",
                "accuracy; ahead; cost",
            ],
        ),
        (
            14,
            [
                "Digits [bold]",
                "Agent",
                "ucb",
                "some…e:MyAgent",
                "some…e:MyAgent",
                "is ",
                "some.module:My",
                "Agent",
                "columns",
                "without room:",
                "accuracy;",
                "ahead; cost",
            ],
        ),
    ],
)
def test_columns_go_before_names_and_no_cell_is_broken(width, lines):
    assert printed(width, TABLE) == lines


def test_a_pipe_gets_everything(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    long = "a_module_with_a_long_name." * 5 + ":Agent"
    [heading, row] = printed(None, Fitted(["Agent", "Cost"], [[long, "0.30"]]))
    assert row == f"{long}  0.30"
    assert heading.endswith("Cost")


def test_what_is_explained_stands_beside_or_beneath():
    lines = {"ucb": "moving mean plus c times the variance", "rs2": "random"}
    assert printed(40, Listed(lines)) == [
        "ucb  moving mean plus c times the",
        "     variance",
        "rs2  random",
    ]
    assert printed(30, Listed(lines)) == [
        "ucb",
        "  moving mean plus c times the",
        "  variance",
        "rs2",
        "  random",
    ]


def test_no_line_ends_inside_a_number():
    assert printed(24, Prose("The best is at keep 30 %: +1.2 [0.3, 2.0] points.")) == [
        "The best is at keep",
        "30 %: +1.2 [0.3, 2.0]",
        "points.",
    ]


@pytest.mark.parametrize(
    ("name", "width", "short"),
    [
        ("ucb", 3, "ucb"),
        ("my_package.my_module:MyAgent", 20, "my_pac…odule:MyAgent"),
        ("ucb c=0.25 alpha=0.5", 12, "ucb …pha=0.5"),
        ("中文中文中文", 7, "中文…文"),
    ],
)
def test_the_end_of_a_name_says_most(name, width, short):
    assert shortened(name, width) == short


def test_the_time_left_of_a_run_counts_from_its_first_round(monkeypatch):
    """What came before (reading data, a checkpoint) says nothing about the pace."""
    clock = iter([0.0, 100.0, 110.0, 119.0, 120.0])  # made; two a round, one where it is known
    monkeypatch.setattr("prune_bench.commands.run_view.time.perf_counter", lambda: next(clock))
    progress = RunProgress(Terminal(file=io.StringIO(), width=80), RunOptions(agent="ucb:c=2"))
    assert progress.line().plain == "ucb c=2 on prune_env/Digits-v0  0%, time left not known yet"
    row = dict.fromkeys(("round", "kept", "passes"), 1)
    row |= dict.fromkeys(("kept_loss", "val_loss", "val_accuracy"), 0.5)
    env = SimpleNamespace(
        learner=SimpleNamespace(num_arms=2),
        rounds=SimpleNamespace(ledger=SimpleNamespace(progress=[0.5])),
    )
    progress.on_round(env, row)
    env.rounds.ledger.progress = [0.75]
    progress.on_round(env, row)
    assert progress.line().plain == "ucb c=2 on prune_env/Digits-v0  75%, about 10 s left"


def test_nothing_acts():
    [line] = printed(80, "a [red]b[/red] :smile: \x1b[31m\x9b1m\u202e", force_terminal=True)
    assert line == r"a [red]b[/red] :smile: \x1b[31m\x9b1m\u202e"


@pytest.mark.parametrize("later", [True, False])
def test_a_status_is_no_markup(later):
    console = Terminal(file=io.StringIO(), width=80, force_terminal=True)
    hostile = "making [x]/y\x1b]0;title\x07"
    with console.status("first" if later else hostile) as status:
        if later:
            status.update(hostile)
    assert r"making [x]/y\x1b]0;title\x07" in console.file.getvalue()
    assert "\x1b]0" not in console.file.getvalue()
