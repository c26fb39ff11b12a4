"""One run: an agent chooses what an environment trains on, from reset to the end.

`RunOptions` says all that determines a run; `run` returns what happened as one JSON-able dict.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from dataclasses import asdict, fields, is_dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import prune_agents

from prune_bench.run.arm_scores import ArmScores
from prune_bench.run.evaluation import period
from prune_bench.run.memory import keep_freed_memory
from prune_bench.run.options import USUAL, Place, RunOptions, Settings
from prune_bench.run.provenance import Provenance, commit, describe_learner, describe_place
from prune_bench.run.run_id import run_id
from prune_bench.run.schema import SCHEMA
from prune_bench.run.sources import sources_of
from prune_env import ENVIRONMENTS
from prune_env.driving import ask
from prune_env.env import PruneEnv
from prune_env.lookup import unknown
from prune_env.wrappers.small_ids import base_id

LACKS = {
    "network": "trains no network",
    "recipe": "trains no network",
    "data": "reads no data",
    "limit": "reads no data",
}
"""Why an environment of formulas or of what was recorded takes no such option."""

OF_EVERY_ENV = ("feedback", "refresh", "evaluate_every")
"""Settings that every environment has; the others are named only where they are not as usual."""


def make_env(options: RunOptions, place: Place, agent: Any, **more: Any) -> PruneEnv:
    """The environment of a run, made as its agent wants it.

    Args:
        options: what determines the run.
        place: where it happens.
        agent: who chooses.
        more: further arguments of the environment; `signals` are shown beside those that the
            agent reads.

    Raises:
        ValueError, FileNotFoundError: an argument is not allowed.
    """
    shown = ("seen", *agent.signals, *more.pop("signals", ()))
    # what is as usual goes unnamed: an environment without a network has no option `network`
    usual = Settings().settings()
    wanted = {
        name: value
        for name, value in options.settings().items()
        if name in OF_EVERY_ENV or value != usual[name]
    }
    more = wanted.pop("env_kwargs", {}) | more
    if place.data is not None:
        wanted["data"] = place.data
    if place.device != "auto" and _trains_on_a_device(options.env):
        wanted["device"] = place.device
    wanted |= {
        "signals": tuple(dict.fromkeys(shown)),
        "action": agent.action,
        "reward": "kept_loss",  # built-in agents read no reward, so none has to be paid for
    }
    if wanted["evaluate_every"] == "auto":
        del wanted["evaluate_every"]
    env = _make(options.env, wanted | more)
    if wishes := agent.env_options(env.options.epochs):
        env = _make(options.env, wanted | more | wishes)
    if options.evaluate_every == "auto" and "evaluate_every" not in wishes:
        env.evaluate_every(period(env, agent, options.keep_ratio))
    return env


def _trains_on_a_device(env_id: str) -> bool:
    """Whether an environment can be told its device: formulas and recordings have none."""
    module, _, name = env_id.rpartition(":")
    if module:  # as in gym.make: "module:id" imports the module first
        importlib.import_module(module)
    spec = gym.registry.get(name)
    if spec is None or spec.entry_point is None:
        return True  # `gym.make` says what is wrong
    make = spec.entry_point
    function = gym.envs.registration.load_env_creator(make) if isinstance(make, str) else make
    return "device" in inspect.signature(function).parameters


def _make(env_id: str, wanted: dict[str, Any]) -> PruneEnv:
    if (base := base_id(env_id)) != env_id:
        raise ValueError(
            f"{env_id} has small spaces for Stable-Baselines3 to learn on; run agents on {base}"
        )
    try:
        env = gym.make(env_id, **wanted).unwrapped
    except gym.error.UnregisteredEnv as error:
        ids = [i for i in gym.registry if base_id(i) == i]
        raise ValueError(
            unknown("environment", env_id, ids, "`prune-env envs` lists them")
        ) from error
    except TypeError as error:  # an environment without a network has no option `network`
        if env_id not in ENVIRONMENTS:
            raise ValueError(
                f"{env_id} is no environment of arms, or takes other options than those "
                f"(`prune-env envs` lists what can be run): {error.__context__ or error}"
            ) from error
        said = str(error.__context__ or error)
        strange = re.search(r"unexpected keyword argument '(\w+)'", said)
        if strange and (name := strange[1]) in (*USUAL, "data"):
            why, word = LACKS.get(name, "takes no such option"), name.replace("_", "-")
            raise ValueError(
                f"{env_id} {why}; leave out --{word}, or where a preset sets it: --{word} None"
            ) from error
        raise ValueError(f"{env_id} cannot be made so: {said}") from error
    assert isinstance(env, PruneEnv)
    return env


class Episode:
    """A run round by round, for a caller that wants to stop and go on elsewhere.

    Args:
        options: what determines the run.
        place: where it happens.
        scores: keep what is measured of every arm, as is done anyway where labels are known to be
            wrong; see `arm_scores`.
        more: further arguments of the environment, see `make_env`.

    Raises:
        ValueError, FileNotFoundError: bad options; nothing has been trained then.
    """

    def __init__(
        self, options: RunOptions, place: Place | None = None, scores: bool = False, **more: Any
    ) -> None:
        import torch

        commit()
        keep_freed_memory()
        place = place or Place()
        if place.threads is not None:
            torch.set_num_threads(place.threads)
        self.options, self.place = options, place
        self.agent = prune_agents.make_for_run(
            options.agent, keep_ratio=options.keep_ratio, seed=options.seed, **options.agent_options
        )
        self.env = make_env(options, place, self.agent, **more)
        if place.threads is None and getattr(self.env.learner, "network", None) == "mlp":
            torch.set_num_threads(1)  # two on two busy cores take the digits 50 times as long
        known = getattr(self.env.learner, "true_labels", None) is not None
        self.arm_scores = ArmScores(self.env) if scores or known else None
        self.prior = self.agent.prior(self.env.options.epochs)
        """The prior run that the agent wants, or None."""
        self.prior_cost = {"passes": 0, "seconds": 0.0, "cpu_seconds": 0.0}
        self.observation, _ = self.env.reset(seed=options.seed)
        self.agent_state: Any = None
        self.terminated = False
        self.sources = sources_of(vars(options))
        """Digests of the source of what is one's own, by name."""
        self.history: list[dict[str, Any]] = []
        """One row a round, see `history_row`."""

    @property
    def provenance(self) -> Provenance:
        """What the run comes from, beside its options."""
        place, trained = describe_place(self.env), describe_learner(self.env)
        return Provenance.of(
            vars(self.options),
            trained["data"],
            self.sources,
            place["threads"],
            place["device"],
            trained["precision"],
            place["processes"],
            trained["network"],
        )

    @property
    def test_accuracy(self) -> float:
        """After the last round, in [0, 1]; it is evaluated at the end of a run."""
        return self.history[-1]["test_accuracy"]

    def prepare(self, patient: bool = False) -> None:
        """Do the prior run that the agent wants, or read it from `place.priors`.

        The first `step` calls this; to call it before is for a caller that says what takes so long.

        Args:
            patient: wait for another process that is at it.

        Raises:
            prune_bench.board.claims.Held: another process is at it.
        """
        if self.prior is None or self.agent_state is not None:
            return
        from prune_bench.run.priors import traces_for

        env = self.env
        traces = traces_for(
            env.learner,
            self.prior,
            self.options,
            self.provenance,
            env.options.epochs,
            self.place.priors,
            patient,
        )
        self.prior_cost = {
            "passes": traces.passes,
            "seconds": traces.seconds,
            "cpu_seconds": traces.cpu_seconds,
        }
        self.observation, _ = env.reset(seed=self.options.seed)
        with env.clock("select"):
            self.agent_state = self.agent.begin(traces)

    def step(self) -> dict[str, Any]:
        """Run one round and return its row of the history."""
        self.prepare()
        with self.env.clock("select"):
            action, self.agent_state = ask(
                self.agent, self.observation, self.agent_state, self.env.learner.num_arms
            )
        self.observation, _, self.terminated, _, info = self.env.step(action)
        row = history_row(self.env, info)
        if self.arm_scores:
            row |= self.arm_scores.note(self._scores_now())
        self.history.append(row)
        return row

    def _scores_now(self) -> Any:
        """The scores by which the agent would choose next, where it ranks its arms."""
        scores = getattr(self.agent, "scores_now", None)
        return None if scores is None else scores(self.observation, self.agent_state)

    def result(self) -> dict[str, Any]:
        """What happened, as one JSON-able dict, when the run has terminated."""
        env, last = self.env, self.history[-1]
        return {
            "schema": SCHEMA,
            "options": asdict(self.options) | {"epochs": env.options.epochs},
            "agent_options": plain_options(self.agent),
            "env_options": asdict(env.options),
            "num_arms": env.learner.num_arms,
            "trained": describe_learner(env),
            "sources": self.sources,
            "reads_keep_ratio": bool(getattr(self.agent, "reads_keep_ratio", True)),
            "history": self.history,
            **summary(self.history),
            "prior": None if self.prior is None else asdict(self.prior),
            "passes": {
                "charged": last["passes"] + self.prior_cost["passes"],
                "prior": self.prior_cost["passes"],
                "train": last["passes_train"],
                "refresh": last["passes_refresh"],
                "evaluate": last["passes_evaluate"],
            },
            "seconds": env.clock.wall | {"prior": self.prior_cost["seconds"]},
            "cpu_seconds": env.clock.cpu | {"prior": self.prior_cost["cpu_seconds"]},
            "kept": describe_kept(env),
            "place": describe_place(env),
        }

    def identity(self) -> dict[str, Any]:
        """What this run must have in common with its checkpoint; see `checkpoint.Keeper`."""
        from prune_bench.run.checkpoint import circumstances  # PyTorch takes a second to import

        name = run_id(self.options, self.provenance)
        kept = {"arm_scores": True} if self.arm_scores else {}
        return circumstances(self.env.learner) | {"run": name} | kept

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue bit for bit."""
        return {
            "env": self.env.state_dict(),
            "agent": self.agent_state,
            "prior_cost": self.prior_cost,
            "observation": self.observation,
            "terminated": self.terminated,
            "history": list(self.history),
            **({"arm_scores": self.arm_scores.state_dict()} if self.arm_scores else {}),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the `state_dict` of an episode with the same options and provenance."""
        self.env.load_state_dict(state["env"])
        self.agent_state, self.observation = state["agent"], state["observation"]
        self.prior_cost, self.terminated = state["prior_cost"], state["terminated"]
        self.history = list(state["history"])
        if self.arm_scores:
            self.arm_scores.load_state_dict(state["arm_scores"])


