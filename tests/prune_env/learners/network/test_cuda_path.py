"""Every network on a CUDA device, without a GPU: devices, types and copies; no values.

A wait for the device costs more than a step of a small network, so the copies are counted: of a
round four to the device (which arms, their weights, crops and flips) and back one table and each
extra, however many batches it has. What fake tensors cannot show is for `make test-gpu`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import pytest
from fake_cuda import Watch, fake_cuda
from torch import Tensor
from torch.utils._pytree import tree_leaves

from prune_env.core.selection import Selection
from prune_env.data.dataset import Dataset, Split
from prune_env.learners.network.learner import NetworkLearner
from prune_env.networks.recipe import BUILT_IN
from prune_env.networks.registry import LIBRARY_RECIPE, RECIPES

OF_EACH_KIND = [name for name in RECIPES if not name.startswith("small_")]
NETWORKS = [*OF_EACH_KIND, "squeezenet1_1", "test_efficientnet"]
"""Other widths are no other code.

The last are of torchvision (dropout, no linear layer) and timm (squeeze and excitation).
"""
OPTIMIZERS = BUILT_IN
QUICK = ("mlp", "small")
EXTRAS = ("features", "reference_loss")


def images_of(num: int) -> Split:
    images = np.random.default_rng(num).integers(0, 256, (num, 32, 32, 3), dtype=np.uint8)
    return Split(images, np.arange(num) % 10)


DATASET = Dataset("noise", tuple("abcdefghij"), images_of(100), images_of(20))
SMALL: dict[str, Any] = {"batch_size": 32, "padding": 2, "flip": True, "lookahead": True}


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest) -> tuple[Any, NetworkLearner]:
    """The memory of a fake device, and a learner on it; one a network, since making it is slow."""
    with fake_cuda() as memory:
        return memory, NetworkLearner(DATASET, request.param, SMALL, device="cuda")


@pytest.fixture
def learner(made: tuple[Any, NetworkLearner]) -> Iterator[NetworkLearner]:
    memory, learner = made
    with fake_cuda(memory):
        yield learner


def begin(
    learner: NetworkLearner, optimizer: str, precision: Literal["fp32", "bf16"], extras: Any
) -> None:
    learner.recipe = learner.recipe.override({"optimizer": optimizer})
    learner.precision = precision
    learner.measure_also(extras)
    learner.reset([1])


def copies(learner: NetworkLearner, do: Callable[[], Any]) -> dict[str, int]:
    """How often something was copied between the devices, and what was computed on the CPU."""
    with Watch(bf16=learner.precision == "bf16") as watch:
        do()
    return dict(watch.copies)


def train(learner: NetworkLearner, arms: Any) -> Any:
    selection = Selection(np.asarray(arms), np.array([len(arms)]))
    return learner.train(selection, np.array([0.0]), np.array([0.5]))


def cases() -> list[tuple[str, str, tuple[str, ...]]]:
    """Every optimizer and precision on the two quickest networks; others get a part of that."""
    quick = [
        (network, optimizer, precision, EXTRAS if (number + place) % 2 else ())
        for network in QUICK
        for number, optimizer in enumerate(OPTIMIZERS)
        for place, precision in enumerate(("fp32", "bf16"))
    ]
    own = {
        name: RECIPES.get(name, LIBRARY_RECIPE).optimizer for name in NETWORKS if name not in QUICK
    }
    plain = [(name, optimizer, "fp32", ()) for name, optimizer in own.items()]
    more = [(name, "adamw", "bf16", EXTRAS) for name in own]
    return sorted([*quick, *plain, *more], key=lambda case: NETWORKS.index(case[0]))


@pytest.mark.parametrize(("made", "optimizer", "precision", "extras"), cases(), indirect=["made"])
def test_a_round_waits_for_the_device_once(learner, optimizer, precision, extras):
    extras = tuple(extra for extra in extras if extra in learner.extras)
    begin(learner, optimizer, precision, extras)
    expected = {"cpu to cuda": 4, "cuda to cpu": 1 + len(extras)}
    assert copies(learner, lambda: train(learner, range(40))) == expected  # two batches
    state = learner.state_dict()
    learner.load_state_dict(state)
    assert copies(learner, lambda: train(learner, [7])) == expected  # evaluation mode
    for where in (state, learner.state_dict(), learner._forward.state_dict(), learner._arm_labels):
        tensors = [leaf for leaf in tree_leaves(where) if isinstance(leaf, Tensor)]
        assert {tensor.device.type for tensor in tensors} == {"cuda"}


@pytest.mark.parametrize(
    ("made", "precision"),
    [(name, ("fp32", "bf16")[place % 2]) for place, name in enumerate(NETWORKS)],
    indirect=["made"],
)
def test_a_pass_without_training_waits_once(learner, precision):
    begin(learner, "sgd", precision, tuple(learner.extras))
    learner._evaluation_batch = 30  # so that there are several

    def expect(to_device: int, to_host: int, do: Callable[[], Any]) -> None:
        expected = {"cpu to cuda": to_device, "cuda to cpu": to_host}
        assert copies(learner, do) == {way: n for way, n in expected.items() if n}

    expect(0, 1, lambda: learner.evaluate("validation"))
    expect(0, 1, lambda: learner.evaluate("test"))
    arms = np.arange(50)
    expect(1, 1 + len(learner.extras), lambda: learner.score(arms))
    expect(1, 1, lambda: learner.images_of(arms[:8]))  # for a frame
    expect(1, 1, lambda: learner.log_probabilities(arms))
    if learner.network in QUICK or "features" not in learner.extras:
        expect(1, 1, lambda: learner.gradient_norms(arms[:2], "all"))
    if "features" in learner.extras:
        expect(1, 1, lambda: learner.features(arms))
        expect(1, 1, lambda: learner.gradient_norms(arms, "last"))


def brighter(inputs: Tensor, uniform: Tensor) -> Tensor:
    return inputs + 0.2 * (uniform[:, 0] - 0.5).view(-1, 1, 1, 1)


def squared(log_p: Tensor, labels: Tensor) -> Tensor:
    return log_p.gather(1, labels[:, None])[:, 0].square()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_images_that_grow_and_code_of_ones_own_wait_no_more(precision):
    """One more copy to the device: the numbers that an augmentation is random by."""
    recipe = SMALL | {"image_sizes": [0.75, 1.0], "augment": brighter}
    recipe |= {"loss": squared, "label_smoothing": 0.0}
    with fake_cuda():
        learner = NetworkLearner(DATASET, "cpu90", recipe, device="cuda")
        begin(learner, "muon", precision, EXTRAS)
        sides: list[int] = []
        learner._model.register_forward_pre_hook(lambda _, args: sides.append(args[0].shape[2]))
        every = Selection(np.arange(60), np.array([60]))
        found = copies(learner, lambda: learner.train(every, np.array([0.2]), np.array([0.8])))
    assert found == {"cpu to cuda": 5, "cuda to cpu": 3}
    assert sides == [24, 32]
