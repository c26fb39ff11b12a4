"""Steps as graphs: on a CPU what is captured runs as it is; on a fake device it is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from fake_cuda import Watch, fake_cuda

from prune_env.core.selection import Selection
from prune_env.data.dataset import Dataset, Split
from prune_env.learners.network import step_graphs
from prune_env.learners.network.learner import NetworkLearner
from prune_env.networks.registry import WHITENED

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (110, 16, 16, 3), dtype=np.uint8)
SPLIT = Split(IMAGES[:100], np.arange(100) % 4)
DATASET = Dataset("noise", tuple("abcd"), SPLIT, Split(IMAGES[100:], np.arange(10) % 4))
RECIPE = {"batch_size": 8, "padding": 1, "flip": True, "label_smoothing": 0.1, "lookahead": True}
EXTRAS = ("features", "reference_loss")
AT = np.array([0.2]), np.array([0.4])


def uncaptured(launch: Callable[[], None]) -> Callable[[], None]:
    """What stands in for a graph: nothing runs while it is made, all of it when it is launched."""
    return launch


def learner_of(network: str, graphs: bool, **recipe: Any) -> NetworkLearner:
    learner = NetworkLearner(DATASET, network, RECIPE | recipe, device="cpu")
    learner.measure_also(EXTRAS)
    learner.reset([3])
    if graphs:
        learner._take_step = step_graphs.StepGraphs(learner._step, learner._optimizer, uncaptured)
    return learner


def rounds(learner: NetworkLearner, kept: int = 60) -> list[Any]:
    """What three rounds measure, the second of other arms, and the weights after them."""
    seen: list[Any] = []
    for first in (0, 20, 0):
        arms = np.arange(first, first + kept)
        signals = learner.train(Selection(arms, np.array([kept])), *AT)
        seen += [signals.table, *(signals.of(name) for name in EXTRAS)]
    return [*seen, *(tensor.numpy() for tensor in learner.state_dict()["model"].values())]


@pytest.mark.parametrize(
    ("network", "recipe", "atol"),
    [
        ("mlp", {}, 0),
        ("mlp", {"optimizer": "adamw", "peak_lr": 0.01}, 1e-4),  # computes in its rate's float32
        ("small", {}, 0),
        ("small", {"optimizer": "muon", "peak_lr": 0.1, "renormalise": True}, 0),
        ("airbench94", {"stem_share": 0.3}, 0),  # the bias of its stem freezes in between
        ("cpu90", {"image_sizes": [0.75] * 6 + [1] * 14}, 0),  # images grow in between
    ],
)
def test_a_captured_step_trains_bit_for_bit_as_the_step_itself(monkeypatch, network, recipe, atol):
    monkeypatch.setitem(WHITENED["airbench94"], "widths", (8, 8, 8))
    plain, graphed = (learner_of(network, graphs, **recipe) for graphs in (False, True))
    for expected, got in zip(rounds(plain), rounds(graphed), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=atol)
    taken: Any = graphed._take_step
    assert {size for size, *_ in taken._graphs} == {7, 8}  # 60 arms in 8 batches
    assert len(taken._graphs) == (4 if {"stem_share", "image_sizes"} & set(recipe) else 2)
    assert all(isinstance(group["lr"], float) for group in graphed._optimizer.param_groups)


def test_a_kind_is_captured_after_its_warm_up_and_only_so_many_are(monkeypatch):
    monkeypatch.setattr(step_graphs, "MOST", 2)
    steps, captured = [], []

    def step(batch: dict[str, Any], out: dict[str, Any], size: float) -> None:
        steps.append(len(batch["index"]))
        out["twice"].copy_(2 * batch["index"])

    def capture(launch: Callable[[], None]) -> Callable[[], None]:
        captured.append(launch)
        return launch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    graphs = step_graphs.StepGraphs(step, optimizer, capture)
    when = []
    for size in (5, 5, 5, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2, 2, 5):
        index = torch.arange(size) + len(steps)
        out = {"twice": torch.empty(size, dtype=torch.int64)}
        graphs({"index": index}, out, 1.0)
        when.append(len(captured))
        assert torch.equal(out["twice"], 2 * index)
    assert when == [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2]
    assert steps == [5, 5, 5, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2, 2, 5]


def test_on_a_gpu_the_host_launches_a_step_and_copies_no_more_for_it():
    """On a fake device a graph launches nothing, so that what is left is the host's work."""
    with fake_cuda():
        learner = NetworkLearner(DATASET, "small", RECIPE | {"cuda_graph": True}, device="cuda")
        learner.measure_also(EXTRAS)
        learner.reset([0])
        forwards = []
        learner._model.register_forward_pre_hook(lambda module, args: forwards.append(args))
        arms = np.arange(60)
        counts = []
        for _ in range(2):
            with Watch(bf16=True) as watch:
                learner.train(Selection(arms, np.array([60])), *AT)
            assert watch.copies == {"cpu to cuda": 4, "cuda to cpu": 3}
            counts.append(len(forwards))
        assert counts == [8, 8]  # of each size three to warm up and one that is captured
        learner.load_state_dict(learner.state_dict())  # momentum lies elsewhere now
        learner.train(Selection(arms[:7], np.array([7])), *AT)
        assert len(forwards) == 9


def test_graphs_and_compiled_code_exclude_each_other():
    with pytest.raises(ValueError, match="recipe compile is 'default'; with cuda_graph only 'off'"):
        learner_of("mlp", graphs=False, cuda_graph=True, compile="default")
