"""What `gym.make` calls: one function for each kind of environment.

They import what they need when they are called, so that importing `prune_env` stays cheap.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import fields
from inspect import getfullargspec
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

from prune_env.checks import In, check_argument
from prune_env.env import PruneEnv
from prune_env.lookup import Function
from prune_env.vector import PruneVectorEnv

if TYPE_CHECKING:
    from prune_env.core.rounds import RoundOptions

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
    network: Function | None = None,
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
        network: a name, or a function of one's own or its import path, see docs/networks.md; None
            picks one by image size and device.
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
    from prune_env.core.rounds import refuse_validation
    from prune_env.data import limited, load
    from prune_env.data.dirty import Dirt
    from prune_env.learners.network.device import find_device, precision_on
    from prune_env.learners.network.learner import NetworkLearner

    # what can be wrong without the data is found before they are read
    of_rounds = _of_rounds(options, network_env)
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
    learner = NetworkLearner(
        limited(images, limit),
        network=network,
        recipe=recipe,
        device=device,
        num_validation=num_validation,
        dirt=dirt,
    )
    return PruneEnv(learner, epochs=learner.recipe.epochs if epochs is None else epochs, **options)


def _of_rounds(options: dict[str, Any], *makers: Callable[..., Any]) -> RoundOptions:
    """Those of the options that neither the functions that make the environment nor its face take.

    Raises:
        TypeError: one that nobody takes; says which there are.
        ValueError: a value that is not allowed, or a field of the recipe.
    """
    from prune_env.networks import Recipe

    for field in fields(Recipe):
        if field.name in options and field.name != "epochs":
            raise ValueError(
                f"{field.name} is a field of the recipe; pass recipe={{{field.name!r}: ...}}"
            )
    named = [name for maker in makers for name in getfullargspec(maker).args]
    return _checked(options, named)


def _checked(options: dict[str, Any], named: list[str]) -> RoundOptions:
    """Those of the options that are neither named nor of the face."""
    from prune_env.core.rounds import RoundOptions

    others = list(dict.fromkeys((*named, *OF_THE_FACE)))
    rest = {name: value for name, value in options.items() if name not in others}
    return RoundOptions.of(rest, others)


@renders
def arrays_env(
    data: Any = None,
    text_column: str = "text",
    label_column: str = "label",
    tokenizer: Function = "words",
    length: int = 64,
    device: str = "auto",
    **options: Any,
) -> PruneEnv:
    """Train a network on any inputs: `prune_env/Arrays-v0`; see docs/own_data.md.

    Args:
        data: arrays, an .npz or a folder of parquet files, see `prune_env.data.inputs.load_arrays`;
            None: the variable PRUNE_ENV_DATA.
        text_column: the column of texts.
        label_column: the column of labels.
        tokenizer: "words", or a function of one's own or its import path.
        length: tokens of a text that "words" reads.
        device: "auto", "cpu", "cuda", "cuda:1" ...
        options: what `network_env` takes.
    """
    from prune_env.data.inputs import load_arrays

    _of_rounds(options, arrays_env, network_env)
    data = os.environ.get("PRUNE_ENV_DATA") if data is None else data
    found = load_arrays(data, text_column, label_column, tokenizer, length)
    return network_env("images", found, device=device, **options)


@renders
def rung_env(learner: str, **options: Any) -> PruneEnv:
    """A cheap stand-in for a network: `prune_env/Probe-v0`, `Replay-v0`, `Synthetic-v0`.

    Args:
        learner: "module:Class". The class takes its options, a dataclass, and how many runs.
        options: the fields of that dataclass, and what `PruneEnv` takes. `epochs` are by default
            the rounds of what is replayed.
    """
    return PruneEnv(_rung(learner, 1, options), **options)


def rung_vector_env(num_envs: int, learner: str, **options: Any) -> PruneVectorEnv:
    """The same, `num_envs` of them at once; what `gym.make_vec` calls.

    Raises:
        ValueError: `num_envs` is no number of runs, or an argument is not allowed.
    """
    check_argument("num_envs", num_envs, Annotated[int, In("[1, inf)")])
    return PruneVectorEnv(_rung(learner, num_envs, options), **options)


def _rung(learner: str, num_runs: int, options: dict[str, Any]) -> Any:
    """A learner of its own options, which are taken out of `options`."""
    module, _, name = learner.partition(":")
    kind = getattr(importlib.import_module(module), name)
    taken = get_type_hints(kind.__init__)["options"]
    names = [field.name for field in fields(taken)]
    _checked(options, names)
    own = {name: options.pop(name) for name in names if name in options}
    made = kind(taken(**own), num_runs)
    if hasattr(made, "num_rounds"):
        options.setdefault("epochs", made.num_rounds)
    return made
