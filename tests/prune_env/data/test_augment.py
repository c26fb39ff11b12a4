"""Crops and flips against a slow reference, and what the noise of a round depends on."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import torch

from prune_env.data.augment import ImageStore, channel_statistics, draw_noise, shrunk

CPU = torch.device("cpu")


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 6, 5, 3), dtype=np.uint8)


def test_crops_and_flips_equal_a_slow_reference(images: np.ndarray) -> None:
    mean, std = channel_statistics(images)
    store = ImageStore(images, 2, mean, std, CPU)
    noise = draw_noise(7, 2, True, seed=3, round_index=1)
    assert 0 < noise.flip.sum() < 7
    assert noise.shift.any()
    index = noise.order
    arrays = index, noise.shift[:, index], noise.flip[index]
    batch = store.augmented(*map(torch.from_numpy, arrays))
    assert batch.is_contiguous(memory_format=torch.channels_last)
    store._on_gpu = True  # another kernel does the same there
    again = store.augmented(*map(torch.from_numpy, arrays))
    assert torch.equal(again, batch)
    assert again.stride() == batch.stride()
    for row, arm in zip(batch.numpy(), index, strict=True):
        padded = np.pad(images[arm], ((2, 2), (2, 2), (0, 0)), mode="reflect")
        y, x = noise.shift[:, arm]
        crop = padded[y : y + 6, x : x + 5]
        crop = crop[:, ::-1] if noise.flip[arm] else crop
        expected = ((crop - mean) / std).transpose(2, 0, 1)
        np.testing.assert_allclose(row, expected, atol=1e-5)


def test_plain_images_are_only_normalised(images: np.ndarray) -> None:
    mean, std = np.array([1, 2, 3], np.float32), np.array([2, 4, 8], np.float32)
    store = ImageStore(images, 2, mean, std, CPU)
    expected = ((images[[4, 0]] - mean) / std).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(store.plain(torch.tensor([4, 0])).numpy(), expected, atol=1e-5)


def test_statistics_of_a_constant_channel_leave_it_finite() -> None:
    images = np.zeros((2, 1, 2, 2), np.uint8)
    images[..., 0] = [[0, 4]]
    images[..., 1] = 9
    mean, std = channel_statistics(images)
    assert mean.tolist() == [2, 9]
    assert std.tolist() == [2, 1]


def test_statistics_take_a_part_of_the_memory_of_the_inputs() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 256, (4, 200_000, 20), dtype=np.uint8)
    tracemalloc.start()
    mean, std = channel_statistics(inputs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * inputs.nbytes  # in float64 they would be 8 times as large
    counts = np.apply_along_axis(np.bincount, 0, inputs.reshape(-1, 20))
    exact = (np.arange(256) @ counts) / 800_000
    np.testing.assert_allclose(mean, exact, rtol=1e-6)
    np.testing.assert_allclose(std, np.sqrt(np.arange(256) ** 2 @ counts / 800_000 - exact**2))


def test_noise_is_decided_by_seed_and_round() -> None:
    first, again = draw_noise(50, 2, True, 5, 3), draw_noise(50, 2, True, 5, 3)
    for a, b in zip(vars(first).values(), vars(again).values(), strict=True):
        np.testing.assert_array_equal(a, b)
    for other in (draw_noise(50, 2, True, 6, 3), draw_noise(50, 2, True, 5, 4)):
        assert (first.order != other.order).any()
        assert (first.shift != other.shift).any()
    assert sorted(first.order) == list(range(50))
    assert set(first.shift.ravel()) == {0, 1, 2, 3, 4}


def test_flips_alternate_from_round_to_round() -> None:
    rounds = [draw_noise(50, 2, True, 5, r).flip for r in range(4)]
    assert 10 < rounds[0].sum() < 40
    for before, after in pairwise(rounds):
        np.testing.assert_array_equal(before, ~after)
    assert not draw_noise(50, 2, False, 5, 0).flip.any()


def test_padding_that_does_not_fit_is_refused(images: np.ndarray) -> None:
    mean, std = channel_statistics(images)
    with pytest.raises(ValueError, match="padding is 5; images of 6 x 5 pixels allow 0 to 4"):
        ImageStore(images, 5, mean, std, CPU)


def test_shrunk_images_have_a_share_of_the_side() -> None:
    ramp = torch.arange(32.0).expand(2, 3, 32, 32)  # each row 0, 1, ... 31
    small = shrunk(ramp, 0.75)
    assert small.shape == (2, 3, 24, 24)
    # inside, a smoothed ramp is a ramp: pixel i of 24 lies at 4 / 3 (i + 1/2) - 1/2 of the 32
    expected = 4 / 3 * (torch.arange(3.0, 21) + 0.5) - 0.5
    torch.testing.assert_close(small[0, 0, 5, 3:21], expected, atol=0.05, rtol=0)
    checkers = ((torch.arange(32) + torch.arange(32)[:, None]) % 2).float().expand(1, 1, 32, 32)
    inside = shrunk(checkers, 0.75)[..., 2:-2, 2:-2]
    assert (inside - 0.5).abs().max() < 0.15  # without smoothing single pixels would be picked
