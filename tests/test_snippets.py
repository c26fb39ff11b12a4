"""All python that README, docs, notebooks and the generated pages show runs, to the right end."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import snippets
import torch
from docsite import environments
from PIL import Image
from prune_bench.commands.main import main

from prune_env.data import load

ROOT = snippets.ROOT
OWN_TRAINING = ROOT / "docs" / "own_training.md"
Names, Printed = dict[str, Any], list[str]


def the_readme(names: Names, printed: Printed) -> None:
    agent = names["OldestFirst"](keep_ratio=0.5)
    observation, _ = gym.make("prune_env/Digits-v0").reset(seed=0)
    action, _ = agent.predict(observation)
    assert action.sum() == round(0.5 * len(action))
    assert printed[0].startswith("1 388 ")


def the_manual_of_boards(names: Names, printed: Printed) -> None:
    seen, loss = np.ones((1, 4), np.float32), np.array([[0.1, 3.0, 0.2, 2.0]], np.float32)
    action, _ = names["Hardest"](keep_ratio=0.5).predict({"seen": seen, "loss": loss})
    assert action.tolist() == [[0, 1, 0, 1]]


def start(names: Names, printed: Printed) -> None:
    accuracy, passes = printed[0].split()
    assert float(accuracy) > 0.95
    assert int(passes) == 10 * 3 * 388 + 10 * 143  # all is shown, so evaluations are charged


def the_path_of_agents(names: Names, printed: Printed) -> None:
    assert names["model"].num_timesteps == 80
    assert names["env"].action_space.shape == (10,)


def the_path_of_policies(names: Names, printed: Printed) -> None:
    assert float(printed[-1]) > 0
    agent, loss = names["Slower"](keep_ratio=0.5), np.array([1.0, 1.0, 1.0, 1.0], np.float32)
    seen = np.array([1, 1, 1, 0], np.float32)
    _, state = agent.predict({"seen": seen, "loss": loss})
    falls = loss - np.array([0.9, 0.1, 0.8, 0], np.float32)
    action, _ = agent.predict({"seen": seen, "loss": falls}, state)
    assert action.tolist() == [0, 1, 0, 1]  # the slowest that is known, and the unseen one


def the_path_of_loops(names: Names, printed: Printed) -> None:
    inputs, labels = names["dataset"].tensors
    assert (names["model"](inputs).argmax(1) == labels).float().mean() > 0.95
    assert names["pruned"].columns()["pulls"].sum() == 10 * 539
    assert len(names["bar"].sampler) == 1_797


def own_training(names: Names, printed: Printed) -> None:
    assert len(printed) == 12
    assert printed[0].startswith("10 epochs of 1,797 samples: 30.0% of them trained on, 30.0% of")
    model, (inputs, labels) = names["model"], names["dataset"].tensors
    assert (model(inputs).argmax(1) == labels).float().mean() > 0.95
    assert printed[2].strip() == str(539 - 32)
    for shown in printed[3:6]:  # Lightning, HuggingFace, Accelerate
        assert "\n2 epochs of 1,797 samples: " in f"\n{shown}"
    assert Path("samples.csv").read_text(encoding="utf-8").count("\n") == 1 + 1_797
    with np.load("samples.npz") as arrays:
        assert arrays["kept"].shape == (2, 1_797)


def own_data(names: Names, printed: Printed) -> None:
    assert names["observation"]["seen"].shape == (432,)


def the_saved_network(names: Names, printed: Printed) -> None:
    saved, model, test = names["saved"], names["model"], load("digits").test
    assert saved["classes"] == list("0123456789")
    assert saved["run"]["agent"] == "ucb"
    assert saved["recipe"]["batch_size"] == 32
    assert printed[-1].strip() in saved["classes"]
    pixels = torch.from_numpy(test.images).permute(0, 3, 1, 2)
    right = model((pixels - saved["mean"]) / saved["std"]).argmax(1).numpy() == test.labels
    assert right.mean() == pytest.approx(saved["test_accuracy"], abs=1e-6)


def twins(names: Names, printed: Printed) -> None:
    assert names["model"].num_timesteps == 80
    assert names["env"].observation_space.shape == (55,)


def own_model(names: Names, printed: Printed) -> None:
    twins(names, printed)
    saved, preset = names["sb3"].load_model("my_ppo")
    assert (preset.algo, preset.env) == ("ppo", "prune_env/Digits-Scores-v0")
    assert saved.num_timesteps == 80


def studies(names: Names, printed: Printed) -> None:
    easy, hard = map(float, printed[0].split())
    assert hard > easy  # after five rounds the hardest are worth more


def the_loop(names: Names, printed: Printed) -> None:
    mean = {name: np.mean(runs, axis=0) for name, runs in names["results"].items()}
    assert mean["full"][1] == 10 * 3 * 1_294
    assert mean["full_short"][1] == pytest.approx(0.3 * mean["full"][1], rel=0.01)
    assert {name for name, (_, passes) in mean.items() if passes == 10 * 3 * 388} == {
        *("random_dynamic", "static_random", "uncertainty", "ucb")
    }
    assert mean["full"][0] > 0.95


def a_learned_agent(names: Names, printed: Printed) -> None:
    gains = {name: float(gain) for name, gain in re.findall(r"(\w+) +([+-]\S+) \[", printed[3])}
    assert gains.keys() == {"random_dynamic", "uncertainty", "ucb"}
    assert gains["random_dynamic"] > 0


def my_own_training(names: Names, printed: Printed) -> None:
    assert names["accuracy"] > 0.95
    assert printed[1].startswith("test accuracy 0.9")
    assert {len(runs) for runs in names["runs"].values()} == {2}
    assert names["known"]["pulls"].sum() == 10 * 431


CHECKS = {
    "docs/notebooks/the_loop.ipynb": the_loop,
    "docs/notebooks/a_learned_agent.ipynb": a_learned_agent,
    "docs/notebooks/my_own_training.ipynb": my_own_training,
    "README.md": the_readme,
    "benchmarks/README.md": the_manual_of_boards,
    "docs/start.md": start,
    "docs/train_an_agent.md": the_path_of_agents,
    "docs/write_a_policy.md": the_path_of_policies,
    "docs/prune_my_training.md": the_path_of_loops,
    "docs/own_training.md": own_training,
    "docs/own_data.md": own_data,
    "docs/networks.md": the_saved_network,
    "docs/stable_baselines3.md": own_model,
    "docs/studies.md": studies,
}
"""Page -> what must hold after its python has run. Of a page that is not here: that it runs."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty folder to write to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    torch.manual_seed(0)
    return tmp_path


