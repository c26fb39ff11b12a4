"""Evolution: the weights of the agent `learned` by CMA-ES, on instances drawn anew.

A generation draws episodes, and every candidate runs each of them: the same instance, network, data
order and augmentation, so that they differ by their choice alone. A candidate is worth the mean of
its ranks by validation accuracy, which no data set outweighs and no diverged run spoils. Two agents
of `BESIDE` run the same episodes and say how far the candidates are.

    out/generations/0000.json     candidates, their accuracies, those of `BESIDE`
    out/weights.json              the mean of the search after the last generation
    out/result.json               how it compares on held-out instances

The files of the generations are the state: who goes on tells them to a new search.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import prune_agents
from numpy.typing import NDArray
from prune_agents.policies import learned

from prune_bench.board.engines import processes
from prune_bench.board.pinning import make_learner
from prune_bench.run.episode import make_env
from prune_bench.run.options import Place, RunOptions
from prune_bench.standings.statistics import certain_signs, mean_of
from prune_bench.training.instances import HELD_OUT, Instance, InstanceSet, training_seed
from prune_bench.training.options import EvolutionOptions, TrainOptions, check_resume
from prune_bench.training.train import last_info
from prune_env.checks import difference
from prune_env.core.signals import FREE
from prune_env.env import PruneEnv
from prune_env.files import read_json, write_json
from prune_env.learners.protocol import Sourced

if TYPE_CHECKING:
    from cmaes import CMA

BESIDE = ("random_dynamic", "epsilon_greedy")
"""Who runs the episodes of training too."""

CONTROLS = ("full_short", "random_dynamic", "static_random", "rs2")
BEST = ("uncertainty", "epsilon_greedy", "ucb", "swucb", "ts_gauss")
"""The hand-made policies that it has to beat."""

HARDEST_FIRST = {"unseen": 2.0, "loss": 1.0, "noise": 0.1}
"""Weights of the context `always` that a search begins with."""

Score = dict[str, float]
Submit = Callable[["Task"], "Future[Score]"]


@dataclass(frozen=True)
class Task:
    """One episode of one agent."""

    instance: Instance
    agent: str
    weights: tuple[float, ...] = ()
    """of `learned`"""
    test: bool = False
    """whether the test split is looked at in the end"""


def evolve(
    train: TrainOptions,
    options: EvolutionOptions,
    on_progress: Callable[[dict[str, Any]], None] = lambda row: None,
    on_comparison: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    """Search for weights, then compare them with others on held-out instances.

    Args:
        train: where the agent is kept, the seed, and whether to go on.
        options: how.
        on_progress: called after each generation with what it found.
        on_comparison: called before the comparison with the number of held-out instances.

    Returns:
        The comparison, which is in `result.json` too; nothing where there are no held-out seeds.

    Raises:
        ValueError, FileNotFoundError: bad options; nothing has been trained then.
    """
    if options.instances is None:
        raise ValueError("instances is None; evolution needs a YAML file of distributions")
    instances = InstanceSet(options.instances, train.trust)
    search = new_search(options, train.seed)
    done = sorted((train.out / "generations").glob("*.json"))
    check_resume(train, "a search", bool(done))
    made_by = settings(train, options, instances, search)
    for path in done:
        row = read_json(path)
        if differing := difference(row["made_by"], made_by):
            raise ValueError(f"{path} has {differing}")
        tell(search, row)
    begun, last = time.monotonic(), 0.0
    with processes(partial(play, options=options), options.jobs, 1) as submit:
        while search.generation < options.generations:
            before = time.monotonic() - begun
            if last and before + last > options.deadline:
                break
            number = search.generation
            row = generation(search, drawn(instances, train.seed, number, options), submit)
            tell(search, row)
            write_json(train.out / f"generations/{number:04}.json", row | {"made_by": made_by})
            last = time.monotonic() - begun - before
            on_progress(row | {"generation": number, "seconds": before + last})
        known = {"made_by": made_by, "generations": search.generation}
        write_json(train.out / learned.FILE, known | {"weights": learned.named(search.mean)})
        if not train.eval_seeds:
            return {}
        held_out = [instances.draw(HELD_OUT + place) for place in range(train.eval_seeds)]
        on_comparison(train.eval_seeds)
        scores = compare(search.mean, held_out, instances.labels, submit)
    write_json(train.out / "result.json", scores)
    return scores


def settings(
    train: TrainOptions, options: EvolutionOptions, instances: InstanceSet, search: CMA
) -> dict[str, Any]:
    """What decides what a generation does; the search has none behind it."""
    return {
        **{name: getattr(options, name) for name in ("population", "episodes", "sigma")},
        "seed": train.seed,
        "instances": instances.entries,
        "data": digests(instances, options.data),
        "start": learned.named(search.mean),
    }


def digests(instances: InstanceSet, data: str | None) -> dict[str, str]:
    """The digests of the data of each entry, by its label; "" where they are made, not read."""
    found = {}
    for number, label in enumerate(instances.labels):
        learners = (
            make_learner(each.options, Place(folder_of(each.data, data), device="cpu"))
            for each in instances.with_other_data(number)
        )
        read = (learner.digest for learner in learners if isinstance(learner, Sourced))
        found[label] = " ".join(dict.fromkeys(read))
    return found


def drawn(
    instances: InstanceSet, seed: int, number: int, options: EvolutionOptions
) -> list[Instance]:
    """The episodes of a generation; no seed of theirs is held out."""
    first = training_seed(seed * 50_021 + number * options.episodes, options.episodes)
    return [instances.draw(first + place) for place in range(options.episodes)]


def new_search(options: EvolutionOptions, seed: int) -> CMA:
    """The search before its first generation.

    Raises:
        ImportError: there is no CMA-ES.
    """
    try:
        from cmaes import CMA
    except ImportError as error:
        raise ImportError('evolution needs cmaes: pip install "prune_env[evolution]"') from error
    if options.start is not None:
        mean = learned.read_weights(options.start)
    else:
        mean = np.zeros((len(learned.ROWS), len(learned.CONTEXTS)))
        for term, weight in HARDEST_FIRST.items():
            mean[learned.ROWS.index(term), 0] = weight
    return CMA(mean.ravel(), options.sigma, seed=seed, population_size=options.population)


def generation(search: CMA, instances: list[Instance], submit: Submit) -> dict[str, Any]:
    """Let every candidate run every episode, and those of `BESIDE` too; what came out."""
    search.reseed_rng(instances[0].options.seed)  # so that a search that is resumed is the same
    candidates = [search.ask() for _ in range(search.population_size)]
    agents = [("learned", tuple(map(float, each))) for each in candidates]
    agents += [(name, ()) for name in BESIDE]
    running = [[submit(Task(i, name, w)) for i in instances] for name, w in agents]
    scores = [[future.result() for future in row] for row in running]
    of_all = np.array([[s["val_accuracy"] - 1e-6 * s["val_loss"] for s in row] for row in scores])
    return {
        "candidates": [list(weights) for _, weights in agents[: len(candidates)]],
        "accuracy": of_all[: len(candidates)].tolist(),
        "beside": dict(zip(BESIDE, of_all[len(candidates) :].tolist(), strict=True)),
        "entries": [instance.entry for instance in instances],
    }


def tell(search: CMA, row: dict[str, Any]) -> None:
    """Move the search by what a generation has found."""
    worth = mean_ranks(np.array(row["accuracy"]))
    found = zip(row["candidates"], -worth, strict=True)
    search.tell([(np.array(weights), float(value)) for weights, value in found])


def mean_ranks(accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P,) of P candidates in E episodes, (P, E): the mean rank of each, the best the highest."""
    from scipy.stats import rankdata  # takes a second to import

    return rankdata(accuracy, axis=0).mean(axis=1)


