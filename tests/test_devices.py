"""Which tests see a GPU: only those that are for one."""

from __future__ import annotations

import os

import torch

from prune_env.learners.network.device import find_device


def test_no_other_test_sees_a_gpu():
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert torch.cuda.device_count() == 0
    assert find_device("auto").type == "cpu"
