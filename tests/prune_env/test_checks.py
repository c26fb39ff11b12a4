"""Ranges are said where the field is, and checked there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import prune_agents
import pytest
from prune_agents.policies import learned

from prune_env.checks import In, check, ranges


@pytest.mark.parametrize(
    ("interval", "inside", "outside", "words"),
    [
        ("(0, 1]", [1e-9, 1.0], [0.0, 1.1, float("nan")], "0 < x <= 1"),
        ("[0, 1)", [0.0, 0.99], [-1e-9, 1.0, float("inf")], "0 <= x < 1"),
        ("[1, inf)", [1, 10**9], [0, float("inf"), float("nan")], "1 or more"),
        ("(0, inf)", [1e-9], [0.0, -1.0], "above 0"),
        ("[-1, 0.9]", [-1, 0.9], [-1.1, 0.91], "-1 <= x <= 0.9"),
    ],
)
def test_an_interval_holds_what_mathematics_says(interval, inside, outside, words):
    assert [value in In(interval) for value in inside] == [True] * len(inside)
    assert [value in In(interval) for value in outside] == [False] * len(outside)
    assert In(interval).allowed("x") == words


@dataclass(frozen=True)
class Options:
    share: Annotated[float, In("(0, 1]")] = 0.5
    rounds: Annotated[int, In("[1, inf)")] | None = None
    name: str = "x"


def test_types_and_ranges_are_refused_in_one_line():
    check(Options(share=1, rounds=3))
    with pytest.raises(ValueError, match=r"^share is 0\.0; allowed is 0 < share <= 1$"):
        check(Options(share=0.0))
    with pytest.raises(ValueError, match=r"^rounds is 0; allowed is 1 or more$"):
        check(Options(rounds=0))
    with pytest.raises(ValueError, match=r"^share is True; expected"):
        check(Options(share=True))


def test_every_number_that_a_policy_takes_has_a_range():
    for name in prune_agents.names():
        cls = prune_agents.find(name)
        if "path" in cls.__dataclass_fields__:
            continue
        numbers = {f for f, v in cls.__dataclass_fields__.items() if v.type in ("int", "float")}
        assert numbers == set(), name
        assert ranges(cls)["keep_ratio"].interval == "(0, 1]"


def test_a_whole_number_where_a_float_is_declared_becomes_one():
    """YAML says 50, a command line 50.0: the names of runs are digests of text."""
    ucb = prune_agents.make("ucb", c=2, keep_ratio=1)
    assert [repr(value) for value in (ucb.c, ucb.keep_ratio, ucb.seed)] == ["2.0", "1.0", "0"]
    assert prune_agents.make("ucb", c=10**400).c == 10**400


def test_a_list_where_one_of_several_types_is_a_tuple_becomes_one():
    """As `--agent learned:weights=[...]` gives it."""
    weights = [0.0] * (learned.SIZE - 1) + [1.0]
    assert prune_agents.make("learned", weights=weights).weights == tuple(weights)


@dataclass(frozen=True)
class Numbers:
    whole: int = 1
    real: float = 1.0
    either: float | None = None
    both: int | float = 1


def test_numbers_become_those_of_python_and_of_the_type_that_is_declared():
    options = Numbers(np.int64(3), np.float32(0.5), np.int32(2), np.int64(4))
    check(options)
    found = [options.whole, options.real, options.either, options.both]
    assert [(value, type(value)) for value in found] == [
        (3, int),
        (0.5, float),
        (2.0, float),
        (4, int),
    ]
