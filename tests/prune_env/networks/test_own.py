"""Networks, optimizers, losses and augmentations of one's own: functions, or import paths."""

from __future__ import annotations

import re
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from prune_env import networks
from prune_env.core.selection import Selection
from prune_env.data import limited, load
from prune_env.learners.network.learner import NetworkLearner


def trained_before(example_inputs: Tensor, num_classes: int) -> nn.Module:
    """A network that comes with its weights: row c of them is c."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(example_inputs[0].numel(), num_classes))
    with torch.no_grad():
        network[1].weight.copy_(
            torch.arange(float(num_classes))[:, None].expand_as(network[1].weight)
        )
    return network


def two_rates(named_parameters: list[tuple[str, nn.Parameter]]) -> torch.optim.Optimizer:
    """Biases learn ten times as fast."""
    groups = [
        {"params": [p], "lr": 0.5 if name.endswith("bias") else 0.05}
        for name, p in named_parameters
    ]
    return torch.optim.SGD(groups, lr=1.0)


def learner(network: Any = trained_before, **recipe: Any) -> NetworkLearner:
    return NetworkLearner(limited(load("digits"), 200), network, recipe, device="cpu")


def test_a_network_of_ones_own_begins_with_the_weights_that_it_comes_with() -> None:
    made = learner()
    assert made.network.endswith("test_own:trained_before")
    assert made.export()["weights"]["1.weight"][:, 0].tolist() == list(range(10))
    assert (made.recipe.flip, made.recipe.padding) == (False, 0)
    everything = Selection(np.arange(made.num_arms), np.array([made.num_arms]))
    made.train(everything, np.array([0.0]), np.array([0.5]))
    changed = made.export()["weights"]["1.weight"]
    made.reset([1])
    assert made.export()["weights"]["1.weight"][:, 0].tolist() == list(range(10))
    assert not torch.equal(changed, made.export()["weights"]["1.weight"])


def test_an_import_path_is_the_function() -> None:
    module = trained_before.__module__
    env = gym.make(
        "prune_env:prune_env/Digits-v0", network=f"{module}:trained_before", limit=200, epochs=1
    )
    assert env.unwrapped.learner.network == f"{module}:trained_before"
    assert "network" in env.spec.to_json()


def test_an_optimizer_of_ones_own_gives_the_peaks_of_its_rates() -> None:
    made = learner(optimizer=two_rates, warmup=0.0, final_lr=0.0, peak_lr=0.7)
    assert made.export()["recipe"]["optimizer"].endswith("test_own:two_rates")
    rates = []
    for fraction in (0.0, 0.5, 1.0):
        networks.set_rates(made._optimizer, made.recipe, fraction)
        rates.append([round(group["lr"], 6) for group in made._optimizer.param_groups])
    assert rates == [[0.05, 0.5], [0.025, 0.25], [0, 0]]


class TakesClasses(nn.Module):
    """Its `forward` takes as many as a function that makes networks does; what makes it not."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()

    def forward(self, images: Any, more: Any = None) -> Any:
        return images


