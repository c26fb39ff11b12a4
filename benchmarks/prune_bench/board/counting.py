"""Which results of a folder count: those that are what their names say, and that fit the board.

A policy whose rule was mended, an agent of one's own whose source has changed, other data: their
old results stay where they are and do not count, and that is said.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import prune_agents

from prune_bench.board.board import Board
from prune_bench.board.pins import Pins
from prune_bench.run.options import RunOptions
from prune_bench.run.result import Result, read_results
from prune_bench.run.run_id import run_id
from prune_env.text import number


def counted(folder: Path, pins: Pins | None) -> tuple[list[Result], list[str]]:
    """The results of a folder that count, in the order of their names; and what is said of others.

    Args:
        folder: of a board.
        pins: what its board.yaml says; None where there is none.

    Raises:
        Damaged: a file is not a result.
    """
    results, reasons = [], Counter[str]()
    for result in read_results(folder):
        reason = why_not(result, pins)
        if reason:
            reasons[reason] += 1
        else:
            results.append(result)
    if not reasons:
        return results, []
    listed = "; ".join(f"{count} of {reason}" for reason, count in sorted(reasons.items()))
    many = number(reasons.total(), "result does", "results do")
    return results, [f"{many} not count: {listed}."]


def counted_in(folder: Path) -> tuple[list[Result], list[str]]:
    """The same by what the folder's board.yaml says, where there is one."""
    board = Board(folder)
    return counted(folder, board.read()[1] if (folder / "board.yaml").exists() else None)


def why_not(result: Result, pins: Pins | None) -> str:
    """Why a result does not count: in what it differs from its name or its board; "" if it counts.

    Args:
        result: of a folder.
        pins: of the board; None where there is no board.yaml.
    """
    options, provenance = RunOptions(**result.options), result.provenance
    if pins is not None and (other := provenance.differences(pins.of(options))):
        return f"{options.agent} with {' and '.join(other)}"
    # a result has the epochs that its recipe gave; its name may be made of none
    if result.id in {run_id(o, provenance) for o in (options, replace(options, epochs=None))}:
        return ""
    if prune_agents.revision(options.agent, options.agent_options) > 1:
        return f"{options.agent} before its rule was mended"
    return f"{options.agent} under the name of another run"
