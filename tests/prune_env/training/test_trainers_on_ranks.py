"""Two processes under Accelerate, HuggingFace or Lightning train what one trains."""

from __future__ import annotations

import numpy as np
import pytest
import trainers_on_ranks as trainers
from on_ranks import on_ranks

NEEDS = {"accelerate": "accelerate", "huggingface": "transformers", "lightning": "lightning"}


@pytest.mark.parametrize("name", NEEDS)
def test_two_ranks_train_what_one_trains(name):
    """Twice, of which the second time they look at what was pruned too."""
    pytest.importorskip(NEEDS[name])
    alone, *both = (found for size in (1, 2) for found in on_ranks(trainers.train, size, name))
    assert alone[1]["last_seen"].min() == 2  # after the last epoch nobody looks
    assert (alone[1]["pulls"] < 3).any()
    for of_rank in both:
        for found, expected in zip(of_rank, alone, strict=True):
            assert found["over"]
            for exact in ("kept", "pulls", "last_seen"):
                np.testing.assert_array_equal(found[exact], expected[exact])
            for close in ("loss", "weights"):
                np.testing.assert_allclose(found[close], expected[close], atol=1e-5)


def test_samples_that_lightning_deals_out_again_are_refused():
    pytest.importorskip("lightning")
    for error in on_ranks(trainers.refused_by_lightning, 2):
        assert "pass Trainer(use_distributed_sampler=False)" in str(error)
