"""An array is given again only when nobody can read it any more."""

import numpy as np
import pytest
import torch

from prune_env.core.buffers import Buffers


def address(array) -> int:
    return array.__array_interface__["data"][0]


HOLDERS = {
    "a name": lambda array: array,
    "a view": lambda array: array[0],
    "a view of a view": lambda array: array[0].reshape(2, 1)[1:],
    "a tensor": torch.from_numpy,
    "a memory view": memoryview,
    "a dict": lambda array: {"loss": array},
}


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_what_is_held_is_not_given_again(hold):
    buffers = Buffers()
    held = hold(buffers.take("loss", (3, 2)))
    taken = buffers.take("loss", (3, 2))
    first = held["loss"] if isinstance(held, dict) else held
    assert not np.shares_memory(np.asarray(first), taken)


def test_what_nobody_holds_is_given_again():
    buffers = Buffers()
    first = buffers.take("loss", (3, 2))
    place = address(first)
    assert address(buffers.take("loss", (3, 2))) != place
    del first
    assert address(buffers.take("loss", (3, 2))) == place
    assert address(buffers.take("margin", (3, 2))) != place


def test_who_keeps_all_has_all():
    buffers = Buffers()
    kept = []
    for value in range(8):
        kept.append(buffers.take("loss", (2,)))
        kept[-1][:] = value
    assert [array[0] for array in kept] == list(range(8))