def plain_options(agent: Any) -> dict[str, Any]:
    """The options of an agent as a result holds them; what is no JSON is named by its type."""
    given = {f.name: getattr(agent, f.name) for f in fields(agent)} if is_dataclass(agent) else {}
    return json.loads(json.dumps(given, default=lambda value: type(value).__name__))


def run(options: RunOptions, place: Place | None = None) -> dict[str, Any]:
    """Run one episode from its beginning to its end.

    Args:
        options: what determines the run.
        place: where it happens.

    Returns:
        The result, see `SCHEMA`; floats and ints are plain Python.

    Raises:
        ValueError, FileNotFoundError: bad options; nothing has been trained then.
    """
    episode = Episode(options, place)
    while not episode.terminated:
        episode.step()
    return episode.result()


def history_row(env: PruneEnv, info: dict[str, Any]) -> dict[str, Any]:
    """One round of a result: the info, and the test accuracy wherever an evaluation is due.

    Test accuracies before the end are for the reader of a report only; no agent is shown them, and
    the time that they take is in no `seconds`.
    """
    row = dict(info)
    due = env.rounds.ledger.is_due(np.array([row["round"]]))[0] or row["evaluated"]
    del row["evaluated"]
    if due and "test_accuracy" not in row:
        with env.clock("test"):
            test = env.learner.evaluate("test")
        row |= {"test_loss": float(test.loss[0]), "test_accuracy": float(test.accuracy[0])}
    row["seconds"] = sum(env.clock.wall.values()) - env.clock.wall["test"]
    row["cpu_seconds"] = sum(env.clock.cpu.values()) - env.clock.cpu["test"]
    row["seconds_evaluate"] = env.clock.wall["evaluate"]
    row["cpu_seconds_evaluate"] = env.clock.cpu["evaluate"]
    return row


