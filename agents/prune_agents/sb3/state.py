"""The file of a model of Stable-Baselines3, read back whole and without unpickling.

It is SB3's own zip. SB3 reads the tensors of its networks and optimizers by `torch.load(...,
weights_only=True)`; what else a model has learned is restored here: its entropy coefficient, the
weights that ARS perturbs, and its counters, on which schedules, delayed updates and target networks
depend. A checkpoint of a training has the replay buffer in it too, as the entry `replay.pt`.

Not restored, because nothing is learned by them: the episodes under way, a rollout that is half
full, and the returns of past episodes that SB3 logs.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prune_env.files import Damaged, replacing

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

COUNTERS = (
    *("num_timesteps", "_num_timesteps_at_start", "_total_timesteps", "_episode_num"),
    *("_current_progress_remaining", "_n_updates", "_n_calls", "exploration_rate", "old_count"),
)
"""Numbers that a training changes; each algorithm has some of them."""

_REPLAY = "replay.pt"
_MOST_TIMES = 10
"""How many times its size a zip may grow when it is read; SB3 does not compress at all."""


def write(model: BaseAlgorithm, path: Path, replay: bool = False) -> None:
    """Write a model, with its replay buffer if it has one and that is wanted."""
    import torch

    buffer = getattr(model, "replay_buffer", None) if replay else None
    content = io.BytesIO()  # into a file PyTorch raises a RuntimeError when the disk is full
    model.save(content)
    if buffer is not None:
        with (
            zipfile.ZipFile(content, "a") as archive,
            archive.open(_REPLAY, "w", force_zip64=True) as entry,
        ):
            torch.save(_contents(buffer), entry)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def restore(model: BaseAlgorithm, path: Path, replay: bool = False) -> None:
    """Let an untrained model become the one in a file, in place.

    Args:
        model: made from the same preset.
        path: the file.
        replay: restore the replay buffer too, if there is one; False suits predictions only.

    Raises:
        Damaged: the file is not as it was written, or of a model that was made otherwise.
    """
    import torch
    from stable_baselines3.common.save_util import load_from_zip_file

    try:
        with zipfile.ZipFile(path) as archive:
            _check(archive, path)
            counters = json.loads(archive.read("data"))
            _, tensors, variables = load_from_zip_file(str(path), load_data=False, device="cpu")
            if not_finite := list(_not_finite({**tensors, "variables": variables})):
                raise Damaged(
                    f"{path} holds NaN or infinite numbers, by which nothing can be chosen, in "
                    f"{not_finite[0]}; train the agent anew"
                )
            model.set_parameters(tensors, device="cpu")
            _set_variables(model, variables or {})
            _set_counters(model, counters)
            if replay and _REPLAY in archive.namelist():
                with archive.open(_REPLAY) as entry:
                    _refill(model.replay_buffer, torch.load(entry, weights_only=True))  # type: ignore[attr-defined]
    except (OSError, Damaged):
        raise
    except Exception as error:  # torch, zipfile and SB3 raise a dozen kinds for a wrong file
        raise Damaged(f"{path} does not fit its preset: {error}") from error


def _check(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse a zip that is damaged, or that would fill the memory."""
    size = sum(entry.file_size for entry in archive.infolist())
    if size > _MOST_TIMES * path.stat().st_size:
        raise ValueError(f"it grows to {size} bytes")
    if (name := archive.testzip()) is not None:
        raise ValueError(f"it is damaged: the checksum of {name} is wrong")


def _not_finite(tensors: Any, name: str = "") -> Iterator[str]:
    """The names of the tensors with numbers that are none, in nested dicts."""
    import torch

    if isinstance(tensors, Mapping):
        for key, part in tensors.items():
            yield from _not_finite(part, f"{name} {key}".lstrip())
    elif isinstance(tensors, torch.Tensor) and not torch.isfinite(tensors).all():
        yield name


def _set_variables(model: BaseAlgorithm, variables: dict[str, Any]) -> None:
    """Restore the tensors that are in no network and no optimizer; optimizers hold on to them."""
    import torch

    expected = model._get_torch_save_params()[1]
    if set(variables) != set(expected):
        raise ValueError(f"it has the variables {sorted(variables)}; expected {sorted(expected)}")
    for name, value in variables.items():
        own = getattr(model, name)
        if (value is None) != (own is None) or (own is not None and value.shape != own.shape):
            raise ValueError(f"{name} is {value}; expected something like {own}")
        if own is not None:
            own.data.copy_(value.data)
    if isinstance(getattr(model, "weights", None), torch.Tensor):  # of ARS: those of its policy
        flat = torch.nn.utils.parameters_to_vector(model.policy.parameters())
        model.weights = flat.detach()  # type: ignore[attr-defined]


def _set_counters(model: BaseAlgorithm, saved: dict[str, Any]) -> None:
    for name in COUNTERS:
        if hasattr(model, name):
            value, kind = saved.get(name), type(getattr(model, name))
            if not isinstance(value, kind | int) or not math.isfinite(value):
                raise ValueError(f"{name} is {value!r}; expected a number ({kind.__name__})")
            setattr(model, name, value)


def _contents(buffer: Any) -> dict[str, Any]:
    """What a replay buffer holds: the part of its arrays that is filled, and where it stands."""
    import torch

    filled = (
        buffer.buffer_size if buffer.full else buffer.pos + 1
    )  # a next observation may be there
    arrays = {
        name: torch.from_numpy(value[:filled])
        for name, value in vars(buffer).items()
        if isinstance(value, np.ndarray)
    }
    return arrays | {"pos": int(buffer.pos), "full": bool(buffer.full)}


def _refill(buffer: Any, contents: dict[str, Any]) -> None:
    buffer.pos, buffer.full = contents.pop("pos"), contents.pop("full")
    for name, tensor in contents.items():
        getattr(buffer, name)[: len(tensor)] = tensor.numpy()
