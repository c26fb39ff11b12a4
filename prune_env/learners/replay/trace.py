"""Traces: what a real run measured of every arm in every round, in one file.

## The format
An .npz file without pickled objects. N arms, T rounds:

| entry | shape and type | meaning |
|---|---|---|
| `loss` | (N, T) float16 | nats, measured in the pass of that round, before the update |
| `confidence` | (N, T) float16 | probability of the label |
| `margin` | (N, T) float16 | that minus the highest other probability |
| `correct` | (N, T) uint8 | 1 where the label was the most probable class |
| `labels` | (N,) int64 | the class of each arm |
| `val_loss`, `val_accuracy` | (T,) float32 | on the validation split, after each round |
| `test_loss`, `test_accuracy` | (T,) float32 | likewise on the test split |
| `positions` | (N,) int64 | where each arm lies, see `Split.rows`; older files have none |
| `num_classes`, `num_validation` | () int64 | C, and how many samples the validation split has |

An arm that was not measured in a round has the values of its last measurement.

```python
env = gym.make("prune_env:prune_env/CIFAR10-v0").unwrapped
record(env, prune_agents.make("full"), "cifar10_trace.npz")  # or `prune-env record`
gym.make("prune_env:prune_env/Replay-v0", trace="cifar10_trace.npz")
```
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from prune_env.data import npz
from prune_env.data.dataset import digest_of
from prune_env.driving import ask
from prune_env.env import PruneEnv
from prune_env.files import patiently, replacing

MOST_CLASSES = 1_000_000
"""Something of this length is made for a trace, so a file cannot ask for more."""

ASSETS = files("prune_env.learners.replay") / "assets"

SHIPPED = ("cifar10", "digits")
"""Traces that come with the package: a full run of the default CPU network of each dataset."""


@dataclass(frozen=True)
class Trace:
    """The arrays of a file; see the module's docstring for shapes and meanings."""

    loss: NDArray[np.float16]
    confidence: NDArray[np.float16]
    margin: NDArray[np.float16]
    correct: NDArray[np.uint8]
    labels: NDArray[np.int64]
    val_loss: NDArray[np.float32]
    val_accuracy: NDArray[np.float32]
    test_loss: NDArray[np.float32]
    test_accuracy: NDArray[np.float32]
    num_classes: int
    num_validation: int
    positions: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.loss.ndim != 2 or self.loss.size == 0:
            raise ValueError(f"loss has shape {self.loss.shape}; expected arms x rounds")
        num_arms, rounds = self.loss.shape
        expected: dict[str, tuple[int, ...]] = {"labels": (num_arms,)}
        expected |= {name: (num_arms, rounds) for name in SIGNALS}
        expected |= {name: (rounds,) for name in METRICS}
        expected |= {"positions": (num_arms,)} if self.positions is not None else {}
        for name, shape in expected.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise ValueError(f"{name} has shape {array.shape}; expected {shape}")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} has values that are NaN or infinite; expected none")
        for name, most in (("num_classes", MOST_CLASSES), ("num_validation", 1 << 40)):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed is 1 to {most:,}")
        if not 0 <= self.labels.min() <= self.labels.max() < self.num_classes:
            raise ValueError(
                f"labels holds {self.labels.min()} to {self.labels.max()}; "
                f"allowed is 0 to {self.num_classes - 1}"
            )

    @property
    def digest(self) -> str:
        """12 hex digits of all that a run on the trace depends on."""
        names = [field.name for field in fields(self) if field.name != "positions"]
        return digest_of(*(np.asarray(getattr(self, name)) for name in names))

    def save(self, path: str | Path) -> None:
        """Write the file."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays = {name: np.asarray(value) for name, value in found.items() if value is not None}
        with replacing(Path(path)) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


METRICS = ("val_loss", "val_accuracy", "test_loss", "test_accuracy")
SIGNALS = ("loss", "confidence", "margin", "correct")
DTYPES = {name: np.uint8 if name == "correct" else np.float16 for name in SIGNALS}


def find_trace(source: str | Path | Trace) -> Trace:
    """A trace by its name in `SHIPPED` or its path.

    Raises:
        ValueError: the file lacks an entry, or shapes do not fit together.
        FileNotFoundError: neither a name nor a file.
    """
    if isinstance(source, Trace):
        return source
    if source in SHIPPED:
        with as_file(ASSETS / f"{source}_trace.npz") as path:
            return _read(path)
    if not Path(source).is_file():
        raise FileNotFoundError(
            f"trace is {str(source)!r}; allowed are {', '.join(SHIPPED)} and an .npz file "
            "written by `prune-env record`"
        )
    return _read(Path(source))


class _Agent(Protocol):
    def predict(self, observation: Any, state: Any = None) -> tuple[Any, Any]: ...


def record(
    env: PruneEnv,
    agent: _Agent,
    path: str | Path,
    seed: int = 0,
    state: Any = None,
    on_round: Callable[[PruneEnv, dict[str, Any]], None] = lambda env, info: None,
) -> Trace:
    """Run an episode and write what was measured of every arm in every round.

    Args:
        env: an environment whose observation has `loss`, `confidence`, `margin` and `correct`, and
            that evaluates every round.
        agent: who chooses; one that keeps all arms ("full") measures all arms in every round.
        path: the file to write.
        seed: of the episode.
        state: what the agent knows before the first round.
        on_round: called with the environment and its info after each round.

    Returns:
        What was written.

    Raises:
        ValueError: the environment does not show what has to be recorded.
    """
    if missing := [name for name in SIGNALS if name not in env.options.signals]:
        raise ValueError(f"the observation has no {', '.join(missing)}; name them in signals=")
    if env.options.evaluate_every != 1:
        raise ValueError(f"evaluate_every is {env.options.evaluate_every}; expected 1")
    if not env.rounds.has_validation:
        raise ValueError(
            "num_validation is 0; a trace has a validation loss, so it needs 1 or more"
        )
    rows: dict[str, list[Any]] = {name: [] for name in (*SIGNALS, *METRICS)}
    observation, _ = env.reset(seed=seed)
    terminated = False
    while not terminated:
        action, state = ask(agent, observation, state, env.learner.num_arms)
        observation, _, terminated, _, info = env.step(action)
        test = env.learner.evaluate("test")
        for name, dtype in DTYPES.items():
            rows[name].append(observation[name].astype(dtype))
        measured = (info["val_loss"], info["val_accuracy"], test.loss[0], test.accuracy[0])
        for name, value in zip(METRICS, measured, strict=True):
            rows[name].append(value)
        on_round(env, info)
    arrays: dict[str, Any] = {name: np.stack(rows[name], axis=1) for name in SIGNALS}
    arrays |= {name: np.array(rows[name], np.float32) for name in METRICS}
    trace = Trace(
        **arrays,
        labels=env.learner.labels,
        num_classes=env.learner.num_classes,
        num_validation=env.learner.num_validation,
        positions=getattr(env.learner, "train_positions", None),
    )
    patiently(partial(trace.save, path))
    return trace


def _read(path: Path) -> Trace:
    there = npz.names(path)
    names = [f.name for f in fields(Trace) if f.name != "positions" or f.name in there]
    arrays: dict[str, Any] = npz.read(path, names)
    try:
        sizes = {name: int(arrays[name]) for name in ("num_classes", "num_validation")}
        return Trace(**(arrays | sizes))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is no trace: {error}") from error
