"""Networks by name, their recipes, and the whitened stem."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from prune_env import networks
from prune_env.networks import library, whitened
from prune_env.networks.whitened import WhitenedNet, whitening_filters


def sample(channels: int = 3, size: int = 16) -> torch.Tensor:
    """(20, C, size, size) smooth images, whose neighbouring pixels are correlated."""
    noise = torch.randn(20, channels, size, size, generator=torch.Generator().manual_seed(0))
    return noise.cumsum(2).cumsum(3) / size + noise


@pytest.mark.parametrize("block", [1 << 25, 7 * 3 * 16 * 16 * 4])
def test_the_stem_whitens(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of large images seven at a time, and six that are left."""
    monkeypatch.setattr(whitened, "BLOCK", block)
    images = sample()
    filters = whitening_filters(images)
    assert filters.shape == (12, 3, 2, 2)
    responses = torch.nn.functional.conv2d(images, filters).transpose(0, 1).flatten(1)
    second_moment = responses @ responses.T / responses.shape[1]
    torch.testing.assert_close(second_moment, torch.eye(12), atol=0.05, rtol=0)


@pytest.mark.parametrize(("name", "scale"), [("small_quarter", 1 / 4), ("small_double", 2)])
def test_other_widths_of_small(name: str, scale: float) -> None:
    """Each block is so many times as wide; the recipe is the same."""
    model = networks.factory(name, sample(), 10)()
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert [n.num_features for n in norms] == [scale * w for w in (24, 24, 64, 64, 128, 128)]
    assert networks.recipe(name) == networks.recipe("small")


@pytest.mark.parametrize(
    ("name", "channels", "size"),
    [
        ("mlp", 1, 8),
        ("small", 3, 16),
        ("small", 1, 9),
        ("airbench94", 3, 32),
        ("resnet18", 3, 16),
        ("resnet18", 1, 16),
        ("mobilenet_v3_small", 3, 32),
        ("mobilenet_v3_small", 1, 32),
    ],
)
def test_every_network_gives_one_logit_a_class(name: str, channels: int, size: int) -> None:
    images = sample(channels, size)
    network = networks.factory(name, images, num_classes=7)()
    logits = network(images[:4])
    assert logits.shape == (4, 7)
    logits.sum().backward()
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)


def test_the_stem_is_frozen_and_vectors_have_their_own_learning_rate() -> None:
    network = networks.factory("small", sample(), 10)()
    recipe = networks.Recipe(bias_lr_scale=3.0, weight_decay=0.5)
    matrices, vectors = networks.make_optimizer(network, recipe).param_groups
    assert (matrices["lr_scale"], matrices["weight_decay"]) == (1.0, 0.5)
    assert (vectors["lr_scale"], vectors["weight_decay"]) == (3.0, 0.0)
    optimized = {id(p) for group in (matrices, vectors) for p in group["params"]}
    frozen = {name for name, p in network.named_parameters() if id(p) not in optimized}
    assert "stem.weight" in frozen
    assert len(frozen) == 7  # the rest are the scales of six BatchNorms


def test_the_stem_of_another_network_is_trained_as_a_whole() -> None:
    network = torch.nn.Module()
    network.stem = torch.nn.Conv2d(3, 4, 3)
    groups = networks.make_optimizer(network, networks.Recipe()).param_groups
    assert network.stem.bias.requires_grad
    assert [len(group["params"]) for group in groups] == [1, 1]


@pytest.mark.parametrize(
    ("shape", "device", "name"),
    [
        ((8, 8, 1), "cpu", "mlp"),
        ((8, 8, 1), "cuda", "mlp"),
        ((32, 32, 3), "cpu", "cpu90"),
        ((32, 32, 3), "cuda", "resnet18"),
    ],
)
def test_default_network(shape: tuple[int, int, int], device: str, name: str) -> None:
    assert networks.default_name(shape, torch.device(device)) == name


def test_an_unknown_network_is_refused_with_near_names() -> None:
    with pytest.raises(ValueError, match=r"unknown network 'resnet81' .*did you mean resnet18 or"):
        networks.factory("resnet81", sample(), 10)


def test_without_timm_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'prune_env\[models\]'"):
        networks.factory("vit_tiny_patch16_224", sample(), 10)


def test_a_network_of_timm() -> None:
    pytest.importorskip("timm")
    images = sample(channels=1, size=32)
    assert networks.factory("resnet10t", images, 7)()(images).shape == (20, 7)


