"""Several processes hold one run of a network: what one measures, trains and chooses."""

from __future__ import annotations

import learner_on_ranks
import numpy as np
import pytest
from on_ranks import on_ranks

MLP = {"network": "mlp"}
CASES = [
    ("ucb", MLP),
    ("infobatch", MLP | {"recipe": {"batch_size": 32, "label_smoothing": 0.1}}),
    ("kakurenbo", MLP | {"recipe": {"optimizer": "muon", "lookahead": True, "batch_size": 17}}),
    ("molpeg", MLP | {"recipe": {"optimizer": "adamw", "peak_lr": 0.003}}),
    ("ucb", MLP | {"recipe": {"batch_size": 25} | learner_on_ranks.OWN}),
]
"""Without BatchNorm; batches that two and three ranks do not divide."""


def test_the_augmentation_of_ones_own_matters():
    """So that its case says something."""
    with_it, without = learner_on_ranks.runs([CASES[4], ("ucb", MLP)])
    assert np.abs(with_it["shown"][-1]["loss"] - without["shown"][-1]["loss"]).max() > 0.01


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_train_what_one_trains(size):
    alone = learner_on_ranks.runs(CASES)
    together = on_ranks(learner_on_ranks.runs, size, CASES)
    for case, expected in enumerate(alone):
        for found in (on_rank[case] for on_rank in together):
            np.testing.assert_array_equal(found["kept"], expected["kept"])
            for mine, one in zip(found["shown"], expected["shown"], strict=True):
                for name in one:
                    np.testing.assert_allclose(mine[name], one[name], atol=1e-5, err_msg=name)
            for mine, one in zip(found["infos"], expected["infos"], strict=True):
                assert mine.keys() == one.keys()
                for name in one:
                    assert mine[name] == pytest.approx(one[name], abs=1e-5), name
            for name, weights in expected["weights"].items():
                np.testing.assert_allclose(found["weights"][name], weights, atol=1e-5)


def test_with_batchnorm_all_ranks_hold_the_same_network():
    recipe = {"batch_size": 7, "lookahead": True}
    made = {"network": "shufflenet_v2_x0_5", "recipe": recipe, "limit": 50, "epochs": 2}
    case = ("molpeg", made)
    (first,), (second,) = on_ranks(learner_on_ranks.runs, 2, [case])
    for part in ("weights", "reference"):
        assert any("running_var" in name for name in first[part])
        for name, tensor in first[part].items():
            np.testing.assert_array_equal(second[part][name], tensor, err_msg=name)
    for name, shown in first["shown"][-1].items():
        np.testing.assert_array_equal(second["shown"][-1][name], shown)
        assert np.isfinite(shown).all()


def test_a_step_with_fewer_samples_than_ranks():
    case = [("ucb", MLP | {"recipe": {"batch_size": 2}})]
    (expected,) = learner_on_ranks.runs(case)
    for (found,) in on_ranks(learner_on_ranks.runs, 3, case):
        for name, weights in expected["weights"].items():
            np.testing.assert_allclose(found["weights"][name], weights, atol=1e-5)


def test_what_ranks_cannot_do_is_said():
    said = "recipe cuda_graph is True; with several processes allowed is False"
    assert on_ranks(learner_on_ranks.one_step, 2, {"cuda_graph": True}) == [said, said]
