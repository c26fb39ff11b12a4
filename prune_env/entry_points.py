"""What `gym.make` calls: one function for each kind of environment.

They import what they need when they are called, so that importing `prune_env` stays cheap.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

from prune_env.env import PruneEnv
from prune_env.vector import PruneVectorEnv

OF_THE_FACE = ("action", "weight_max", "render_mode")
"""What `PruneEnv` takes beside the fields of `RoundOptions`."""

Maker = TypeVar("Maker", bound=Callable[..., Any])


def renders(maker: Maker) -> Maker:
    """Tell `gym.make` what can be rendered; "human" and "rgb_array_list" it makes of that."""
    maker.metadata = PruneEnv.metadata  # type: ignore[attr-defined]
    return maker


@renders
def network_env(
    dataset: str = "images",
    data: Any = None,
    network: str | None = None,
    recipe: dict[str, Any] | None = None,
    device: str = "auto",
    limit: int | None = None,
    num_validation: int | None = None,
    image_size: int | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    skip_broken: bool = False,
    label_noise: float = 0.0,
    imbalance: float = 1.0,
    epochs: int | None = None,
    **options: Any,
) -> PruneEnv:
    """Train a real network: `prune_env/CIFAR10-v0`, `CIFAR100-v0`, `Digits-v0`, `Images-v0`.

    Args:
        dataset: "cifar10", "cifar100", "digits" or "images" (whatever `data` names).
        data: where the data is: a folder, an .npz, a hub name, a `Dataset` or arrays; see
            `prune_env.data.load`. None: the variable PRUNE_ENV_DATA, else the dataset's default.
        network: a name; None picks one by image size and device, see `prune_env.networks`.
        recipe: fields of the network's `Recipe` to change.
        device: "auto", "cpu", "cuda", "cuda:1" ...
        limit: use only so many training images, and at most as many test images (class-balanced),
            for quick tries.
        num_validation: how many of them to set aside; None: a tenth. With 0 all are trained on,
            and neither signals nor the reward may read validation.
        image_size: resize images that come encoded to a square of so many pixels.
        image_column: the column of images of parquet files, where that is not clear.
        label_column: that of the labels.
        skip_broken: go on without images that cannot be decoded, and say how many they are.
        label_noise: share of the arms that get a wrong label, see `prune_env.data.dirty.Dirt`.
        imbalance: how long a tail of rare classes the arms get, likewise.
        epochs: rounds of an episode; None: the recipe's.
        options: `action`, `weight_max`, `render_mode` and the fields of `RoundOptions`.

    Raises:
        ValueError: an argument is not allowed; the message says what is.
        FileNotFoundError: the data is not there.
    """
    from prune_env import networks
    from prune_env.core.rounds import RoundOptions, refuse_validation
    from prune_env.data import limited, load
    from prune_env.data.dirty import Dirt
    from prune_env.learners.network.device import find_device, precision_on
    from prune_env.learners.network.learner import NetworkLearner

    # what can be wrong without the data is found before they are read
    of_rounds = RoundOptions.of({n: options[n] for n in options if n not in OF_THE_FACE})
    if num_validation == 0:
        refuse_validation(of_rounds)
    dirt = Dirt(label_noise, imbalance)
    found = find_device(device)
    if network is not None:
        precision_on(found, networks.recipe(network).override(recipe or {}).precision)
    if data is None and dataset != "digits":
        data = os.environ.get("PRUNE_ENV_DATA")
    images = load(
        dataset,
        data,
        image_size=image_size,
        image_column=image_column,
        label_column=label_column,
        skip_broken=skip_broken,
    )
    if limit is not None:
        images = limited(images, limit)
    learner = NetworkLearner(
        images,
        network=network,
        recipe=recipe,
        device=device,
        num_validation=num_validation,
        dirt=dirt,
    )
    return PruneEnv(learner, epochs=learner.recipe.epochs if epochs is None else epochs, **options)


@renders
def synthetic_env(**options: Any) -> PruneEnv:
    """Arms of known kinds whose optimum is known: `prune_env/Synthetic-v0`.

    Args:
        options: the fields of `SyntheticOptions`, and what `PruneEnv` takes.
    """
    return PruneEnv(_synthetic_learner(1, options), **options)


def synthetic_vector_env(num_envs: int, **options: Any) -> PruneVectorEnv:
    """The same, `num_envs` of them at once; what `gym.make_vec` calls."""
    return PruneVectorEnv(_synthetic_learner(num_envs, options), **options)


def _synthetic_learner(num_runs: int, options: dict[str, Any]) -> Any:
    """A learner of its own options, which are taken out of `options`."""
    from prune_env.learners.synthetic.learner import SyntheticLearner
    from prune_env.learners.synthetic.options import SyntheticOptions

    return SyntheticLearner(SyntheticOptions(**_take(SyntheticOptions, options)), num_runs)


@renders
def probe_env(**options: Any) -> PruneEnv:
    """Real training of a small head on frozen features: `prune_env/Probe-v0`.

    Args:
        options: the fields of `ProbeOptions`, and what `PruneEnv` takes.
    """
    return PruneEnv(_probe_learner(1, options), **options)


def probe_vector_env(num_envs: int, **options: Any) -> PruneVectorEnv:
    """The same, `num_envs` of them at once; what `gym.make_vec` calls."""
    return PruneVectorEnv(_probe_learner(num_envs, options), **options)


def _probe_learner(num_runs: int, options: dict[str, Any]) -> Any:
    from prune_env.learners.probe.learner import ProbeLearner, ProbeOptions

    return ProbeLearner(ProbeOptions(**_take(ProbeOptions, options)), num_runs)


@renders
def replay_env(**options: Any) -> PruneEnv:
    """A recorded run, played back: `prune_env/Replay-v0`.

    Args:
        options: the fields of `ReplayOptions`, and what `PruneEnv` takes. `epochs` are the rounds
            of the trace if not given.
    """
    learner = _replay_learner(1, options)
    return PruneEnv(learner, **{"epochs": learner.num_rounds} | options)


def replay_vector_env(num_envs: int, **options: Any) -> PruneVectorEnv:
    """The same, `num_envs` of them at once; what `gym.make_vec` calls."""
    learner = _replay_learner(num_envs, options)
    return PruneVectorEnv(learner, **{"epochs": learner.num_rounds} | options)


def _replay_learner(num_runs: int, options: dict[str, Any]) -> Any:
    from prune_env.learners.replay.learner import ReplayLearner, ReplayOptions

    return ReplayLearner(ReplayOptions(**_take(ReplayOptions, options)), num_runs)


def _take(dataclass: type, options: dict[str, Any]) -> dict[str, Any]:
    """Take out of `options` those that are fields of a dataclass."""
    names = [field.name for field in fields(dataclass) if field.name in options]
    return {name: options.pop(name) for name in names}