# -- one episode ----------------------------------------------------------------------------------


def play(task: Task, options: EvolutionOptions) -> Score:
    """Run an episode in this process; accuracies in [0, 1], losses in nats."""
    run = task.instance.options
    given = {"weights": task.weights} if task.weights else {}
    agent = prune_agents.make_for_run(task.agent, run.keep_ratio, run.seed, **given)
    rounds = run.epochs or 10**6
    maker = task.agent if agent.env_options(1) else "random_dynamic"  # who may share one
    described = vars(replace(run, agent=maker, seed=0, evaluate_every=rounds))
    env = environment(
        json.dumps(described), task.instance.data, options.data, options.device, task.test
    )
    last = last_info(agent, env, run.seed)
    return {n: float(last[n]) for n in ("val_accuracy", "val_loss", "test_accuracy") if n in last}


@lru_cache(maxsize=8)
def environment(
    described: str, folder: str | None, data: str | None, device: str, test: bool
) -> PruneEnv:
    """The environment of a run, whose options are given as JSON; those of before are kept."""
    run = RunOptions(**json.loads(described))
    place = Place(data=folder_of(folder, data), device=device)
    agent = prune_agents.make_for_run(run.agent, run.keep_ratio)
    return make_env(run, place, agent, signals=FREE, test=test)


def folder_of(folder: str | None, data: str | None) -> str | None:
    """Where the data of an instance are: its folder in that of `--data`, None where it names none.

    As a whole path, so that it names nothing on the hub.
    """
    return None if folder is None else str(Path(data or ".").absolute() / folder)


# -- against others -------------------------------------------------------------------------------


def compare(
    weights: NDArray[np.float64], instances: list[Instance], labels: list[str], submit: Submit
) -> dict[str, Any]:
    """`learned` and others on held-out instances: how far it is ahead, by kind of instance.

    Args:
        weights: of `learned`.
        instances: one episode each.
        labels: what the entries of their set are called.
        submit: begins an episode sometime soon.

    Returns:
        By "all" and by label: `n`; `accuracy` on the test split by agent, %; and `ahead` by agent,
        points paired by seed: the mean, the ends of its 95 % interval and its certain sign or 0.
    """
    agents = {name: () for name in (*CONTROLS, *BEST)} | {"learned": tuple(map(float, weights))}
    running = {
        name: [submit(Task(i, name, given, test=True)) for i in instances]
        for name, given in agents.items()
    }
    found = {
        name: np.array([100 * future.result()["test_accuracy"] for future in row])
        for name, row in running.items()
    }
    entries = np.array([instance.entry for instance in instances])
    groups = {"all": entries >= 0} | {labels[e]: entries == e for e in np.unique(entries)}
    return {
        "n": {label: int(chosen.sum()) for label, chosen in groups.items()},
        "accuracy": {
            label: {name: float(of[chosen].mean()) for name, of in found.items()}
            for label, chosen in groups.items()
        },
        "ahead": {label: _ahead(found, chosen) for label, chosen in groups.items()},
    }


def _ahead(
    found: dict[str, NDArray[np.float64]], chosen: NDArray[np.bool_]
) -> dict[str, list[float | int | None]]:
    """How far `learned` is ahead of each other agent in the chosen episodes."""
    others = [name for name in found if name != "learned"]
    leads = [mean_of(found["learned"][chosen] - found[name][chosen]) for name in others]
    signs = certain_signs(leads)
    return {
        name: [lead.value, lead.low, lead.high, sign]
        for name, lead, sign in zip(others, leads, signs, strict=True)
    }
