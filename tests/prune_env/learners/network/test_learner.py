"""The real network: what it measures, what decides its randomness, how it resumes."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from quarters import DATASET, SMALL, equal, keep, make, train
from torch import nn

from prune_env.core.signals import MEASURED
from prune_env.data.dataset import Dataset, split_validation
from prune_env.env import PruneEnv
from prune_env.learners.network.learner import NetworkLearner
from prune_env.learners.network.weight_average import Lookahead
from prune_env.networks.registry import WHITENED


def test_arms_and_validation_share_nothing_and_cover_the_training_set() -> None:
    learner = make()
    assert (learner.num_arms, learner.num_validation, learner.num_classes) == (108, 12, 4)
    np.testing.assert_array_equal(learner.labels, DATASET.train.labels[learner.train_positions])


def test_the_validation_split_is_balanced_and_fixed() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    arms, validation = split_validation(labels, 20)
    assert np.bincount(labels[validation]).tolist() == [10, 6, 4]
    assert sorted([*arms, *validation]) == list(range(100))
    np.testing.assert_array_equal(split_validation(labels, 20)[1], validation)
    assert len(split_validation(labels)[1]) == 10
    arms, none = split_validation(labels, 0)
    assert (arms.tolist(), none.tolist()) == (list(range(100)), [])
    with pytest.raises(ValueError, match=r"num_validation is 100; .* allow 0 to 99"):
        split_validation(labels, 100)
    with pytest.raises(ValueError, match=r"num_validation is 0\.1; .* allow 0 to 99"):
        split_validation(labels, 0.1)


def test_signals_are_the_plain_measures_of_the_logits_before_the_update() -> None:
    learner, twin = make(padding=0, flip=False), make(padding=0, flip=False)
    kept = np.arange(3, 15)
    signals = train(learner, keep(learner, kept))[0]
    assert sorted(signals.indices) == kept.tolist()

    twin._model.train()
    logits = twin._model(twin.arm_inputs.plain(torch.from_numpy(signals.indices))).detach()
    labels = torch.from_numpy(twin.labels[signals.indices])
    p = logits.softmax(1)
    one_hot = F.one_hot(labels, 4)
    confidence = p[one_hot.bool()]
    expected = {
        "loss": F.cross_entropy(logits, labels, reduction="none"),
        "confidence": confidence,
        "margin": confidence - (p - 2 * one_hot).max(1).values,
        "correct": (logits.argmax(1) == labels).float(),
        "error_norm": (p - one_hot).norm(dim=1),
    }
    for name, column in zip(MEASURED, signals.table.T, strict=True):
        np.testing.assert_allclose(column, expected[name], atol=1e-5, err_msg=name)


def test_one_step_follows_the_weighted_smoothed_loss_divided_by_the_batch_size() -> None:
    options = {"momentum": 0.0, "weight_decay": 0.0, "warmup": 0.0, "peak_lr": 0.5}
    options |= {"padding": 0, "flip": False}
    learner, twin = make("mlp", **options), make("mlp", **options)
    weights = np.array([0.5, 3.0, 1.0], np.float32)
    selection = keep(learner, [4, 7, 9], weights)
    train(learner, selection)

    images = twin.arm_inputs.plain(torch.tensor([4, 7, 9]))
    labels = torch.from_numpy(twin.labels[[4, 7, 9]])
    loss = F.cross_entropy(twin._model(images), labels, reduction="none", label_smoothing=0.2)
    ((loss * torch.from_numpy(weights)).sum() / 3).backward()
    for ours, theirs in zip(learner._model.parameters(), twin._model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs - 0.5 * theirs.grad)


def test_noise_and_order_do_not_depend_on_what_else_is_kept() -> None:
    """At a learning rate of 0 and without batch statistics an arm's loss shows only its noise."""
    learner, twin = make("mlp", peak_lr=0.0), make("mlp", peak_lr=0.0)
    every = train(learner, keep(learner))[0]
    few = train(twin, keep(twin, np.arange(0, 108, 3)))[0]
    among = np.isin(every.indices, few.indices)
    np.testing.assert_array_equal(every.indices[among], few.indices)
    np.testing.assert_allclose(every.table[among], few.table, atol=1e-5)


def test_one_seed_gives_one_run_and_another_seed_another() -> None:
    first, again, other = make(), make(), make(seed=1)
    everything = keep(first)
    runs = [train(learner, everything, rounds=2) for learner in (first, again, other)]
    assert all(equal(a, b) for a, b in zip(runs[0], runs[1], strict=True))
    assert not equal(runs[0][0], runs[2][0])
    first.reset([0])
    assert equal(train(first, everything)[0], runs[0][0])


