"""An ordinary loop over what `Pruned` gives trains what the environment trains, bit for bit."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import prune_agents
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from prune_env import SIGNALS, networks
from prune_env.data import limited, load
from prune_env.learners.network.learner import NetworkLearner
from prune_env.training import Pruned

EPOCHS, LIMIT = 6, 400


def in_the_environment(agent: Any, seed: int, **length: Any) -> tuple[list[Any], float]:
    """What was chosen in each round, and the test accuracy in the end."""
    env = gym.make(
        "prune_env:prune_env/Digits-v0",
        limit=LIMIT,
        signals=("seen", *agent.signals),
        reward="kept_loss",
        action=agent.action,
        **((length or {"epochs": EPOCHS}) | agent.env_options(EPOCHS)),
    )
    observation, _ = env.reset(seed=seed)
    state, over, chosen = None, False, []
    while not over:
        action, state = agent.predict(observation, state)
        chosen.append(action)
        observation, _, over, _, info = env.step(action)
    return chosen, info["test_accuracy"]


def in_a_loop(agent: Any, seed: int, **length: Any) -> tuple[list[Any], float]:
    """The same by a loop that only borrows the environment's data and recipe."""
    learner = NetworkLearner(limited(load("digits"), LIMIT), device="cpu")
    run_seed = int(gym.utils.seeding.np_random(seed)[0].integers(2**31))
    images = learner.arm_inputs.plain(slice(None))
    dataset = TensorDataset(images, torch.from_numpy(learner.labels))
    torch.manual_seed(int(np.random.SeedSequence((run_seed, 0)).generate_state(1, np.uint64)[0]))
    model = learner.make_model()
    recipe = learner.recipe
    optimizer = networks.make_optimizer(model, recipe)

    pruned = Pruned(
        dataset,
        agent,
        **(length or {"epochs": EPOCHS}),
        seed=run_seed,
        num_validation=learner.num_validation,
        feedback=agent.env_options(EPOCHS).get("feedback", "semi"),
        model=model,
    )
    loader = DataLoader(pruned.dataset, batch_sampler=pruned.batch_sampler(recipe.batch_size))
    while not pruned.over:
        model.train()
        start, end = pruned.span
        for step, (inputs, labels, arms) in enumerate(loader):
            for group in optimizer.param_groups:
                group["lr"] = recipe.lr(start + (end - start) * step / len(loader))
            loss = pruned.loss(model(inputs), labels, arms)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        learner.load_state_dict(learner.state_dict() | {"model": model.state_dict()})
        metrics = learner.evaluate("validation")
        if len(pruned.rest):
            model.eval()
            for inputs, labels, arms in DataLoader(pruned.dataset, 100, sampler=pruned.rest):
                pruned.look(model(inputs), labels, arms)
        pruned.validated(metrics.loss[0], metrics.accuracy[0])
    kept = [np.unpackbits(mask, count=len(dataset)) for mask in pruned.course.history]
    return kept, float(learner.evaluate("test").accuracy[0])


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)  # two add in another order


AGENTS = ("ucb", "infobatch", "random_dynamic", "full_short", "kakurenbo", "dvrl", "rl_selector")


@pytest.mark.parametrize("name", AGENTS)
def test_the_same_selections_and_the_same_accuracy(name):
    for seed in range(2):
        agents = [prune_agents.make(name, keep_ratio=0.3, seed=seed + 1) for _ in range(2)]
        chosen, accuracy = in_the_environment(agents[0], seed)
        kept, same = in_a_loop(agents[1], seed)
        assert len(kept) == len(chosen)
        for epoch, (mine, theirs) in enumerate(zip(kept, chosen, strict=True)):
            np.testing.assert_array_equal(mine, theirs > 0, f"seed {seed}, epoch {epoch}")
        assert same == accuracy
        assert 0.7 < accuracy < 1


class Reading:
    """Reads all that there is but the reference, which a loop averages as it likes."""

    signals = tuple(name for name in SIGNALS if name not in ("seen", "reference_loss"))
    action = "keep"

    def __init__(self) -> None:
        self.shown: list[dict[str, Any]] = []

    def env_options(self, length: float) -> dict[str, Any]:
        return {}

    def predict(self, observation: Any, state: Any = None) -> tuple[Any, None]:
        self.shown.append({name: np.array(value) for name, value in observation.items()})
        mask = np.zeros(len(observation["seen"]), np.int8)
        count = int(min(0.4, observation["budget_left"].item()) * len(mask))
        mask[np.random.default_rng(len(self.shown)).permutation(len(mask))[:count]] = 1
        return mask, None


def test_all_signals_are_those_that_the_environment_shows():
    agents = Reading(), Reading()
    in_the_environment(agents[0], 0, budget=1.4)
    in_a_loop(agents[1], 0, budget=1.4)
    assert len(agents[0].shown) == len(agents[1].shown) == 4
    for theirs, mine in zip(*(agent.shown for agent in agents), strict=True):
        assert {*mine} >= {*SIGNALS} - {"reference_loss"}
        for name, value in mine.items():
            np.testing.assert_array_equal(value, theirs[name], name)
    assert agents[0].shown[-1]["features"].std() > 0