@pytest.mark.parametrize("page", snippets.pages())
def test_the_python_of_a_page_runs(page):
    if page == "docs/networks.md":  # it reads what this command writes
        main(["run", "--agent", "ucb", "--epochs", "1", "--json", "--save", "network.pt"])
    names, printed = snippets.run(snippets.python_of(ROOT / page))
    if page in CHECKS:
        CHECKS[page](names, printed)


@pytest.mark.parametrize(
    "env_id",
    [pytest.param(i, marks=[pytest.mark.slow] * ("CIFAR100" in i)) for i in environments.IDS],
)
def test_the_python_of_an_environment_runs(env_id, elsewhere, request):
    name = environments.short_name(env_id)
    if name in ("CIFAR10", "CIFAR100"):
        data = request.getfixturevalue("cifar10_path").parent / name.lower()
        if not data.is_dir():
            pytest.skip(f"no {name} beside CIFAR-10")
        (elsewhere / name.lower()).symlink_to(data.resolve())
    elif name == "Images":
        rng = np.random.default_rng(0)
        for split, count in (("train", 20), ("test", 5)):
            for kind in ("cat", "dog"):
                (elsewhere / "photos" / split / kind).mkdir(parents=True)
                for place in range(count):
                    image = Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8))
                    image.save(elsewhere / "photos" / split / kind / f"{place}.png")
    elif name == "Arrays":
        inputs = np.random.default_rng(0).normal(size=(100, 3))
        np.savez("table.npz", inputs=inputs, labels=(inputs[:, 0] > 0).astype(int))
    names, printed = snippets.run(snippets.blocks(environments.page(env_id)))
    kept, accuracy = printed[0].split()
    assert int(kept) == names["observation"]["pulls"].sum()
    assert 0 < float(accuracy) < 1


def test_the_look_that_a_page_shows_is_in_evaluation_mode():
    """Else BatchNorm would take in what the epoch left out, and dropout blur what it looks at."""
    (look,) = [block for block in snippets.python_of(OWN_TRAINING) if "pruned.rest" in block]
    look = look.replace('"kakurenbo"', '"nlu_diet", warm_up=0.0')  # prunes in the first epoch
    names: Names = {}
    exec("import prune_agents, torch\nfrom torch.utils.data import DataLoader", names)
    exec("from prune_env.training import Pruned", names)
    model, modes = torch.nn.Linear(2, 3), []
    model.register_forward_hook(lambda module, *_: modes.append(module.training))

    def train_epoch(pruned, loader):
        for inputs, labels, arms in loader:
            pruned.loss(model(inputs), labels, arms)

    points = torch.utils.data.TensorDataset(torch.randn(60, 2), torch.arange(60) % 3)
    exec(look, names | {"model": model, "dataset": points, "train_epoch": train_epoch})
    assert modes == [True, False]
    assert model.training


def test_a_table_with_words_becomes_the_file_that_the_page_says(tmp_path, monkeypatch):
    pd = pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"`(np\.savez\(.*)`", text)
    column = np.arange(100)
    columns = {"age": column, "pay": column / 7, "city": np.where(column % 3, "Ulm", "Bonn")}
    table = pd.DataFrame({**columns, "label": np.where(column % 2, "odd", "even")})
    exec(line, {"np": np, "pd": pd, "table": table})
    env = gym.make("prune_env/Arrays-v0", data="table.npz", epochs=1)
    assert env.unwrapped.learner.num_classes == 2
    with np.load("table.npz") as arrays:
        assert arrays["inputs"][:2].tolist() == [[0, 0, 1, 0], [1, 1 / 7, 0, 1]]


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")), ids=str)
def test_a_notebook_has_no_outputs_in_git(path):
    text = path.read_text(encoding="utf-8")
    code = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert len(code) >= 4
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