def trained_parameters(learner: NetworkLearner) -> list[str]:
    return [name for name, p in learner._model.named_parameters() if p.requires_grad]


@pytest.mark.parametrize(
    ("network", "recipe"),
    [
        ("small", {"peak_lr": 0.01}),
        ("mlp", {"peak_lr": 0.01, "optimizer": "adamw"}),
        ("small", {"peak_lr": 0.1, "optimizer": "muon", "lookahead": True, "renormalise": True}),
        ("tiny", {"stem_share": 0.2}),  # its stem is frozen when saved
    ],
)
def test_a_restored_run_continues_bit_for_bit(
    network: str, recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WHITENED, "tiny", {"widths": (8, 8, 8), "stem_bias": True})
    learner = make(network, seed=3, **recipe)
    everything = keep(learner)
    train(learner, everything)
    file = io.BytesIO()
    torch.save(learner.state_dict(), file)
    kept_state = learner.state_dict()
    trained_then = trained_parameters(learner)
    expected = train(learner, everything, rounds=2)
    file.seek(0)
    for state in (torch.load(file, weights_only=True), kept_state, kept_state):
        fresh = make(network, seed=9, **recipe)
        fresh.load_state_dict(state)
        assert trained_parameters(fresh) == trained_then
        assert all(
            equal(a, b) for a, b in zip(train(fresh, everything, rounds=2), expected, strict=True)
        )
        assert fresh.evaluate("test") == learner.evaluate("test")


@pytest.mark.parametrize("length", [{"epochs": 3}, {"budget": 3.12}])
def test_with_lookahead_a_run_ends_on_the_slow_weights(length: dict[str, Any]) -> None:
    """With a budget too, whose last evaluation is charged after the last round."""
    learner = make("mlp", lookahead=True, batch_size=9)  # 12 steps a round
    env, everything = PruneEnv(learner, **length), np.ones(108, np.int8)
    env.reset(seed=0)
    for last in (False, False, True):
        terminated = env.step(everything)[2]
        assert terminated == last
        assert learner._lookahead is not None
        slow, weights = learner._lookahead._slow, learner._model.state_dict().values()
        assert all(map(torch.equal, slow, weights)) == last
    assert learner._lookahead.steps == 36  # the last return was in step 35


def test_lookahead_follows_by_the_share_of_the_run_that_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[float] = []
    monkeypatch.setattr(Lookahead, "follow", lambda self, fraction: told.append(fraction))
    learner = make("mlp", lookahead=True, batch_size=54)
    train(learner, keep(learner), rounds=2)  # two steps a round, of four rounds
    assert told == [1 / 8, 2 / 8, 3 / 8, 4 / 8]


@pytest.mark.parametrize("network", ["mlp", "small"])
def test_what_is_exported_stays_as_it_was(network: str) -> None:
    learner = make(network)
    train(learner, keep(learner))
    exported = learner.export()["weights"]
    then = {name: tensor.clone() for name, tensor in exported.items()}
    train(learner, keep(learner))
    assert exported.keys() == learner._model.state_dict().keys()
    assert all(torch.equal(exported[name], then[name]) for name in then)
    assert all(tensor.is_contiguous() for tensor in exported.values())


def test_scoring_and_evaluating_change_nothing() -> None:
    learner, twin = make(), make()
    for one in (learner, twin):
        train(one, keep(one))
    scores = learner.score(np.arange(108))
    learner.evaluate("validation")
    assert equal(learner.score(np.arange(108)), scores)
    assert equal(train(learner, keep(learner))[0], train(twin, keep(twin))[0])


def test_scores_are_those_of_the_plain_images_in_evaluation() -> None:
    learner = make()
    train(learner, keep(learner))
    scores = learner.score(np.array([5, 2]))
    learner._model.eval()
    logits = learner._model(learner.arm_inputs.plain(torch.tensor([5, 2]))).detach()
    expected = F.cross_entropy(logits, torch.from_numpy(learner.labels[[5, 2]]), reduction="none")
    np.testing.assert_allclose(scores.table[:, 0], expected, atol=1e-5)


def test_probabilities_and_features_are_those_of_prediction() -> None:
    learner, arms = make(), np.arange(9)
    train(learner, keep(learner))
    shown = learner.log_probabilities(arms), learner.features(arms)
    learner._model.eval()
    np.testing.assert_array_equal(shown[0], learner.log_probabilities(arms))
    np.testing.assert_array_equal(shown[1], learner.features(arms))