class GivesTwo(nn.Module):
    """As some networks do, it has a second output in training, for a loss of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, images: Any) -> Any:
        logits = self.layers(images)
        return (logits * 0, logits) if self.training else logits


ONE = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("no_such_module:make", "the network 'no_such_module:make' cannot be imported: No module"),
        ("json:nothing", "the network 'json:nothing' cannot be imported: .* 'nothing'"),
        ("prune_env:__version__", "is a str; expected a function"),
        (lambda inputs, classes: "net", "returned a str; expected a torch.nn.Module"),
        (lambda inputs, classes: ONE, "is the same twice; expected a new one each time"),
        (
            lambda inputs, classes: nn.Flatten(),
            r"gives logits of shape \(2, 64\); expected \(2, 10\)",
        ),
        (ONE, r"network is a Sequential; expected a name, or a function from \(example_inputs"),
        (
            lambda inputs: ONE,
            r"is called as network\(example_inputs, num_classes\), but: too many positional",
        ),
        (
            nn.Linear,
            r"Linear' cannot be made of inputs \(\d+, 1, 8, 8\), a tensor, and 10 classes: Type",
        ),
        (
            lambda inputs, classes: nn.Linear(5, 10),
            r"fails on \(2, 1, 8, 8\) float32: RuntimeError: mat1",
        ),
        (
            lambda inputs, classes: nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Softmax(1)),
            "gives probabilities, rows that sum to 1; expected logits: without a softmax",
        ),
        (
            lambda inputs, classes: GivesTwo(),
            r"gives in training mode a tuple; expected logits \(2, 10\), a tensor",
        ),
        (
            lambda inputs, classes: trained_before(inputs, classes).requires_grad_(False),
            "has no parameter that is trained; leave requires_grad of some True",
        ),
        (
            lambda inputs, classes: nn.Sequential(nn.Flatten(), nn.LazyLinear(10)),
            r"has lazy layers, .*; write the sizes, as Linear\(in, out\)",
        ),
        (TakesClasses, r"is called as network\(example_inputs, num_classes\), but: too many pos"),
    ],
)
def test_a_network_that_is_none_is_refused(network: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        learner(network)


def test_an_optimizer_that_is_none_is_refused() -> None:
    message = "two' returned a list; expected a torch.optim.Optimizer"

    def two(named_parameters: Any) -> Any:
        return named_parameters

    with pytest.raises(ValueError, match=re.escape(message)):
        learner(optimizer=two)


def trained(indices: Any = slice(None), seed: int = 0, **recipe: Any) -> NetworkLearner:
    """Two rounds on these arms."""
    made = learner("mlp", **recipe)
    made.reset([seed])
    kept = np.arange(made.num_arms)[indices]
    for number in range(2):
        made.train(
            Selection(kept, np.array([len(kept)])),
            np.array([number / 2]),
            np.array([(number + 1) / 2]),
        )
    return made


def weights(made: NetworkLearner) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in made.export()["weights"].values()])


def cross_entropy(log_p: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(log_p, labels, reduction="none")


def test_cross_entropy_as_a_loss_of_ones_own_is_the_built_in_one() -> None:
    assert torch.allclose(weights(trained(loss=cross_entropy)), weights(trained()), atol=1e-5)


def test_a_loss_of_ones_own_is_trained_on_and_agents_see_the_plain_one() -> None:
    """No loss, no learning."""
    made = trained(loss=lambda log_p, labels: 0 * log_p.sum(1), weight_decay=0.0)
    fresh = learner("mlp")
    fresh.reset([0])
    assert torch.equal(weights(made), weights(fresh))
    assert made.score(np.arange(5)).of("loss").min() > 1


SEEN: dict[bytes, list[Any]] = {}


def remembers(inputs: Tensor, uniform: Tensor) -> Tensor:
    """The numbers of each image by its pixels."""
    for image, numbers in zip(inputs, uniform, strict=True):
        SEEN.setdefault(image.numpy().tobytes(), []).append(numbers.tolist())
    return inputs


def test_what_augments_an_arm_does_not_depend_on_the_others() -> None:
    SEEN.clear()
    assert torch.equal(weights(trained(augment=remembers)), weights(trained()))
    everything = dict(SEEN)
    SEEN.clear()
    trained(slice(0, 20), augment=remembers)
    assert len(SEEN) == 20
    assert all(everything[image] == numbers for image, numbers in SEEN.items())
    first, second = next(iter(SEEN.values()))
    assert len(first) == 8
    assert first != second
    assert 0 <= min(first + second) <= max(first + second) < 1


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"loss": "focal"}, "recipe loss is 'focal'; expected 'cross_entropy' or module:function"),
        ({"augment": "flip"}, "recipe augment is 'flip'; expected None or module:function"),
        (
            {"loss": cross_entropy, "label_smoothing": 0.1},
            "recipe label_smoothing is 0.1; with a loss of one's own only 0 is allowed",
        ),
        ({"loss": lambda log_p, labels: log_p.mean()}, r"has shape \(\); expected \(30,\): one"),
        (
            {"augment": lambda inputs, uniform: inputs[:1]},
            r"gives torch.float32 of shape \(1, 1, 8, 8\); exp",
        ),
        (
            {"augment": lambda inputs, uniform: None},
            r"gives NoneType of shape \(\); expected torch",
        ),
        ({"augment": lambda inputs, uniform: inputs.double()}, "gives torch.float64 of shape"),
        ({"augment": lambda inputs: inputs}, r"is called as augment\(inputs, uniform\), but: too"),
        ({"augment": nn.Dropout()}, r"Dropout' is called as augment\(inputs, uniform\), but: too"),
        ({"loss": lambda outputs: outputs}, r"is called as loss\(log_p, labels\), but: too many"),
        (
            {"optimizer": two_rates, "peak_lr": 0.0},
            "recipe peak_lr is 0; with an optimizer of one's own, .* only above 0 is allowed",
        ),
        ({"optimizer": lambda: None}, r"is called as optimizer\(named_parameters\), but: too many"),
    ],
)
def test_a_loss_or_augmentation_that_is_none_is_refused(recipe: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trained(**recipe)


def test_a_field_of_the_recipe_among_the_options_is_refused() -> None:
    with pytest.raises(ValueError, match=r"pass recipe={.augment.: ...}"):
        gym.make("prune_env:prune_env/Digits-v0", augment=remembers)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("mpl", r"unknown network 'mpl' \(did you mean mlp\?\)"),
        ("resnet18", r"the network 'resnet18' takes images; inputs of shape \(3,\) need 'mlp'"),
        ("small", r"the network 'small' takes images"),
    ],
)
def test_a_network_of_images_takes_no_arrays(network: str, message: str) -> None:
    data = {"inputs": np.arange(60.0).reshape(20, 3), "labels": np.arange(20) % 2}
    with pytest.raises(ValueError, match=message):
        gym.make("prune_env:prune_env/Arrays-v0", data=data, network=network)
