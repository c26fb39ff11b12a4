"""Samples that carry their number: what worker processes read, and how batches are made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch.utils.data import Dataset, IterableDataset

from prune_env.checks import check

ARM = "arm"
"""The entry of a sample that is a mapping, and of a batch of such."""


class Tagged(NamedTuple):
    """A sample that is neither tuple, list nor mapping, or a batch of such, beside its arms."""

    sample: Any
    arm: Any


class Indexed(Dataset[Any]):
    """A map-style data set each of whose samples says which one it is.

    A tuple or list gets its number as one more entry at the end, a mapping as the entry "arm", and
    anything else (a named tuple, a dataclass, a tensor) becomes a pair `Tagged(sample, arm)`.

    Args:
        dataset: what has `__getitem__` and `__len__`.

    Raises:
        ValueError: it has not.
    """

    def __init__(self, dataset: Any) -> None:
        kind = type(dataset)
        named = isinstance(dataset, Mapping) and 0 not in dataset  # splits by name, for example
        has_both = hasattr(kind, "__len__") and hasattr(kind, "__getitem__")
        none = (str, bytes, IterableDataset)  # that inherits a __getitem__ which only raises
        if named or isinstance(dataset, none) or not has_both:
            raise ValueError(
                f"dataset is a {kind.__name__}; expected a map-style data set, which has "
                "len(dataset) and dataset[0]; examples/shards.py does it for an iterable one"
            )
        if isinstance(dataset, tuple) and any(hasattr(part, "shape") for part in dataset):
            raise ValueError(
                f"dataset is a tuple of {len(dataset)} arrays or tensors; expected a data set of "
                "samples, such as TensorDataset(inputs, labels)"
            )
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, arm: int) -> Any:
        return tag(self.dataset[arm], arm)

    def __getitems__(self, arms: Sequence[int]) -> list[Any]:
        """Many samples at once, as a `DataLoader` asks where a data set can."""
        many = getattr(self.dataset, "__getitems__", None)
        samples = many(arms) if many else [self.dataset[arm] for arm in arms]
        if len(samples) != len(arms):
            raise ValueError(
                f"__getitems__ of {type(self.dataset).__name__} returned {len(samples)} entries "
                f"for {len(arms)} samples; expected a list of the samples, not a batch"
            )
        return list(map(tag, samples, arms))


@dataclass(frozen=True)
class Collate:
    """A `collate_fn` of one's own, which sees the samples as they are in the data set.

    ```python
    DataLoader(pruned.dataset, 128, sampler=pruned.sampler, collate_fn=Collate(my_collate))
    ```

    Its batch gets the arms, (B,) int64, where a sample has its number. They are in the order of the
    samples that it was given, so it makes its batch in that order, or sorts that list in place; one
    that leaves samples out takes them out of that list: `samples[:] = [...]`.
    """

    collate_fn: Callable[[list[Any]], Any]

    def __post_init__(self) -> None:
        check(self)

    def __call__(self, samples: Sequence[Any]) -> Any:
        """Make a batch."""
        given, arms = zip(*map(untag, samples), strict=True)
        passed = list(given)
        batch = self.collate_fn(passed)
        arm_of = dict(zip(map(id, given), arms, strict=True))
        if arm_of.keys() >= {id(sample) for sample in passed} and len(arm_of) == len(given):
            arms = tuple(arm_of[id(sample)] for sample in passed)  # sorted or fewer, it may be
        return tag(batch, torch.tensor(arms))


def tag(sample: Any, arm: Any) -> Any:
    """A sample with its number, or a batch with those of its samples; see `Indexed`."""
    if isinstance(sample, MutableMapping):
        if ARM in sample:
            raise ValueError(f"a sample has an entry {ARM!r} already, where its number goes")
        tagged = copy(sample)
        tagged[ARM] = arm
        return tagged
    if type(sample) in (tuple, list):
        return type(sample)((*sample, arm))
    return Tagged(sample, arm)


def untag(sample: Any) -> tuple[Any, Any]:
    """What `tag` was given: the sample and its number."""
    if isinstance(sample, Tagged):
        return sample
    if isinstance(sample, MutableMapping):
        bare = copy(sample)
        return bare, bare.pop(ARM)
    return sample[:-1], sample[-1]
