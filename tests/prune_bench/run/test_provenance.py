"""What determines a run and stands in none of its options: data, sources, threads, device."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import prune_agents
import pytest
from prune_agents.policies import learned
from prune_agents.policies.boltzmann import Boltzmann
from prune_bench.board.board import Board
from prune_bench.board.counting import counted
from prune_bench.run.episode import run
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.provenance import KNOWN, Provenance
from prune_bench.run.result import Result, read_result
from prune_bench.run.run_id import run_id
from prune_bench.run.sources import agent_source, env_names, env_source, is_code, sources_of

from prune_env.data import Dataset, Split, limited, load
from prune_env.files import read_json, write_json

ROOT = Path(__file__).parents[3]
COMMITTED = sorted((ROOT / "benchmarks" / "results").glob("*/runs/*.json"))
CIFAR = ROOT.parent / "shared" / "data"
OPTIONS = RunOptions(env="prune_env/Images-v0", agent="static_random", epochs=2)


# -- data -----------------------------------------------------------------------------------------


def dataset(**changes):
    images = np.arange(4 * 2 * 2, dtype=np.uint8).reshape(4, 2, 2, 1)
    split = Split(images, np.array([0, 1, 0, 1]))
    return replace(Dataset("mine", ("a", "b"), split, split), **changes)


def test_a_digest_is_of_images_labels_classes_and_their_order():
    whole = dataset()
    images, labels = whole.train.images, whole.train.labels
    brighter = images.copy()
    brighter[0, 0, 0, 0] += 1
    others = [
        dataset(train=Split(brighter, labels)),
        dataset(test=Split(brighter, labels)),
        dataset(train=Split(images, labels[::-1].copy())),
        dataset(train=Split(images[::-1], labels[::-1])),
        dataset(train=Split(images.reshape(4, 1, 4, 1), labels)),
        dataset(classes=("b", "a")),
    ]
    assert len({whole.digest, *(other.digest for other in others)}) == 7
    assert dataset(name="other").digest == whole.digest
    assert dataset(train=Split(images.copy(order="F"), labels.astype(np.int32))).digest == (
        whole.digest
    )


def test_a_part_has_the_digest_of_the_whole():
    digits = load("digits")
    assert limited(digits, 100).digest == limited(limited(digits, 100), 50).digest == digits.digest


def test_the_digits_are_known():
    assert load("digits").digest == KNOWN["prune_env/Digits-v0"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
def test_cifar_as_the_hub_has_it_is_known(name, tmp_path):
    folder = CIFAR / name.lower()
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    assert load(name.lower(), folder, cache=tmp_path).digest == KNOWN[f"prune_env/{name}-v0"]


def test_known_data_add_nothing_to_a_name_and_others_their_digest():
    def of(data):
        return Provenance.of(vars(options), data, {}, 1, "cpu", "fp32")

    options = replace(OPTIONS, env="prune_env/CIFAR10-v0")
    assert of(KNOWN["prune_env/CIFAR10-v0"]) == Provenance()
    assert run_id(options, Provenance()) == run_id(options)
    assert len({run_id(options, of(data)) for data in (None, "torchvision", "mine")}) == 3
    assert of(KNOWN["prune_env/CIFAR100-v0"]).data == KNOWN["prune_env/CIFAR100-v0"]


def test_threads_and_a_gpu_are_in_a_name():
    places = [Provenance(), Provenance(threads=2), Provenance(device="cuda")]
    places += [Provenance(device="cuda", precision="bf16")]
    assert len({run_id(OPTIONS, place) for place in places}) == 4
    assert Provenance.of(vars(OPTIONS), None, {}, 1, "cuda:1", "fp32") == Provenance(device="cuda")


@pytest.mark.parametrize(
    ("recipe", "precision", "counted"),
    [
        ({}, "bf16", "bf16"),
        ({"precision": "auto"}, "bf16", "bf16"),
        ({"precision": "bf16"}, "bf16", "fp32"),  # the options say it already
        ({"precision": "fp32"}, "fp32", "fp32"),
        ({}, None, "fp32"),  # no network
    ],
)
def test_the_precision_counts_where_the_device_decides_it(recipe, precision, counted):
    options = vars(replace(OPTIONS, recipe=recipe))
    found = Provenance.of(options, None, {}, 1, "cuda", precision)
    assert found == Provenance(device="cuda", precision=counted)


def test_a_result_says_what_it_comes_from(write_data):
    first, second = write_data("a.npz"), write_data("b.npz", shade=9)
    results = [run(OPTIONS, Place(data, threads=1)) for data in (first, second)]
    trained = [result["trained"] for result in results]
    assert trained[0]["labels"] == trained[1]["labels"]
    assert trained[0]["data"] == load("images", first).digest != trained[1]["data"]
    names = {run_id(OPTIONS, Result(result).provenance) for result in results}
    assert len(names | {run_id(OPTIONS)}) == 3


def test_prior_runs_on_other_images_with_the_same_labels_are_others(write_data, tmp_path):
    first, second = write_data("a.npz"), write_data("b.npz", shade=50)
    options, priors = replace(OPTIONS, agent="el2n"), tmp_path / "priors"
    run(options, Place(first, threads=1, priors=priors))
    shared = run(options, Place(second, threads=1, priors=priors))
    alone = run(options, Place(second, threads=1))
    assert len(list(priors.glob("*.pt"))) == 2
    assert shared["kept"] == alone["kept"]
    assert shared["test_accuracy"] == alone["test_accuracy"]


# -- names of what was committed ------------------------------------------------------------------


def test_committed_results_have_the_names_of_what_they_say():
    """So that no board is done anew."""
    assert len(COMMITTED) > 400
    for path in COMMITTED:
        result = read_result(path)
        assert run_id(RunOptions(**result.options), result.provenance) == path.stem


@pytest.mark.parametrize("name", ["cifar10-cpu", "digits-policies"])
def test_all_results_of_a_committed_board_count(name):
    folder = ROOT / "benchmarks" / "results" / name
    results, said = counted(folder, Board(folder).read()[1])
    assert said == []
    assert len(results) == len(list((folder / "runs").glob("*.json")))


def test_the_agent_in_the_zoo_is_the_one_of_the_committed_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    name = "agents/zoo/ppo-probe"
    assert agent_source(name) == KNOWN[name]


# -- sources --------------------------------------------------------------------------------------

OWN = {
    "own_agents/__init__.py": "raise SystemExit('this was imported')",
    "own_agents/mine.py": "import numpy\nfrom . import base\nfrom own_tools import tools",
    "own_agents/base.py": "class Base: pass",
    "own_agents/unrelated.py": "",
    "own_tools/tools.py": "def helper():\n    import own_deep",
    "own_deep.py": "",
}


def of_mine(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    agent_source.cache_clear()
    return agent_source("own_agents.mine:Mine")


def write_own(folder):
    for name, text in OWN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("changed", "counts"),
    [(name, "unrelated" not in name) for name in OWN],
)
def test_the_source_of_an_agent_is_all_that_it_imports(tmp_path, monkeypatch, changed, counts):
    write_own(tmp_path)
    before = of_mine(tmp_path, monkeypatch)
    shutil.copytree(tmp_path, tmp_path / "copy")
    assert of_mine(tmp_path / "copy", monkeypatch) == before
    (tmp_path / "copy" / changed).write_text(OWN[changed] + "\n# changed", encoding="utf-8")
    assert (of_mine(tmp_path / "copy", monkeypatch) != before) == counts


def test_built_in_agents_and_environments_have_no_source_of_their_own():
    assert agent_source("ucb") is None
    assert agent_source("prune_agents.policies.ucb1:Ucb1") is None
    assert agent_source("no_such_agent") is None
    assert env_source("prune_env/Digits-v0") is None
    assert env_source("prune_env:prune_env/Digits-v0") is None
    assert not is_code("prune_env:prune_env/Digits-v0")
    assert not is_code("ucb:c=0.5")
    assert is_code("my_envs:my/Env-v0")
    assert is_code("my_agents:Mine:c=0.5")


def test_a_source_that_is_not_here_is_named():
    with pytest.raises(FileNotFoundError, match="there is no module no_such_module"):
        agent_source("no_such_module:Agent")


def test_a_trained_agent_is_its_files(tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(ROOT / "agents" / "zoo" / "ppo-probe", folder)
    before = agent_source(str(folder))
    assert before == KNOWN["agents/zoo/ppo-probe"]
    (folder / "model.zip").write_bytes(b"other")
    agent_source.cache_clear()
    assert agent_source(str(folder)) != before


AGENT = """
from dataclasses import dataclass
import prune_agents

