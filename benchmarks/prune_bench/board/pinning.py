"""Before a board runs anything: its pins are checked, and what is new is pinned."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import prune_agents

from prune_bench.board import claims
from prune_bench.board.board import Board, runs_of
from prune_bench.board.grid import Grid, added, as_typed
from prune_bench.board.pins import Pins, data_key
from prune_bench.run.episode import make_env
from prune_bench.run.options import Place, RunOptions, as_compared
from prune_bench.run.provenance import FIRST_NETWORKS, KNOWN
from prune_bench.run.sources import agent_source, env_names, env_source, is_code, is_own
from prune_env.learners.protocol import Learner, Sourced

if TYPE_CHECKING:
    from prune_env.learners.network.device import Precision
    from prune_env.learners.network.learner import NetworkLearner


def hold(
    board: Board,
    new: Grid | None,
    place: Place,
    trusted: Collection[str] | None,
    retry: bool = False,
) -> tuple[Place, list[str]]:
    """Add a grid to a board where all fits what it has pinned, and pin what is new.

    Args:
        board: which one.
        new: a grid to add; its agents are made, which runs the code of one's own.
        place: what was asked for; the pins fill in the rest.
        trusted: agents and environments of one's own that may be imported; None: all may.
        retry: whether the runs that failed are to be done too.

    Returns:
        Where the runs happen, and what has to be said.

    Raises:
        ValueError, FileNotFoundError: something does not fit. The board is what it was before.
    """
    if new is not None:
        _check_trust(board, new.runs(), trusted)
        new.check()
    with claims.wait_for(board.work, "board.yaml"):
        grids, old = board.read()
        said = [] if new is None else _set_apart(grids, new)
        grids = grids if new is None else added(grids, new)
        planned = runs_of(grids, old)
        done = [o for name, o in planned.items() if board.result_path(name).exists()]
        pins = replace(old, sources=_sources(planned.values(), old))

        def open_runs() -> list[RunOptions]:
            runs = runs_of(grids, pins)
            left = [name for name in runs if not board.result_path(name).exists()]
            return [runs[n] for n in left if retry or not board.failure_path(n).exists()]

        todo = open_runs()
        _check_trust(board, todo, trusted)
        changed = {name for name, digest in pins.sources.items() if old.sources.get(name) != digest}
        pins = replace(pins, own_amount=_own_amount(pins, changed, todo))
        pins = _placed(board, pins, place, bool(done), bool(todo))
        if todo or place.data or os.environ.get("PRUNE_ENV_DATA"):
            looked_at = [run for run in planned.values() if not _untrusted([run], trusted)]
            pins = _looked_up(board, looked_at, place, pins, done, new)
        board.write(grids, pins)
    left = {name for run in todo for name in (run.agent, *env_names(vars(run)))}
    anew = [name for name in changed & left if name in old.sources]
    said += [f"the source of {n} has changed: its runs are done anew" for n in sorted(anew)]
    device = pins.device if place.device == "auto" else place.device
    return replace(place, device=device, threads=pins.threads), said


def _set_apart(grids: list[Grid], new: Grid) -> list[str]:
    """What is said where no grid that is there has the settings of a new one."""
    ours, known = new.settings(), [grid.settings() for grid in grids]
    if not known or ours in known:
        return []
    same = [theirs for theirs in known if as_compared(theirs) == as_compared(ours)]
    theirs = (same or known)[0]
    differing = [name for name in ours if ours[name] != theirs[name]]
    told = [" ".join(as_typed({name: of[name] for name in differing})) for of in (ours, theirs)]
    what = "train the same, and one of each is counted" if same else "get tables of their own"
    return [f"new runs have {told[0]}, the others {told[1]}: they {what}"]


def _sources(runs: Iterable[RunOptions], old: Pins) -> dict[str, str]:
    """The digests of all sources: as they are now, or as pinned where a source is not here."""
    looks = {name: env_source for run in runs for name in env_names(vars(run))}
    looks |= {run.agent: agent_source for run in runs}
    sources = {}
    for name, look in looks.items():
        try:
            digest = look(name)
        except FileNotFoundError:
            if name not in old.sources:
                raise
            digest = old.sources[name]
        if digest is not None:
            sources[name] = digest
    return sources


def _check_trust(board: Board, todo: Iterable[RunOptions], trusted: Collection[str] | None) -> None:
    """Refuse to import what only the folder has named."""
    if unknown := _untrusted(todo, trusted):
        raise ValueError(
            f"{board.folder / 'board.yaml'} names code that is imported only where it is typed: "
            f"{', '.join(unknown)}; --trust imports it, for a folder of somebody whom you trust"
        )


def _untrusted(runs: Iterable[RunOptions], trusted: Collection[str] | None) -> list[str]:
    named = {name for run in runs for name in (run.agent, *env_names(vars(run))) if is_code(name)}
    return [] if trusted is None else sorted(named - set(trusted))


def _own_amount(
    pins: Pins, changed: Collection[str], todo: Iterable[RunOptions]
) -> tuple[str, ...]:
    """The agents that do not read their keep ratio. New and changed ones are made and asked."""
    asked = {
        run.agent: prune_agents.make_for_run(
            run.agent, keep_ratio=run.keep_ratio, **run.agent_options
        )
        for run in todo
        if run.agent in changed and is_own(run.agent)
    }
    known = [name for name in pins.own_amount if name not in asked]
    return (*known, *(n for n, a in asked.items() if not a.reads_keep_ratio))


def _placed(board: Board, pins: Pins, place: Place, begun: bool, any_left: bool) -> Pins:
    """Threads, device and precision: as asked for where nothing is done yet, else as pinned."""
    wanted = pins
    if place.threads is not None:
        wanted = replace(wanted, threads=place.threads)
    if place.device != "auto":
        wanted = replace(wanted, device=place.device.partition(":")[0])
    elif any_left and not begun:
        from prune_env.learners.network.device import find_device

        wanted = replace(wanted, device=find_device("auto").type)
    if any_left:
        wanted = replace(wanted, precision=_precision(wanted.device, place.device))
    if begun and wanted != pins:
        raise ValueError(
            f"{board.folder} has runs with {_said(pins)}, which is not what {_said(wanted)} give; "
            "name another folder"
        )
    return wanted


def _said(pins: Pins) -> str:
    """Where the runs are done, in words."""
    return f"{pins.threads} threads on a {pins.device} in {pins.precision}"


def _precision(kind: str, device: str) -> Precision:
    """What networks are computed in there; a GPU that is not here is taken for a recent one."""
    from prune_env.learners.network.device import find_device, precision_on

    if kind == "cpu":
        return "fp32"
    try:
        return precision_on(find_device(device if device.startswith(kind) else kind), "auto")
    except ValueError:  # a Ray cluster has it
        return "bf16"


def _looked_up(
    board: Board,
    runs: Iterable[RunOptions],
    place: Place,
    old: Pins,
    done: Collection[RunOptions],
    new: Grid | None,
) -> Pins:
    """Pin the data of each environment as it is here, and the network of runs that name none."""
    begun = set(map(data_key, done))
    begun_by_default = {data_key(run) for run in done if run.network is None}
    data, networks = dict(old.data), dict(old.networks)
    open_last = sorted(runs, key=lambda run: run.network is None)
    for key, run in {data_key(run): run for run in open_last}.items():
        try:
            learner = make_learner(run, replace(place, device="cpu"))
        except (ValueError, FileNotFoundError) as error:
            if new is None or run.env in new.env or key not in begun:
                raise
            raise ValueError(
                f"{board.folder} has runs of {run.env} too, which need other data (--data); "
                f"name another folder (--out): {error}"
            ) from error
        digest = learner.digest if isinstance(learner, Sourced) else None
        expected = old.data.get(key, KNOWN.get(run.env))
        if key in begun and digest != expected:
            raise ValueError(
                f"{board.folder} has runs of {run.env} on other data: their digest is {expected}, "
                f"that of {place.data or 'what is here'} is {digest}; name another folder"
            )
        if digest is not None:
            data[key] = digest
        if run.network is None and run.env in FIRST_NETWORKS and key not in begun_by_default:
            import torch

            task = cast("NetworkLearner", learner).task
            networks[key] = task.default_network(torch.device(old.device))
    return replace(old, data=data, networks=networks)


def make_learner(options: RunOptions, place: Place) -> Learner:
    """What a run would train, on the data that it would have."""
    agent = prune_agents.make("static_random")
    # a device that has not what the recipe asks for has the data all the same
    recipe = {name: value for name, value in options.recipe.items() if name != "precision"}
    return make_env(replace(options, recipe=recipe), place, agent).learner
