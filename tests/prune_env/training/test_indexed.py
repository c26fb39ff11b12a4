"""The number of a sample travels with it, whatever a sample is and whoever loads it."""

from __future__ import annotations

from collections import UserDict, namedtuple
from dataclasses import dataclass
from inspect import isfunction, signature
from typing import Any

import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, TensorDataset, dataloader, default_collate

from prune_env.training import Collate, Pruned, Tagged
from prune_env.training.indexed import Indexed, tag, untag

Point = namedtuple("Point", "x y")


@dataclass
class Sample:
    x: torch.Tensor
    y: int


def stack(samples: list[Sample]) -> Sample:
    return Sample(torch.stack([s.x for s in samples]), torch.tensor([s.y for s in samples]))


class Made:
    """Sample i, of a kind, has x = i and y = i % 3."""

    def __init__(self, kind: str, size: int = 12) -> None:
        self.kind, self.targets = kind, [i % 3 for i in range(size)]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, i: int) -> Any:
        x, y = torch.tensor([float(i)]), i % 3
        return {
            "tuple": (x, y),
            "list": [x, y],
            "dict": {"x": x, "y": y},
            "userdict": UserDict(x=x, y=y),
            "namedtuple": Point(x, y),
            "dataclass": Sample(x, y),
            "tensor": x,
        }[self.kind]


KINDS = ("tuple", "list", "dict", "userdict", "namedtuple", "dataclass", "tensor")


def parts(kind: str, batch: Any) -> tuple[Any, Any]:
    """The x and the arms of a batch."""
    if kind in ("tuple", "list"):
        x, _, arms = batch
        return x, arms
    if kind in ("dict", "userdict"):
        return batch["x"], batch["arm"]
    inside, arms = batch
    return (inside if kind == "tensor" else inside.x), arms


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_says_which_samples_it_has(kind):
    pruned = Pruned(Made(kind), epochs=1)
    for collate_fn in (None, Collate(stack if kind == "dataclass" else default_collate)):
        if kind == "dataclass" and collate_fn is None:
            continue  # PyTorch makes no batches of those by itself
        loader = DataLoader(pruned.dataset, 5, sampler=pruned.sampler, collate_fn=collate_fn)
        seen = []
        for batch in loader:
            x, arms = parts(kind, batch)
            assert x[:, 0].tolist() == arms.tolist()
            seen += arms.tolist()
        assert sorted(seen) == list(range(12))


@pytest.mark.parametrize("kind", KINDS)
def test_untag_gives_back_what_tag_was_given(kind):
    sample = Made(kind)[4]
    back, arm = untag(tag(sample, 4))
    assert (type(back), back, arm) == (type(sample), sample, 4)


def test_what_has_neither_places_nor_names_becomes_a_pair():
    assert tag(Point(1, 2), 7) == Tagged(Point(1, 2), 7)
    assert tag((1, 2), 7) == (1, 2, 7)
    assert tag({"x": 1}, 7) == {"x": 1, "arm": 7}
    with pytest.raises(ValueError, match="a sample has an entry 'arm' already"):
        tag({"arm": 1}, 7)


def test_a_data_set_that_reads_many_at_once_is_asked_once():
    class Many(Made):
        asked: list[Any] = []  # noqa: RUF012

        def __getitems__(self, arms):
            self.asked.append(arms)
            return [self[arm] for arm in arms]

    many = Many("tuple")
    assert [arm for *_, arm in Indexed(many).__getitems__([3, 1])] == [3, 1]
    assert many.asked == [[3, 1]]


WAYS = {
    "workers": {"num_workers": 2, "prefetch_factor": 4},
    "persistent": {"num_workers": 2, "persistent_workers": True},
    "spawned": {"num_workers": 1, "multiprocessing_context": "spawn"},
    "any order": {"num_workers": 2, "in_order": False},
}


@pytest.mark.parametrize("way", WAYS)
def test_workers_that_read_ahead_change_nothing(way, linear):
    """Two epochs by workers train the same samples as two without."""
    if "in_order" in WAYS[way] and "in_order" not in signature(DataLoader).parameters:
        pytest.skip("needs in_order of DataLoader, which PyTorch has since 2.6")
    seen = {}
    for how, options in (("here", {}), (way, WAYS[way])):
        model, seen[how] = linear(), []
        pruned = Pruned(Points(), EveryThird(), epochs=2)
        loader = DataLoader(pruned.dataset, 5, sampler=pruned.sampler, **options)
        for _ in range(2):
            seen[how].append(len(loader))
            for inputs, labels, arms in loader:
                pruned.loss(model(inputs), labels, arms)
                seen[how] += sorted(arms.tolist()) if way != "any order" else []
        assert pruned.over
        seen[how] += pruned.course.rounds.arms.pulls.tolist()
    assert seen[way] == seen["here"]


