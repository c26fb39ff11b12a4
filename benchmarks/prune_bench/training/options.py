"""What to train: options of `prune-env train`, and the presets that they change.

`EvolutionOptions` are of `--algo evolution` alone.

Hyperparameters are in `hyperparams/ALGO.yml`, with the keys of rl-baselines3-zoo, under the id that
they are for; an id that is not there gets what is under `default`. The zoo reads these files too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import tyro
from prune_agents.sb3 import presets
from prune_agents.sb3.presets import ALGORITHMS, Preset

from prune_bench.run.pairs import Pairs
from prune_bench.run.sources import env_names, import_from_here, is_code
from prune_env.checks import In, check
from prune_env.files import read_yaml
from prune_env.lookup import unknown
from prune_env.wrappers.small_ids import plain_id

EVOLUTION = "evolution"
ALGO = (
    f"of Stable-Baselines3 or sb3_contrib: {', '.join(ALGORITHMS)}; or {EVOLUTION}, which searches "
    "for the weights of the agent learned"
)


@dataclass(frozen=True)
class TrainOptions:
    """What to train."""

    env: str = "prune_env/Digits-Scores-v0"
    """registered id; the twins -Scores-v0 and -Rules-v0 suit stock policies"""
    algo: Annotated[str, tyro.conf.arg(help=ALGO)] = "ppo"
    timesteps: Annotated[int, In("[1, inf)")] | None = None
    """rounds to train for; by default the preset's"""
    out: Path = Path("agents/zoo/mine")
    """folder of the agent"""
    preset: Path | None = None
    """YAML file with the keys of rl-baselines3-zoo; by default the one that comes with `algo`"""
    keep_ratio: Annotated[float, In("(0, 1]")] | None = None
    """share of the arms to keep each round; by default the id's, 0.3"""
    env_kwargs: Pairs = field(default_factory=dict)
    """further arguments of the environment, such as epochs=20"""
    hyperparameters: Pairs = field(default_factory=dict)
    """further keys of the preset, such as learning_rate=0.001"""
    seed: Annotated[int, In("[0, inf)")] = 0
    """of the model, and of the first of its environments; from about 1,000,000 on, where those of
    the evaluation begin, they are counted from 0 again"""
    eval_seeds: Annotated[int, In("[0, inf)")] = 20
    """how many held-out seeds the trained agent is compared with the controls on; with 0 it is not
    compared, which evolution alone allows"""
    checkpoint_rounds: Annotated[int, In("[1, inf)")] = 2_000
    """rounds between two checkpoints, each with an evaluation on a few held-out seeds"""
    resume: bool = False
    """go on with what is in `out`, where something has to be"""
    trust: bool = False
    """import an environment or a reward that the file of `preset` names, which runs its code; those
    that are named here are imported anyway"""

    def __post_init__(self) -> None:
        check(self)
        if not self.eval_seeds and self.algo != EVOLUTION:
            raise ValueError(f"eval_seeds is 0; with --algo {self.algo} allowed is 1 or more")


@dataclass(frozen=True)
class EvolutionOptions:
    """How the weights of `learned` are searched for."""

    instances: Path | None = None
    """YAML file of distributions that each episode is drawn from; see docs/learned.md"""
    data: str | None = None
    """folder that holds the folders of data which the instances name"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 ..."""
    jobs: Annotated[int, In("[1, inf)")] = 1
    """processes; each runs one episode at a time, on one thread"""
    generations: Annotated[int, In("[0, inf)")] = 40
    """how many there are in the end; --resume goes on to them"""
    population: Annotated[int, In("[4, inf)")] = 12
    """candidates of a generation"""
    episodes: Annotated[int, In("[1, inf)")] = 8
    """episodes of a generation, which every candidate runs"""
    sigma: Annotated[float, In("(0, inf)")] = 0.3
    """standard deviation of the first generation"""
    start: str | None = None
    """weights to begin with: a folder, of the zoo or by its path; by default highest loss first"""
    deadline: Annotated[float, In("(0, inf]")] = float("inf")
    """seconds after which no generation ends but the first, if each takes as long as the last"""

    def __post_init__(self) -> None:
        check(self)


SHARED = ("algo", "out", "seed", "eval_seeds", "resume", "trust")
"""Of `TrainOptions`: what evolution reads too."""


def check_together(train: TrainOptions, evolution: EvolutionOptions) -> None:
    """Refuse options of evolution for another algorithm, and the other way round.

    Raises:
        ValueError: which are given in vain.
    """
    of_evolution = train.algo == EVOLUTION
    given, usual = (train, TrainOptions()) if of_evolution else (evolution, EvolutionOptions())
    vain = [n for n, v in vars(given).items() if v != getattr(usual, n) and n not in SHARED]
    if vain:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in vain)
        raise ValueError(f"with --algo {train.algo} nothing reads {words}")


def check_resume(options: TrainOptions, what: str, there: bool) -> None:
    """Refuse to begin where something is, and to go on where nothing is: the name may be mistyped.

    Raises:
        ValueError: `resume` does not fit what `out` holds.
    """
    if there and not options.resume:
        raise ValueError(f"{options.out} holds {what} already; --resume goes on with it")
    if options.resume and not there:
        raise ValueError(
            f"{options.out} does not hold {what} to go on with; without --resume one is begun there"
        )


def read_preset(options: TrainOptions) -> Preset:
    """The preset of these options: the file's, with what the options change.

    Raises:
        ValueError, FileNotFoundError: there is no such preset, or it is not allowed.
    """
    if options.algo not in ALGORITHMS:
        raise ValueError(unknown("algo", options.algo, ALGORITHMS))
    source = options.preset or Path(__file__).parent / "hyperparams" / f"{options.algo}.yml"
    listed = read_yaml(source)
    if not isinstance(listed, dict):
        raise ValueError(f"{source} is no preset: expected ids with their hyperparameters")
    env_id = plain_id(options.env)
    chosen = listed.get(env_id, listed.get("default"))
    if not isinstance(chosen, dict):
        ids = ", ".join(map(str, listed))
        raise ValueError(f"{source} has no hyperparameters for {env_id}; it has {ids}")
    try:
        preset = _changed(chosen, options)
    except ValueError as error:
        if options.preset is None:  # ours is right, so it is an option that was typed
            raise
        raise ValueError(f"{source}, {env_id}: {error}") from error
    typed = env_names({"env": options.env, "env_kwargs": options.env_kwargs})
    named = set(filter(is_code, env_names(vars(preset)))) - set(typed)
    if named and not options.trust:
        raise ValueError(
            f"{source} names code that would be imported: {', '.join(sorted(named))}; --trust does "
            "so, for a file of somebody whom you trust"
        )
    if named:
        import_from_here()
    return preset


def _changed(chosen: dict[str, Any], options: TrainOptions) -> Preset:
    """What a file says of an id, with what the options change, checked."""
    named = {"algo": options.algo, "env": options.env}
    preset = Preset.from_dict(named | chosen | options.hyperparameters)
    preset = replace(preset, env_kwargs=preset.env_kwargs | options.env_kwargs)
    if options.timesteps is not None:
        preset = replace(preset, n_timesteps=options.timesteps)
    if options.keep_ratio is not None:
        preset = preset.with_keep_ratio(options.keep_ratio)
    presets.check(preset)
    return preset.resolved()
