"""Instance sets: what an agent is trained on is drawn anew for each episode.

An agent that was trained on one setting has learned that setting. An instance set is a YAML file of
distributions; an episode draws one of them, then a value for each of its options:

```yaml
- env: prune_env/Digits-v0
  share: 2                            # drawn twice as often as one without
  epochs: [8, 10, 14]                 # one of a list
  keep_ratio: {from: 0.2, to: 0.5}    # uniform in a range; whole numbers where both ends are
  label_noise: [0, 0, 0.2]
  env_kwargs: {num_validation: 400}   # a plain value
- env: prune_env/Images-v0
  data: cifar10                       # a folder in that of --data
  image_size: 16
  limit: [4000, 8000]
```

Options are those of a run (`prune-env run --help`). A seed decides what is drawn and all that is
random in the episode. Training takes seeds below `HELD_OUT`, evaluation those from there on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from prune_bench.board.pins import data_key
from prune_bench.run.options import RunOptions, Settings
from prune_bench.run.sources import env_names, is_code
from prune_env.checks import In
from prune_env.files import read_yaml
from prune_env.lookup import known

HELD_OUT = 1_000_000
"""Seeds from here on are for evaluation; training begins with small ones."""

OPTIONS = ("env", "keep_ratio", *(option.name for option in fields(Settings)))
"""Options of a run that an instance may name."""

SHARE = In("(0, inf)")


def training_seed(number: int, count: int) -> int:
    """The first of `count` seeds in a row, none of which is held out."""
    return number % (HELD_OUT - count)


@dataclass(frozen=True)
class Instance:
    """What one episode is trained on, whoever chooses."""

    options: RunOptions
    """its agent is to be replaced"""
    data: str | None
    """folder of the data, in that of `--data`"""
    entry: int
    """which of the set's distributions it was drawn from"""


class InstanceSet:
    """Distributions of training runs; see the module docstring.

    Args:
        path: the YAML file.
        trust: whether it may name code of one's own, which is imported.

    Raises:
        ValueError, FileNotFoundError: there is no such file, or an entry of it is not allowed.
    """

    def __init__(self, path: Path, trust: bool = False) -> None:
        self.entries = read_yaml(path)
        if not isinstance(self.entries, list) or not self.entries:
            raise ValueError(f"{path} is no instance set: expected a list of distributions")
        for place, entry in enumerate(self.entries, start=1):
            try:
                _check(entry, trust)
            except (ValueError, TypeError) as error:
                raise ValueError(f"{path}, entry {place}: {error}") from error

    def draw(self, seed: int) -> Instance:
        """The instance of a seed."""
        rng = np.random.default_rng((seed, 17))
        share = np.array([entry.get("share", 1) for entry in self.entries], float)
        place = int(rng.choice(len(share), p=share / share.sum()))
        drawn = _drawn(self.entries[place], rng)
        drawn.pop("share", None)
        data = drawn.pop("data", None)
        return Instance(RunOptions(agent="random_dynamic", seed=seed, **drawn), data, place)

    def with_other_data(self, place: int) -> list[Instance]:
        """Instances of one entry, one of each choice of data that it has."""
        entry = {n: v for n, v in self.entries[place].items() if n not in ("share", "data")}
        runs = {data_key(run): run for run in (RunOptions(**each) for each in _extremes(entry))}
        return [Instance(run, self.entries[place].get("data"), place) for run in runs.values()]

    @property
    def labels(self) -> list[str]:
        """What the entries are called: their positions and what they train on."""
        return [
            f"{place} {entry.get('data', entry['env'])}"
            for place, entry in enumerate(self.entries, start=1)
        ]


def _check(entry: Any, trust: bool) -> None:
    """Refuse an entry with an option, or a value of one, that no run has."""
    if not isinstance(entry, dict) or "env" not in entry:
        raise ValueError(f"it is {entry!r}; expected options of a run, env among them")
    for name in entry:
        known("option of an instance", name, (*OPTIONS, "share", "data"))
    if (share := entry.get("share", 1)) not in SHARE:
        raise ValueError(f"share is {share!r}; allowed is {SHARE.allowed('share')}")
    if not isinstance(data := entry.get("data", ""), str) or (
        Path(data).is_absolute() or ".." in Path(data).parts
    ):
        raise ValueError(f"data is {data!r}; allowed is the name of a folder in that of --data")
    for changed in _extremes({n: v for n, v in entry.items() if n not in ("share", "data")}):
        options = RunOptions(**changed)
        if (code := sorted(filter(is_code, env_names(vars(options))))) and not trust:
            raise ValueError(
                f"it names code that would be imported: {', '.join(code)}; see --trust"
            )


def _extremes(entry: Mapping[str, Any], of: str = "") -> Iterator[dict[str, Any]]:
    """The entry with each value that each of its options can take or lies between, one by one."""
    values = {name: _values(f"{of}{name}", value) for name, value in entry.items()}
    first = {name: found[0] for name, found in values.items()}
    for name, found in values.items():
        for one in found:
            yield first | {name: one}


def _values(name: str, value: Any) -> list[Any]:
    """All that can be drawn of a list or of the entries of a mapping; the ends of a range."""
    if isinstance(value, list):
        if not value:
            raise ValueError(f"{name} is an empty list; name at least one value")
        return [one for each in value for one in _values(name, each)]
    if _is_range(value):
        low, high = value["from"], value["to"]
        if not (isinstance(low, int | float) and isinstance(high, int | float) and low <= high):
            raise ValueError(f"{name} is from {low!r} to {high!r}; expected numbers, low to high")
        return [low, high]
    if isinstance(value, dict) and value:  # env_kwargs, recipe
        return list(_extremes(value, f"{name}: "))
    return [value]


def _is_range(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"from", "to"}


def _drawn(value: Any, rng: np.random.Generator) -> Any:
    """A value of a distribution; of a dict, of each of its entries."""
    if isinstance(value, list):
        return _drawn(value[int(rng.integers(len(value)))], rng)
    if _is_range(value):
        low, high = value["from"], value["to"]
        whole = isinstance(low, int) and isinstance(high, int)
        return int(rng.integers(low, high + 1)) if whole else float(rng.uniform(low, high))
    if isinstance(value, dict):
        return {name: _drawn(inner, rng) for name, inner in value.items()}
    return value
