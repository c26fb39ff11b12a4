"""Inputs that are no images: what a network gets of them, and that it learns."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import prune_agents
import pyarrow
import pytest
import torch
from pyarrow import parquet
from torch import nn

from prune_env import networks, tasks
from prune_env.data import limited
from prune_env.data.inputs import load_arrays, words
from prune_env.learners.network.learner import NetworkLearner

ROOT = Path(__file__).parents[3]
NEWS = ROOT.parent / "shared" / "data" / "ag_news"
CPU = torch.device("cpu")


def own(inputs: Any, **recipe: Any) -> NetworkLearner:
    dataset = load_arrays({"inputs": inputs, "labels": np.arange(len(inputs)) % 2})
    return NetworkLearner(dataset, recipe=recipe, device="cpu")


def test_numbers_are_standardised_along_the_last_axis() -> None:
    inputs = np.array([[0.0, 5.0, 1.0], [4.0, 5.0, 3.0]], np.float32)
    task = tasks.Arrays(inputs, 0, CPU)
    store = task.store(inputs, CPU)
    assert store.plain(slice(None)).tolist() == [[-1, 0, -1], [1, 0, 1]]
    assert task.normalisation["mean"].tolist() == [2, 5, 2]
    assert task.pictures(store, torch.tensor([0])) is None


def test_tokens_stay_and_the_example_has_the_largest_of_all() -> None:
    tokens = np.array([[1, 2], [3, 0]])
    task = tasks.Arrays(tokens, 9, CPU)
    assert task.store(tokens, CPU).plain(torch.tensor([1])).tolist() == [[3, 0]]
    assert (task.example.max().item(), task.example.dtype) == (9, torch.int64)
    with pytest.raises(ValueError, match=r"numbers are taken for tokens, .* floats, inputs.astype"):
        task.default_network(CPU)


def test_what_crops_is_refused() -> None:
    with pytest.raises(ValueError, match="recipe padding is 2; what is no image allows 0"):
        own(np.zeros((20, 3)), padding=2)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros(20), r"inputs has shape \(20,\); allowed is \(20, ...\)"),
        (np.full((20, 2), np.nan), "inputs holds NaN or infinite numbers"),
        (np.full((20, 2), -1), "holds -1; .* of a table are given as floats"),
        (np.full((20, 2), 2**63, np.uint64), "holds 9223372036854775808; .* tokens.* below 2"),
        (np.full((20, 2), "a"), "inputs is <U1; allowed are floats, uint8 and integers"),
    ],
)
def test_inputs_that_are_none_are_refused(inputs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        own(inputs)


@pytest.mark.filterwarnings("error")
def test_a_number_that_float32_has_not_is_refused_without_a_warning_before() -> None:
    with pytest.raises(ValueError, match="inputs holds NaN or infinite numbers"):
        own(np.full((20, 2), 1e300))


def test_data_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data is a int; expected is an \.npz"):
        load_arrays(3)
    with pytest.raises(FileNotFoundError, match=r"holds no parquet files; expected is .* train-"):
        load_arrays(tmp_path)
    whole = {"inputs": np.zeros((20, 2)), "labels": np.zeros(20, int)}
    for beside in ("test_inputs", "train_labels"):  # a test split of one's own, half named
        with pytest.raises(ValueError, match=rf"has inputs, labels, {beside}; .* labels alone"):
            load_arrays(whole | {beside: np.zeros((5, 2))})
    arrays = {"X": np.zeros((20, 2)), "y": np.zeros(20, int)}
    np.savez(tmp_path / "xy.npz", **arrays)
    for data in (arrays, tmp_path / "xy.npz"):
        with pytest.raises(ValueError, match=r" has X, y; expected is .* inputs and labels"):
            load_arrays(data)


def test_what_a_limit_cuts_is_no_image() -> None:
    inputs = {"inputs": np.zeros((40, 2)), "labels": np.arange(40) % 2}
    dataset = limited(load_arrays(inputs), 4)
    assert dataset.notes == ("limit=4 cuts the test split of arrays too: 4 of 8 samples",)


def test_what_a_tokenizer_gives_is_an_array(tmp_path: Path) -> None:
    table = pyarrow.table({"text": ["a b c", "a"] * 5, "label": [0, 1] * 5})
    for part in ("train", "test"):
        parquet.write_table(table, tmp_path / f"{part}.parquet")

    def ragged(texts: list[str]) -> list[list[int]]:
        return [[1] * len(text.split()) for text in texts]

    with pytest.raises(ValueError, match=r"ragged' gives a list that .*; expected \(10, L\) integ"):
        load_arrays(tmp_path, tokenizer=ragged)
    with pytest.raises(ValueError, match=r"called as tokenizer\(texts\), but: too many positional"):
        load_arrays(tmp_path, tokenizer=lambda: None)
    with pytest.raises(ValueError, match="length is 0; allowed is 1 or more"):
        load_arrays(tmp_path, length=0)


def test_a_word_is_one_token_whatever_stands_beside_it() -> None:
    assert words(["Stocks fall, stocks rise"], 5).tolist() == [[17910, 21938, 17910, 13767, 0]]
    assert words(["rise"], 1).tolist() == [[13767]]


@pytest.mark.parametrize(
    ("texts", "cut"),
    [
        (["今天股市大幅下跌", "足球比赛"], True),
        (["हिन्दी में समाचार", "बाज़ार"], True),
        (["un cafe\u0301 a l'e\u0301te\u0301", "the\u0301"], True),
        (["un café à l'été", "акции упали", "주식 시장"], False),
    ],
)
def test_scripts_that_the_built_in_tokenizer_cuts_wrong_are_named(tmp_path, texts, cut) -> None:
    table = pyarrow.table({"text": texts * 2, "label": list(range(len(texts))) * 2})
    for part in ("train", "test"):
        parquet.write_table(table, tmp_path / f"{part}.parquet")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        load_arrays(tmp_path)
        load_arrays(tmp_path, tokenizer=lengths)
    assert ["the built-in tokenizer cuts at" in str(one.message) for one in said] == [True] * cut


def lengths(texts: list[str]) -> Any:
    return np.array([[len(text), 1] for text in texts])


@pytest.mark.skipif(not NEWS.is_dir(), reason=f"{NEWS} is not here")
def test_ag_news_with_a_tokenizer_of_ones_own() -> None:
    news = load_arrays(NEWS, tokenizer=lengths)
    assert (news.train.images.shape, len(news.classes)) == ((6000, 2), 4)
    assert news.train.images[0].tolist() == [274, 1]


@pytest.mark.skipif(not NEWS.is_dir(), reason=f"{NEWS} is not here")
def test_a_network_of_embeddings_learns_real_news() -> None:
    """Chance is 25 %."""
    env = gym.make(
        "prune_env:prune_env/Arrays-v0",
        data=str(NEWS),
        network="examples.own_data:make",
        recipe={"optimizer": "adamw", "peak_lr": 0.03},
        limit=1_000,
        epochs=6,
        render_mode="rgb_array",
    )
    agent, state = prune_agents.make("ucb", keep_ratio=0.5), None
    observation, info = env.reset(seed=0)
    for _ in range(6):
        action, state = agent.predict(observation, state)
        observation, _, over, _, info = env.step(action)
    assert over
    assert info["test_accuracy"] > 0.6
    assert env.render().shape == (640, 960, 3)


def test_a_table_of_scikit_learn(tmp_path: Path) -> None:
    """By a logistic regression, which is known to do well on it."""
    from examples.own_data import write_table

    write_table(tmp_path / "table.npz")

    def logistic(example_inputs: Any, num_classes: int) -> nn.Module:
        return nn.Linear(example_inputs.shape[1], num_classes)

    env = gym.make(
        "prune_env:prune_env/Arrays-v0",
        data=str(tmp_path / "table.npz"),
        network=logistic,
        epochs=5,
    )
    env.reset(seed=0)
    num_arms = env.unwrapped.learner.num_arms
    for _ in range(5):
        info = env.step(np.ones(num_arms, np.int8))[-1]
    assert num_arms == 411
    assert info["test_accuracy"] > 0.9


def test_the_perceptron_takes_no_tokens_and_says_how_a_table_comes():
    with pytest.raises(ValueError, match=r"'mlp' takes floats; whole numbers are .* tokens"):
        networks.factory("mlp", torch.zeros(4, 3, dtype=torch.int64), 2)