@pytest.mark.parametrize(("name", "size"), [("small", 8), ("squeezenet1_1", 8)])
def test_images_that_a_network_does_not_take_are_refused(name: str, size: int) -> None:
    with pytest.raises(ValueError, match=rf"'{name}' .*\(3, {size}, {size}\)"):
        networks.factory(name, sample(size=size), 10)


def test_the_learning_rate_rises_then_falls_with_the_fraction_of_the_run() -> None:
    recipe = networks.Recipe(peak_lr=2.0, warmup=0.25, final_lr=0.1)
    rates = [recipe.lr(fraction) for fraction in (0, 0.125, 0.25, 0.625, 1)]
    assert rates == pytest.approx([0, 1.0, 2.0, 1.1, 0.2])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        # halfway a cosine is halfway; a third of the way it has done a quarter
        ("cosine", [0, 1.0, 2.0, 0.2 + 0.75 * 1.8, 1.1, 0.2]),
        ("onecycle", [0.08, 1.04, 2.0, 0.2 + 0.75 * 1.8, 1.1, 0.2]),
    ],
)
def test_cosine_schedules(schedule: Any, expected: list[float]) -> None:
    recipe = networks.Recipe(peak_lr=2.0, warmup=0.25, final_lr=0.1, schedule=schedule)
    rates = [recipe.lr(fraction) for fraction in (0, 0.125, 0.25, 0.5, 0.625, 1)]
    assert rates == pytest.approx(expected)


def test_the_recipe_of_resnet18_is_one_cycle() -> None:
    recipe = networks.recipe("resnet18")
    rates = [recipe.lr(fraction) for fraction in (0, 0.15, 0.3, 0.65, 1)]
    assert rates == pytest.approx([0.004, 0.052, 0.1, 0.05, 0])
    assert (recipe.label_smoothing, recipe.epochs) == (0.1, 200)


def test_a_network_without_a_whitened_bias_cannot_train_one() -> None:
    recipe = networks.Recipe(stem_share=0.3)
    with pytest.raises(ValueError, match=r"stem_share is 0\.3; WhitenedNet has no .* allows 0"):
        networks.make_optimizer(networks.factory("small", sample(), 10)(), recipe)


def test_single_fields_of_a_recipe_are_overridden() -> None:
    recipe = networks.recipe("small")
    assert recipe.override({"peak_lr": 0.1}).peak_lr == 0.1
    assert recipe.override({"peak_lr": 0.1}).batch_size == recipe.batch_size


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0.1}, "'learning_rate'; allowed are epochs, batch_size"),
        ({"batch_size": 0}, "batch_size is 0; allowed is 1 or more"),
        ({"momentum": 1.0}, "momentum is 1.0; allowed is 0 <= momentum < 1"),
        ({"optimizer": "adam"}, "recipe optimizer is 'adam'; expected 'sgd' or 'adamw' or 'muon'"),
        ({"peak_lr": "high"}, "recipe peak_lr is 'high'; expected float"),
    ],
)
def test_a_wrong_recipe_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        networks.recipe("small").override(changes)


def test_each_optimizer_has_what_the_recipe_says_of_it() -> None:
    model = networks.factory("mlp", sample(), 10)()
    adam = networks.make_optimizer(model, networks.Recipe(optimizer="adamw", momentum=0.8))
    assert adam.defaults["betas"] == (0.8, 0.999)
    sgd = networks.make_optimizer(model, networks.Recipe(rest_lr_scale=3.0))  # that of Muon
    assert [group["lr_scale"] for group in sgd.param_groups] == [1, 1]


def test_the_last_convolution_of_a_block_is_added_to_its_input() -> None:
    filters = whitening_filters(sample())
    torch.manual_seed(0)
    widths, counts = (4, 6, 8), (1, 2, 3)
    net = WhitenedNet(filters, 10, widths, convolutions=counts, residual=True).eval()
    x = torch.relu(net.stem(sample()))
    for block, count in zip(net.blocks, counts, strict=True):
        convolutions = [m for m in block.modules() if isinstance(m, torch.nn.Conv2d)]
        norms = [m for m in block.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        assert len(convolutions) == len(norms) == count
        x = torch.relu(norms[0](torch.nn.functional.max_pool2d(convolutions[0](x), 2)))
        for place in range(1, count):
            y = norms[place](convolutions[place](x))
            x = torch.relu(y + x if place == count - 1 else y)
    torch.testing.assert_close(net(sample()), net.head(x.amax((2, 3))) / 9)
