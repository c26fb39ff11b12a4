"""Features, and norms of per-sample gradients against autograd, one sample at a time."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from prune_env.learners.network.per_sample import (
    all_layer_norms,
    features,
    last_layer_norms,
    last_linear,
    projection,
)
from prune_env.networks.mlp import Mlp
from prune_env.networks.whitened import WhitenedNet, whitening_filters

IMAGES = torch.randn(6, 3, 12, 12, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 3, 0, 1])


def models():
    torch.manual_seed(0)
    small = WhitenedNet(whitening_filters(IMAGES), 4, (24, 64, 128)).to(
        memory_format=torch.channels_last
    )
    return {"mlp": Mlp(3 * 12 * 12, 4, width=8), "small": small}


def one_by_one(model, parameters):
    norms = []
    for image, label in zip(IMAGES, LABELS, strict=True):
        loss = F.cross_entropy(model(image[None]), label[None])
        gradients = torch.autograd.grad(loss, parameters)
        norms.append(sum(float(g.square().sum()) for g in gradients) ** 0.5)
    return norms


@pytest.mark.parametrize("name", ["mlp", "small"])
def test_all_layers(name):
    model = models()[name].eval()
    trained = [p for p in model.parameters() if p.requires_grad]
    norms = all_layer_norms(model, IMAGES, LABELS)
    np.testing.assert_allclose(norms.numpy(), one_by_one(model, trained), rtol=1e-4)


@pytest.mark.parametrize("name", ["mlp", "small"])
def test_last_layer_with_and_without_a_bias_and_a_scale_behind_it(name):
    model = models()[name].eval()
    last = model.layers[-1] if name == "mlp" else model.head
    assert model.get_submodule(last_linear(model, IMAGES)) is last
    norms = last_layer_norms(model, IMAGES, LABELS, last)
    assert not norms.requires_grad
    np.testing.assert_allclose(norms.numpy(), one_by_one(model, list(last.parameters())), rtol=1e-4)


def test_last_layer_is_error_norm_times_feature_norm():
    """The closed form for logits W h + b: ||p - onehot(y)|| sqrt(||h||^2 + 1)."""
    model = models()["mlp"].eval()
    with torch.no_grad():
        inputs = model.layers[:-1](IMAGES)
        p = model(IMAGES).softmax(dim=1)
    error = (p - F.one_hot(LABELS, 4)).norm(dim=1)
    expected = error * (inputs.square().sum(dim=1) + 1).sqrt()
    norms = last_layer_norms(model, IMAGES, LABELS, model.layers[-1])
    torch.testing.assert_close(norms, expected)


def test_features_are_what_goes_into_the_last_layer():
    model = models()["mlp"].eval()
    found = features(model, IMAGES, model.layers[-1])
    assert found.shape == (6, 8)
    torch.testing.assert_close(model.layers[-1](found), model(IMAGES))
    assert not found.requires_grad


def test_nothing_is_left_behind():
    model = models()["mlp"].eval()
    before = model(IMAGES)
    last = model.get_submodule(last_linear(model, IMAGES))
    last_layer_norms(model, IMAGES, LABELS, last)
    all_layer_norms(model, IMAGES, LABELS)
    features(model, IMAGES, last)
    torch.testing.assert_close(model(IMAGES), before)
    assert all(p.grad is None for p in model.parameters())
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        last_linear(model, IMAGES[:, :1])
    assert not any(module._forward_hooks for module in model.modules())


def test_a_network_without_a_linear_layer():
    model = nn.Sequential(nn.Conv2d(3, 4, 12), nn.Flatten())
    with pytest.raises(ValueError, match="Sequential has no linear layer"):
        last_linear(model, IMAGES)


class Tokens(nn.Module):
    """A last layer for each of several tokens, whose logits are averaged."""

    def __init__(self, classes=4):
        super().__init__()
        self.head = nn.Linear(12, classes)

    def forward(self, images):
        return self.head(images.flatten(2).transpose(1, 2).reshape(len(images), -1, 12)).mean(1)


def test_a_last_layer_of_tokens_has_no_features():
    with pytest.raises(ValueError, match="gives its last linear layer head inputs of 3 dimensions"):
        last_linear(Tokens(), IMAGES)


class Several(nn.Module):
    """Linear layers in an order that is not that of the forward pass, of one width and height."""

    def __init__(self, scale=1.0):
        super().__init__()
        torch.manual_seed(0)
        self.head, self.scale = nn.Linear(4, 4), scale
        self.trunk, self.rotation, self.unused = nn.Linear(432, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.dropout, self.norm = nn.Dropout(), nn.BatchNorm1d(4)

    def forward(self, images):
        hidden = self.norm(self.dropout(torch.tanh(self.trunk(images.flatten(1)))))
        logits = self.head(hidden)
        self.other = self.rotation(hidden) if self.scale == 1 else None
        return logits if self.scale == 1 else logits * self.scale


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_last_layer_is_the_one_that_makes_the_logits(scale):
    """Or where they are none's output, the last that is called."""
    model = Several(scale)
    modes = [module.training for module in model.modules()]
    drawn = torch.random.get_rng_state()
    assert last_linear(model, IMAGES[:1]) == "head"
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert model.norm.num_batches_tracked == 0
    assert [module.training for module in model.modules()] == modes
    head = list(model.eval().head.parameters())
    norms = last_layer_norms(model, IMAGES, LABELS, model.head)
    np.testing.assert_allclose(norms.numpy(), one_by_one(model, head), rtol=1e-4)


def test_narrow_features_stay_and_wide_ones_keep_their_distances():
    cpu = torch.device("cpu")
    assert projection(256, cpu) is None
    axes = projection(1024, cpu)
    assert axes is not None
    assert (axes.shape, axes.dtype) == ((1024, 256), torch.float32)
    torch.testing.assert_close(axes.T @ axes, 4 * torch.eye(256), atol=1e-5, rtol=0)
    assert torch.equal(axes, projection(1024, cpu))
    points = torch.randn(50, 1024, generator=torch.Generator().manual_seed(0))
    ratio = torch.pdist(points @ axes).square() / torch.pdist(points).square()
    assert ratio.mean().item() == pytest.approx(1, abs=0.03)
    assert ratio.std().item() == pytest.approx((2 / 256) ** 0.5, rel=0.25)  # 0.088
