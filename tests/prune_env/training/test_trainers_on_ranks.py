"""Two processes under Accelerate, HuggingFace or Lightning train what one trains."""

from __future__ import annotations

import numpy as np
import pytest
import trainers_on_ranks as trainers
from on_ranks import on_ranks

NEEDS = {"accelerate": "accelerate", "huggingface": "transformers", "lightning": "lightning"}


@pytest.mark.parametrize("name", NEEDS)
def test_two_ranks_train_what_one_trains(name):
    pytest.importorskip(NEEDS[name])
    run = getattr(trainers, f"by_{name}")
    alone, *both = *on_ranks(run, 1), *on_ranks(run, 2)
    for found in both:
        assert found["over"]
        np.testing.assert_array_equal(found["pulls"], alone["pulls"])
        np.testing.assert_allclose(found["weights"], alone["weights"], atol=1e-5)


def test_samples_that_lightning_deals_out_again_are_refused():
    pytest.importorskip("lightning")
    for error in on_ranks(trainers.refused_by_lightning, 2):
        assert "pass Trainer(use_distributed_sampler=False)" in str(error)