def summary(history: list[dict[str, Any]]) -> dict[str, Any]:
    """Last and best accuracy on the splits. The last decides; the best is for comparison."""
    found: dict[str, Any] = {}
    for name in ("val_accuracy", "test_accuracy"):
        if measured := [row[name] for row in history if name in row]:
            found[name] = {"last": measured[-1], "best": max(measured)}
    return found | {"diverged": history[-1]["diverged"]}


def describe_kept(env: PruneEnv, sample: int = 5_000, groups: int = 10) -> dict[str, list[float]]:
    """What a finished run kept: by class, by how often, by difficulty.

    For the reader of a report: outside the clock, charged to nobody. Difficulty is the loss under
    the final network of up to `sample` arms, evenly spread over the table, so that it costs no
    more than one evaluation.
    """
    labels, pulls = env.learner.labels, env.rounds.arms.pulls[0]
    classes = env.learner.num_classes
    arms = np.unique(np.linspace(0, env.learner.num_arms - 1, sample).astype(np.int64))
    signals = env.learner.score(arms)
    easiest_first = signals.indices[np.argsort(signals.of("loss"))]
    return {
        "arms_by_class": np.bincount(labels, minlength=classes).tolist(),
        "pulls_by_class": np.bincount(labels, pulls, classes).astype(int).tolist(),
        "arms_by_pulls": np.bincount(pulls).tolist(),
        "pulls_by_difficulty": [
            float(pulls[group].mean())
            for group in np.array_split(easiest_first, min(groups, len(arms)))
        ],
    }