def test_it_is_validated_on_what_was_set_aside() -> None:
    learner = make()
    aside = np.setdiff1d(np.arange(120), learner.train_positions)
    other = Dataset("aside", DATASET.classes, DATASET.train, DATASET.train.part(aside))
    twin = NetworkLearner(other, "small", SMALL, device="cpu")
    twin.load_state_dict(learner.state_dict())
    assert twin.evaluate("test") == learner.evaluate("validation") != learner.evaluate("test")


def test_every_round_has_an_order_and_chance_of_its_own() -> None:
    learner = make(peak_lr=0.0)
    drawn: list[float] = []
    see = learner._see

    def note(images: torch.Tensor, *more: Any) -> Any:
        drawn.append(torch.rand(1).item())  # as dropout would
        return see(images, *more)

    learner._see = note  # type: ignore[method-assign]
    first, second = train(learner, keep(learner), rounds=2)
    assert len(set(drawn)) == 14
    assert not np.array_equal(first.indices, second.indices)


def test_it_learns() -> None:
    learner = make(flip=False, batch_size=8)
    signals = train(learner, keep(learner), rounds=4)
    assert signals[0].table[:, 0].mean() > 1.0
    assert learner.evaluate("test").accuracy[0] > 0.9
    assert learner.evaluate("validation").loss.shape == (1,)


@pytest.mark.parametrize("network", ["small", "mlp", "resnet18", "mobilenet_v3_small"])
def test_a_single_arm_can_be_kept(network: str) -> None:
    learner = make(network)
    assert np.isfinite(train(learner, keep(learner, [17]))[0].table).all()


def test_batches_are_equal_so_that_none_is_left_with_one_sample() -> None:
    learner = make(batch_size=16)
    sizes: list[int] = []
    learner._model.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    train(learner, keep(learner, np.arange(33)))
    assert sizes == [11, 11, 11]


def test_divergence_is_measured_and_not_raised() -> None:
    learner = make(peak_lr=1e30)
    signals = train(learner, keep(learner), rounds=2)
    assert not np.isfinite(signals[-1].table[:, 0]).all()
    assert not np.isfinite(learner.evaluate("validation").loss[0])


def test_dropout_is_reproducible_and_the_callers_generator_untouched() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    learner, twin = make("mobilenet_v3_small"), make("mobilenet_v3_small")
    assert torch.equal(torch.get_rng_state(), before)
    first = train(learner, keep(learner, np.arange(16)))[0]
    learner.score(np.arange(4))
    learner.evaluate("test")
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    assert equal(train(twin, keep(twin, np.arange(16)))[0], first)


def test_images_have_the_sizes_of_the_recipe_in_equal_parts_of_a_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learner, sides = make("small", image_sizes=[0.75, 0.625, 1, 1]), []
    see = learner._see

    def note(images: torch.Tensor, *more: Any) -> Any:
        sides.append(images.shape[2])
        return see(images, *more)

    monkeypatch.setattr(learner, "_see", note)
    train(learner, keep(learner), rounds=2)  # seven batches a round, of four rounds
    assert sides == [12] * 7 + [10] * 7
    assert learner.evaluate("test")
    assert set(sides[14:]) == {16}


def test_a_copied_run_goes_on_as_the_run_itself() -> None:
    """Lookahead writes into the tensors of its own network, also where that is a copy."""
    learner = make("mlp", lookahead=True, batch_size=9)
    everything = keep(learner)
    train(learner, everything)
    copies = [copy.deepcopy(learner), pickle.loads(pickle.dumps(learner))]
    expected = train(learner, everything, rounds=2)
    for other in copies:
        found = train(other, everything, rounds=2)
        assert all(equal(a, b) for a, b in zip(found, expected, strict=True))


class Notes(nn.Module):
    """Notes the modes in which it is trained."""

    seen: ClassVar[list[tuple[bool, bool]]] = []

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        layers = nn.Flatten(), nn.BatchNorm1d(inputs), nn.Linear(inputs, classes)
        self.layers = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            self.seen.append((self.training, self.layers[1].training))
        return self.layers(images)


@pytest.mark.parametrize(("batch_size", "modes"), [(1, (True, False)), (2, (True, True))])
def test_a_batch_of_one_is_trained_on_and_only_batchnorm_goes_by_its_averages(batch_size, modes):
    learner = NetworkLearner(
        DATASET,
        lambda inputs, classes: Notes(inputs[0].numel(), classes),
        {"batch_size": batch_size},
    )
    learner.measure_also(("reference_loss",))
    learner.reset([0])
    Notes.seen.clear()
    train(learner, keep(learner, np.arange(2 * batch_size)))
    assert Notes.seen == [modes] * 2