@pytest.mark.filterwarnings("ignore:'pin_memory'")
def test_pinned_memory_and_a_batch_sampler_of_ones_own(linear):
    model, pruned = linear(), Pruned(Points(), EveryThird(), epochs=2)
    batches = BatchSampler(pruned.sampler, 4, drop_last=False)
    loader = DataLoader(pruned.dataset, batch_sampler=batches, pin_memory=True)
    sizes = [
        [
            pruned.loss(model(inputs), labels, arms).ndim or len(arms)
            for inputs, labels, arms in loader
        ]
        for _ in range(2)
    ]
    assert sizes == [[4, 4, 2], [4, 4, 2]]


def test_nothing_of_pytorch_is_replaced(linear):
    """Every function of what loads, samples and schedules is PyTorch's own, in a loop and after."""
    model, pruned = linear(), Pruned(Points(), EveryThird(), epochs=1)
    scheduler = pruned.scheduler(torch.optim.SGD(model.parameters(), 0.1), lambda progress: 1.0)
    for inputs, labels, arms in DataLoader(pruned.dataset, 5, sampler=pruned.sampler):
        pruned.loss(model(inputs), labels, arms)
        kinds = [kind for each in (scheduler, model) for kind in type(each).mro()[:-1]]
        for kind in (*vars(dataloader).values(), *kinds):
            if isinstance(kind, type) and kind.__module__.startswith("torch."):
                for name, function in vars(kind).items():
                    if isfunction(function):
                        assert function.__module__.startswith("torch."), name


class Points:
    """30 points of three classes."""

    targets = [i % 3 for i in range(30)]  # noqa: RUF012

    def __len__(self):
        return 30

    def __getitem__(self, i):
        return torch.tensor([float(i), 1.0]), i % 3


class EveryThird:
    """Keeps every third arm, shifted by one in each epoch."""

    signals = ("pulls",)

    def predict(self, observation, state=None):
        pulls = observation["pulls"].reshape(-1, 3).sum(0)
        return (torch.arange(30) % 3 == int(pulls.argmin())).int().numpy(), None


class Batches(Made):
    """Gives a batch where a list of samples is asked for."""

    def __getitems__(self, arms):
        return torch.zeros(len(arms), 2), torch.zeros(len(arms))


def test_a_data_set_that_gives_batches_is_refused():
    with pytest.raises(ValueError, match="returned 2 entries for 3 samples; expected a list"):
        Indexed(Batches("tuple")).__getitems__([0, 1, 2])


@pytest.mark.parametrize("reverse", [False, True])
def test_a_collate_that_sorts_its_list_has_the_arms_of_its_samples(reverse):
    """As networks do that take sequences by their length."""

    def by_size(samples):
        samples.sort(key=lambda sample: sample[0], reverse=reverse)
        return default_collate(samples)

    pruned = Pruned(TensorDataset(torch.arange(50).flip(0), torch.arange(50) % 3), epochs=1)
    loader = DataLoader(pruned.dataset, 8, sampler=pruned.sampler, collate_fn=Collate(by_size))
    for values, _, arms in loader:
        assert torch.equal(values, 49 - arms)
        assert torch.equal(values, values.sort(descending=reverse).values)


def test_a_collate_that_puts_other_samples_into_its_list_keeps_the_order():
    def padded(samples):
        for place, (value, label) in enumerate(samples):
            samples[place] = (value + 1, label)
        return default_collate(samples)

    pruned = Pruned(TensorDataset(torch.arange(50), torch.arange(50) % 3), epochs=1)
    for values, _, arms in DataLoader(pruned.dataset, 8, collate_fn=Collate(padded)):
        assert torch.equal(values, arms + 1)


@pytest.mark.parametrize("in_place", [True, False])
def test_a_collate_that_leaves_samples_out_does_so_in_place(in_place):
    def whole(samples):
        good = [sample for sample in samples if sample[0] % 5]
        if in_place:
            samples[:] = good
        return default_collate(good)

    pruned = Pruned(TensorDataset(torch.arange(50), torch.arange(50) % 3), epochs=1, quiet=True)
    for values, labels, arms in DataLoader(pruned.dataset, 8, collate_fn=Collate(whole)):
        if in_place:
            assert torch.equal(values, arms)
        else:
            with pytest.raises(
                ValueError, match=r"\(8,\); .* leaves samples out by samples\[:\] ="
            ):
                pruned.loss(torch.zeros(len(values), 3), labels, arms)
            break
