"""Rival explanations of hardest-first's lead: treatments worked by hand, and runs on digits."""

import io
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from prune_bench.run.episode import Episode
from prune_bench.run.options import Place, RunOptions
from prune_bench.studies.rivals import (
    HardestInPart,
    RandomOfItsClasses,
    RivalsOptions,
    compared,
    rivals,
    run_and_test,
    table,
)
from rich.console import Console

LOSS = np.array([4, 3, 2, 1, 0.4, 0.3, 0.2, 0.1], np.float32)
ALL_SEEN = {"seen": np.ones(8, np.float32), "loss": LOSS}
ONE_THREAD = Place(threads=1)


def chosen(agent, **more):
    """The arms that the agent keeps after it has seen all losses, in 40 draws: (40, 8) bool."""
    return np.array(
        [agent(keep_ratio=0.5, seed=seed).predict(ALL_SEEN | more)[0] for seed in range(40)], bool
    )


@pytest.mark.parametrize(
    ("part", "progress", "hardest"),
    [
        ({"since": 0.75}, 0.7, False),
        ({"since": 0.75}, 0.75, True),
        ({"since": 0.75}, 0.9, True),
        ({"until": 0.75}, 0.0, True),
        ({"until": 0.75}, 0.7, True),
        ({"until": 0.75}, 0.75, False),
    ],
)
def test_hardest_in_one_part_of_the_run_and_random_in_the_rest(part, progress, hardest):
    agent = partial(HardestInPart, **part)
    kept = chosen(agent, progress=np.array([progress], np.float32))
    assert (kept.sum(axis=1) == 4).all()
    share = kept[:, 4:].mean()
    assert share == 0 if hardest else 0.3 < share < 0.7


def test_random_of_its_classes_keeps_as_many_of_a_class_as_the_hardest_would_be():
    """The hardest four are three of class 0 and one of class 1, whatever the losses inside."""
    label = np.array([0, 0, 0, 1, 0, 1, 1, 1], np.float32)
    kept = chosen(RandomOfItsClasses, label=label)
    assert (kept[:, label == 0].sum(axis=1) == 3).all()
    assert (kept[:, label == 1].sum(axis=1) == 1).all()
    share = kept.mean(axis=0)
    assert (np.abs(share[label == 0] - 3 / 4) < 0.25).all()
    assert (np.abs(share[label == 1] - 1 / 4) < 0.25).all()


class OwnNorm(torch.nn.Sequential):
    """Pixels to classes through one BatchNorm."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__(
            torch.nn.Flatten(), torch.nn.BatchNorm1d(features), torch.nn.Linear(features, classes)
        )


def make(inputs: torch.Tensor, num_classes: int) -> torch.nn.Module:
    return OwnNorm(inputs[0].numel(), num_classes)


def test_batchnorm_is_taken_again_on_arms_drawn_at_random():
    """With 150 arms on all of them: mean and variance, averaged over batches, by hand."""
    options = RunOptions(limit=200, epochs=2, agent="uncertainty")
    episode = Episode(options, ONE_THREAD, network=make)
    found = run_and_test(episode)
    assert set(found) == {"test", "retaken"}
    learner = episode.env.learner
    norm = learner.state_dict()["model"]
    order = np.random.default_rng(0).permutation(learner.num_arms)
    parts = torch.from_numpy(order).split(learner.recipe.batch_size)
    pixels = [learner.arm_inputs.plain(part).flatten(1) for part in parts]
    mean = torch.stack([part.mean(dim=0) for part in pixels]).mean(dim=0)
    var = torch.stack([part.var(dim=0) for part in pixels]).mean(dim=0)
    assert torch.allclose(norm["1.running_mean"], mean, atol=1e-6)
    assert torch.allclose(norm["1.running_var"], var, atol=1e-6)
    assert found["retaken"] == learner.evaluate("test").accuracy[0]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Three treatments on a few digits, two seeds."""
    out = tmp_path_factory.mktemp("rivals") / "rivals.json"
    run = RunOptions(limit=300, epochs=4, env_kwargs={"num_validation": 0})
    names = ("full_short", "uncertainty", "hardest in the last quarter")
    return RivalsOptions(run, seeds=2, treatments=names, place=ONE_THREAD, out=out)


def test_a_run_that_is_in_the_file_is_not_made_again(small):
    made = []
    found = rivals(small, lambda name, seed: made.append((name, seed)))
    assert made == [(name, seed) for seed in range(2) for name in small.treatments]
    assert rivals(small, lambda name, seed: made.append((name, seed))) == found
    assert len(made) == 6
    console = Console(file=io.StringIO(), width=100)
    console.print(table(found))
    text = console.file.getvalue()
    assert "BatchNorm" not in text  # an MLP has none
    short, hard = (np.mean([of["test"] for of in found[n].values()]) for n in small.treatments[:2])
    assert f"{100 * hard:.2f}" in text
    assert f"{100 * (hard - short):+.2f} ±" in text
    assert compared({"uncertainty": {"0": {"test": 0.5}}})[1] == ["uncertainty", "1", "50.00", ""]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"rate": 2.0}, "rate 1.5; now it is 2.0"),
        ({"run": RunOptions(limit=300, epochs=4)}, "env_kwargs {'num_validation': 0}; now it is"),
        ({"run": RunOptions(limit=300)}, "epochs 4; now it is"),
    ],
)
def test_runs_of_other_options_are_never_mixed_into_a_file(small, other, said):
    rivals(small)
    written = small.out.read_bytes()
    with pytest.raises(ValueError, match=f"rivals.json has {re.escape(said)}"):
        rivals(replace(small, **other))
    assert small.out.read_bytes() == written
    rivals(replace(small, run=replace(small.run, agent="easiest", seed=7)))  # decide nothing
    assert small.out.read_bytes() == written


def test_a_treatment_that_does_not_exist(small):
    with pytest.raises(ValueError, match="unknown treatment 'hardest'"):
        rivals(RivalsOptions(small.run, treatments=("hardest",)))


def test_results_of_other_data_are_refused(tmp_path):
    """Data that is not known by its name lies in a file, which is part of the place."""
    for name, seed in (("a", 0), ("b", 1)):
        rng = np.random.default_rng(seed)
        arrays = {"inputs": rng.normal(size=(60, 3)), "labels": np.arange(60) % 2}
        train, test = ({f"{n}_{k}": v for k, v in arrays.items()} for n in ("train", "test"))
        np.savez(tmp_path / f"{name}.npz", **train, **test)
    options = RivalsOptions(
        RunOptions(env="prune_env/Arrays-v0", epochs=2),
        seeds=2,
        treatments=("full_short",),
        place=Place(data=str(tmp_path / "a.npz"), threads=1),
        out=tmp_path / "found.json",
    )
    rivals(options)
    other = replace(options, place=Place(data=str(tmp_path / "b.npz"), threads=1))
    with pytest.raises(ValueError, match=r"found.json has .*provenance"):
        rivals(other)