@dataclass(frozen=True, kw_only=True)
class Mine(prune_agents.find("random_dynamic")):
    "Random."
"""


def test_an_own_agent_is_in_the_name_by_its_source(tmp_path):
    code = (
        "import json, sys; from prune_bench.run.episode import *\n"
        "from prune_bench.run.result import Result\n"
        "from prune_bench.run.run_id import run_id\n"
        "options = RunOptions(agent='own:Mine', epochs=1, limit=50)\n"
        "result = run(options, Place(threads=1))\n"
        "print(json.dumps([result['sources'], run_id(options, Result(result).provenance)]))"
    )
    found = []
    for text in (AGENT, AGENT, AGENT + "# changed"):
        (tmp_path / "own.py").write_text(text, encoding="utf-8")
        paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
        environment = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, env=environment
        )
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
    assert found[0][0]["own:Mine"] != found[2][0]["own:Mine"]
    assert found[0][1] != found[2][1]


def test_what_is_other_is_said_in_words():
    first, other = Provenance(), Provenance(threads=2, network="cpu90")
    assert first.differences(other) == [
        "1 threads instead of 2",
        "the first default network instead of cpu90",
    ]
    assert other.differences(first) == [
        "2 threads instead of 1",
        "cpu90 instead of the first default network",
    ]


def test_what_a_run_imports_for_its_environment_is_named_wherever_it_stands():
    """In an option of the run, in its recipe, or in the arguments that a preset gives."""
    own = {
        "network": "a:net",
        "recipe": {"optimizer": "b:opt", "peak_lr": 1.0, "schedule": "cosine"},
    }
    assert env_names({"env": "e", "env_kwargs": {"reward": "c:r"}, **own}) == [
        "e", "c:r", "a:net", "b:opt",
    ]  # fmt: skip
    assert env_names({"env": "e", "env_kwargs": {"learner": "d:L", **own}}) == [
        "e", "d:L", "a:net", "b:opt",
    ]  # fmt: skip
    plain = {"network": "small", "recipe": {"optimizer": "sgd"}}
    assert env_names({"env": "e", "env_kwargs": {"trace": "c:t"}, **plain}) == ["e"]


def test_a_network_of_ones_own_is_in_the_name_by_its_source(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    options, names = RunOptions(network="own_network:make"), []
    for text in ("make = 1", "make = 1", "make = 2"):
        (tmp_path / "own_network.py").write_text(text, encoding="utf-8")
        env_source.cache_clear()
        sources = sources_of(vars(options))
        provenance = Provenance.of(vars(options), None, sources, 1, "cpu", "fp32")
        names.append(run_id(options, provenance))
    assert sources["own_network:make"]
    assert names[0] == names[1] != names[2]


def test_weights_in_a_folder_are_in_the_name_of_a_run(tmp_path):
    """They change when a search goes on; a name of the zoo means one thing."""
    shutil.copytree(learned.ZOO / "digits-1", tmp_path / "mine")
    given = RunOptions(agent="learned", agent_options={"weights": f"{tmp_path}/mine/"})
    file = tmp_path / "mine" / learned.FILE
    assert env_names(vars(given)) == [given.env, str(file)]
    assert env_names(vars(replace(given, agent_options={}))) == [given.env]

    def name():
        env_source.cache_clear()
        sources = sources_of(vars(given))
        return run_id(given, Provenance.of(vars(given), None, sources, 1, "cpu", None))

    before = name()
    assert name() == before
    table = read_json(file)
    table["weights"]["loss"]["late"] += 1
    write_json(file, table)
    assert name() != before
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"weights\.json"):
        name()


@pytest.mark.parametrize(
    "agent", ["boltzmann", "class_quota:policy=boltzmann", 'meta_bandit:policies=["boltzmann"]']
)
def test_a_mended_policy_inside_another_makes_another_run(agent, monkeypatch):
    before = run_id(RunOptions(agent=agent))
    monkeypatch.setattr(Boltzmann, "revision", Boltzmann.revision + 1)
    assert run_id(RunOptions(agent=agent)) != before


def test_the_source_of_ones_own_policy_inside_another_is_in_the_name(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("prune_agents.registry._REGISTERED", {})
    text = "from prune_agents.policies.boltzmann import Boltzmann\nclass Mine(Boltzmann): pass\n"
    (tmp_path / "inside_one.py").write_text(text, encoding="utf-8")
    prune_agents.register("inside_one")(importlib.import_module("inside_one").Mine)
    given = vars(RunOptions(agent="class_quota:policy=inside_one"))
    assert sources_of(given)["inside_one"] == agent_source("inside_one") is not None
    assert Provenance.of(given, None, sources_of(given), 1, "cpu", None).env
