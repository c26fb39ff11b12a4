"""The moving average of a network's weights, by hand."""

import pytest
import torch
from torch import nn

from prune_env.learners.network.weight_average import Lookahead, Reference


def constant(value):
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


def test_it_follows_a_ninth_of_the_run_until_the_decay_is_reached():
    reference = Reference(constant(0.0), decay=0.3)
    seen = []
    for _ in range(4):
        reference.follow(constant(1.0))
        seen.append(reference.model.weight.item())
    # what is left of the 0: d = 2/11, 3/12, then the bound of 0.3 in place of 4/13 and 5/14
    left = [2 / 11, 2 / 11 * 3 / 12, 2 / 11 * 3 / 12 * 0.3, 2 / 11 * 3 / 12 * 0.3**2]
    assert seen == pytest.approx([1 - share for share in left])


def test_it_takes_batch_statistics_but_draws_nothing():
    model = nn.Sequential(nn.BatchNorm1d(1), nn.Dropout(0.5))
    reference = Reference(model, 0.9)
    batch = torch.tensor([[1.0], [3.0]])
    reference.train(True)
    torch.testing.assert_close(
        reference.model(batch), torch.tensor([[-1.0], [1.0]]), atol=1e-4, rtol=0
    )
    reference.train(False)  # running mean 0.1 * 2, running variance 0.9 + 0.1 * 2
    expected = (batch - 0.2) / 1.1**0.5
    torch.testing.assert_close(reference.model(batch), expected, atol=1e-4, rtol=0)
    assert model[0].running_mean.item() == 0


def test_it_is_a_copy_that_is_not_trained():
    model = constant(2.0)
    reference = Reference(model, 0.9)
    nn.init.constant_(model.weight, 5.0)
    assert reference.model.weight.item() == 2
    assert not reference.model.weight.requires_grad
    assert model.weight.requires_grad


def test_a_restored_one_goes_on_the_same():
    first, second = Reference(constant(0.0), 0.99), Reference(constant(7.0), 0.99)
    first.follow(constant(1.0))
    second.load_state_dict(first.state_dict())
    for reference in (first, second):
        reference.follow(constant(2.0))
    assert torch.equal(first.model.weight, second.model.weight)


def test_the_weights_return_every_five_steps_to_what_lags_behind():
    """By hand: a = 0.95^5 (t/T)^3, and BatchNorm's running mean goes along."""
    model = nn.Sequential(constant(0.0), nn.BatchNorm1d(1))
    lookahead = Lookahead(model)
    weight, mean, slow = model[0].weight, model[1].running_mean, 0.0
    for step in range(1, 11):
        with torch.no_grad():
            weight += 1
            mean += 2
        fast = weight.item()
        lookahead.follow(step / 10)
        if step % 5 == 0:
            a = 0.95**5 * (step / 10) ** 3
            slow = a * slow + (1 - a) * fast
            fast = slow
        assert weight.item() == pytest.approx(fast)
        assert mean.item() == pytest.approx(2 * fast)


def test_in_the_end_the_slow_weights_are_the_networks():
    model = constant(0.0)
    lookahead = Lookahead(model)
    nn.init.constant_(model.weight, 3.0)
    lookahead.follow(1.0)  # no fifth step: the slow weights stay
    lookahead.finish()
    assert model.weight.item() == 0
