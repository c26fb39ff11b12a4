"""Every reader of files: what is not as it was written is refused by its name, in one line.

A reader answers with what it reads or with a ValueError or an OSError that names the file; nothing
else comes out of it, whatever is in the file. What carries a checksum is never read as another.
"""

from __future__ import annotations

import functools
import io
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from mutations import SPOILING, damaged, spoilt, swapped
from PIL import Image
from prune_agents.policies import learned
from prune_agents.sb3 import models
from prune_bench.board import claims
from prune_bench.board.board import Board, read_board, runs_of
from prune_bench.board.counting import why_not
from prune_bench.run import checkpoint
from prune_bench.run.result import read_failure, read_result
from prune_bench.submission import archive
from prune_bench.submission.check import contradiction
from prune_bench.training.instances import InstanceSet
from prune_bench.training.options import TrainOptions, read_preset
from tally import count

from prune_env import files
from prune_env.core.traces import Traces
from prune_env.data import load
from prune_env.data.inputs import load_arrays
from prune_env.data.tables import read_table
from prune_env.learners.replay.trace import find_trace

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
RESULT = next(ROOT.glob("tests/prune_bench/run/old_boards/schema1-noise/runs/ucb*.json"))
ZOO = ROOT / "agents" / "zoo" / "ppo-probe"


def reads_or_says(read, path: Path):
    """What a reader makes of a file; None where it refuses it as it should."""
    count("damaged files read")
    try:
        return read(path)
    except (ValueError, OSError) as error:
        said = str(error)
        assert any(name in said for name in (path.name, path.parent.name, f"{path.stem}:")), said
        assert len(said) < 2_000
        assert "\n" not in said
        return None


def npz(**arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


@functools.cache
def pictures():
    rng = np.random.default_rng(0)
    return {
        f"{split}_{name}": array
        for split in ("train", "test")
        for name, array in (
            ("images", rng.integers(0, 255, (6, 8, 8, 3), np.uint8)),
            ("labels", np.arange(6) % 2),
        )
    }


@functools.cache
def table():
    return {"inputs": np.random.default_rng(0).normal(size=(20, 3)), "labels": np.arange(20) % 2}


@functools.cache
def trace():
    rng = np.random.default_rng(0)
    shares = {name: rng.random(4).astype(np.float32) for name in ("val_accuracy", "test_accuracy")}
    losses = {name: rng.random(4).astype(np.float32) for name in ("val_loss", "test_loss")}
    signals = {n: rng.random((5, 4)).astype(np.float16) for n in ("loss", "confidence", "margin")}
    labels = {"labels": np.arange(5) % 2, "num_classes": np.int64(2), "num_validation": np.int64(9)}
    return {**signals, "correct": np.ones((5, 4), np.uint8), **shares, **losses, **labels}


@pytest.mark.parametrize("bit", [1, 16])
def test_no_byte_of_a_directory_hides_an_array_that_a_trace_may_lack(tmp_path, bit):
    """The name of an entry stands in the directory of the zip and before its content."""
    path, positions = tmp_path / "trace.npz", np.arange(5) + 7
    whole = npz(**trace(), positions=positions)
    for place in range(whole.index(b"PK\x01\x02"), len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        found = reads_or_says(find_trace, path)
        assert found is None or np.array_equal(found.positions, positions)


@functools.cache
def prior():
    rng = np.random.default_rng(0)
    signals = {f"signals/{name}": rng.random((1, 3, 5)).astype(np.float32) for name in ("loss",)}
    costs = {"passes": np.int64(45), "seconds": np.float64(1), "cpu_seconds": np.float64(1)}
    return {**signals, "labels": np.arange(5) % 2, **costs}


def picture(kind):
    content = io.BytesIO()
    Image.fromarray(pictures()["train_images"][0]).save(content, kind)
    return content.getvalue()


@functools.cache
def submission():
    names = ["board.yaml", *(f"runs/{path.name}" for path in RESULT.parent.glob("*.json"))]
    return archive.pack(RESULT.parents[1], names)[0]


@functools.cache
def sealed_checkpoint():
    content = io.BytesIO()
    torch.save({"of": {"run": "x"}, "state": {"a": torch.arange(9), "b": [1, "x"]}}, content)
    return content.getvalue()


def parquet():
    """Two columns of HuggingFace's layout: encoded images and texts."""
    import pyarrow
    import pyarrow.parquet

    images = [{"bytes": b"0123456789" * row, "path": None} for row in range(8)]
    columns = {"image": images, "text": ["a b", "c d", "e f", "g"] * 2, "label": [0, 1] * 4}
    content = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), content)
    return content.getvalue()


def columns_of(path):
    return read_table(str(path), lambda schema: schema.names)


BYTES = {
    "result.json": (RESULT.read_bytes, read_result),
    "preset.yaml": ((ZOO / "preset.yaml").read_bytes, lambda p: models.saved_preset(p.parent)),
    "board.yaml": ((RESULT.parents[1] / "board.yaml").read_bytes, read_board),
    "images.npz": (lambda: npz(**pictures()), lambda p: load("images", p)),
    "table.npz": (lambda: npz(**table()), load_arrays),
    "trace.npz": (lambda: npz(**trace()), find_trace),
    "prior.npz": (lambda: npz(**prior()), Traces.load),
    "train.parquet": (parquet, columns_of),
    "submission.zip": (submission, archive.read),
    "plain.yaml": (b"a: [1, {b: &x 2, c: *x}]\n".strip, files.read_yaml),
    "plain.json": (b'{"a": [1, {"b": 2.5}]}'.strip, files.read_json),
}


@pytest.mark.parametrize("name", BYTES)
@given(data=st.data())
def test_damaged_bytes(name, tmp_path_factory, data):
    whole, read = BYTES[name]
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(data.draw(damaged(whole())))
    reads_or_says(read, path)


EVERY_BYTE = """
import sys
from pathlib import Path
from prune_env.data.tables import read_table
whole, path = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])
for place in range(len(whole)):
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
    try:
        read_table(str(path), lambda schema: schema.names)
    except ValueError as error:
        assert path.name in str(error)
"""


def test_no_byte_of_a_parquet_file_ends_the_process(tmp_path):
    """Pyarrow throws past Python where a damaged description of a column is looked at."""
    (tmp_path / "whole").write_bytes(parquet())
    paths = [str(tmp_path / name) for name in ("whole", "damaged.parquet")]
    done = subprocess.run(
        [sys.executable, "-c", EVERY_BYTE, *paths], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
@given(data=st.data())
def test_damaged_pictures(kind, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("pictures")
    for split in ("train", "test"):
        for label in ("cat", "dog"):
            (folder / split / label).mkdir(parents=True)
            (folder / split / label / f"0.{kind.lower()}").write_bytes(picture(kind))
    path = folder / "train" / "cat" / f"0.{kind.lower()}"
    path.write_bytes(data.draw(damaged(picture(kind))))
    found = reads_or_says(lambda p: load("images", folder), path)
    assert found is None or len(found.train.images) == 2


# -- what carries a checksum ----------------------------------------------------------------------


@given(data=st.data())
def test_what_is_sealed_is_never_read_as_something_else(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("sealed") / "state.pt"
    with files.replacing(path, sealed=True) as temporary:
        temporary.write_bytes(sealed_checkpoint())
    whole = path.read_bytes()
    path.write_bytes(data.draw(damaged(whole)))
    found = reads_or_says(lambda p: checkpoint.load(p, {"run": "x"}), path)
    read_wrongly = found is not None and path.read_bytes() != whole
    count("damaged files with a checksum that were read as something else", int(read_wrongly))
    assert not read_wrongly


@given(SPOILING)
def test_a_result_is_never_read_as_another_one(tmp_path_factory, how):
    whole = RESULT.read_bytes()
    path = tmp_path_factory.mktemp("results") / "result.json"
    path.write_bytes(spoilt(whole, *how))
    found = reads_or_says(read_result, path)
    expected = read_result(RESULT).content
    # a bit that flips in the word "checksum" itself leaves all values as they were
    wrong = found is not None and any(found.content.get(n) != v for n, v in expected.items())
    count("damaged files with a checksum that were read as something else", int(wrong))
    assert not wrong


@given(st.integers(0, 4), SPOILING)
def test_a_cache_that_was_damaged_is_made_anew(tmp_path_factory, which, how):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNE_ENV_CACHE", str(folder / "cache"))
        for split in ("train", "test"):
            for label in ("cat", "dog"):
                (folder / "data" / split / label).mkdir(parents=True)
                (folder / "data" / split / label / "0.png").write_bytes(picture("PNG"))
        first = load("images", folder / "data")
        pixels, digest = np.array(first.train.images), first.digest
        cached = sorted(path for path in (folder / "cache").rglob("*") if path.is_file())
        path = cached[which]
        path.write_bytes(spoilt(path.read_bytes(), *how))
        count("damaged files read")
        again = load("images", folder / "data")
        assert (again.digest, again.classes) == (digest, ("cat", "dog"))
        assert np.array_equal(again.train.images, pixels)


# -- plain values of another type -----------------------------------------------------------------


def use(result):
    """Ask a result all that standings and reports ask of it."""
    told = [
        getattr(result, name)
        for name, of in vars(type(result)).items()
        if isinstance(of, property | functools.cached_property) and name != "regret"
    ]
    return told, contradiction(result), why_not(result, None)


@given(data=st.data())
def test_a_result_with_values_of_other_types(tmp_path_factory, data):
    content = json.loads(RESULT.read_text(encoding="utf-8"))
    del content["checksum"]
    content = data.draw(swapped(content))
    path = tmp_path_factory.mktemp("swapped") / "result.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    found = reads_or_says(read_result, path)
    if found is not None:
        use(found)


@given(data=st.data())
def test_a_failure_with_values_of_other_types(tmp_path_factory, data):
    options = json.loads(RESULT.read_text(encoding="utf-8"))["options"]
    path = tmp_path_factory.mktemp("swapped") / "failure.json"
    content = data.draw(swapped({"options": options, "error": "x", "traceback": "y"}))
    path.write_text(json.dumps(content), encoding="utf-8")
    reads_or_says(read_failure, path)


def of_yaml(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@functools.cache
def presets():
    """One of `train`, as it stands in the package."""
    return of_yaml(ROOT / "benchmarks/prune_bench/training/hyperparams/ppo.yml")


def board_and_its_runs(path):
    grids, pins = read_board(path)
    return runs_of(grids, pins), pins


INSTANCES = [
    {"env": "prune_env/Digits-v0", "epochs": [2, 8], "label_noise": [0, 0.2], "share": 2},
    {"env": "prune_env/Synthetic-v0", "keep_ratio": [0.1, 0.5], "recipe": {"peak_lr": [0.1, 0.2]}},
]
WEIGHTS = {t: dict.fromkeys(learned.CONTEXTS, 0.5) for t in learned.ROWS}
PINS = {
    "threads": 2,
    "device": "cpu",
    "data": {"prune_env/Digits-v0": "0"},
    "sources": {"a:B": "0"},
}
GRID = {"env": ["prune_env/Digits-v0"], "agents": ["ucb:c=2", "bls"], "keep_ratios": [0.1, 0.3]}
GRID |= {"seeds": 2, "epochs": 3, "recipe": {"peak_lr": 0.1}, "env_kwargs": {"num_validation": 9}}

TREES = {
    "board.yaml": (lambda: {"grids": [GRID], "pins": PINS}, board_and_its_runs),
    "preset.yaml": (
        lambda: of_yaml(ZOO / "preset.yaml"),
        lambda p: models.load_model(p.parent),
    ),
    "presets.yml": (presets, lambda p: read_preset(TrainOptions(preset=p))),
    "instances.yaml": (lambda: INSTANCES, lambda p: InstanceSet(p)),
    learned.FILE: (lambda: {"weights": WEIGHTS}, lambda p: learned.read_weights(str(p.parent))),
}


@pytest.mark.parametrize("name", TREES)
@given(data=st.data())
def test_values_of_other_types(name, tmp_path_factory, data):
    tree, read = TREES[name]
    path = tmp_path_factory.mktemp("swapped") / name
    content = data.draw(swapped(tree()))
    path.write_text(text_of(name, content), encoding="utf-8")
    reads_or_says(read, path)


ARRAYS = (
    np.zeros(0),
    np.float64(math.nan),
    np.array([math.inf, -1.0]),
    np.array(["a", "b"]),
    np.array([None, {}], object),
    np.full((6, 8, 8, 3), 7, np.int64),
    np.full((20, 3), math.nan),
    np.full((5, 4), math.nan, np.float16),
    np.zeros((1, 3, 5), np.complex64),
    np.zeros((5, 4), bool),
    np.array([0, 1] * 3, np.uint8),
    np.array([-1, 2**62]),
    np.array(["2026-01-01"], "datetime64[D]"),
    np.zeros(5, [("a", np.int8)]),
    np.array(2**62),
    np.array(-1),
)
NPZ = {
    "images.npz": (pictures, lambda p: load("images", p)),
    "table.npz": (table, load_arrays),
    "trace.npz": (trace, find_trace),
    "prior.npz": (prior, Traces.load),
}


def text_of(name, tree):
    return json.dumps(tree) if name.endswith("json") else yaml.safe_dump(tree)


@pytest.mark.parametrize(
    ("name", "whole", "read"),
    [
        *((name, make, read) for name, (make, read) in BYTES.items()),
        *((n, lambda n=n, m=m: text_of(n, m()).encode(), r) for n, (m, r) in TREES.items()),
        *((name, lambda m=make: npz(**m()), read) for name, (make, read) in NPZ.items()),
    ],
)
def test_what_is_whole_is_read(name, whole, read, tmp_path):
    """Else what is damaged would be refused for another reason."""
    path = tmp_path / name
    for beside in ZOO.iterdir():  # the preset of an agent is read with its model
        (tmp_path / beside.name).write_bytes(beside.read_bytes())
    path.write_bytes(whole())
    assert reads_or_says(read, path) is not None


@pytest.mark.parametrize("name", NPZ)
@given(data=st.data())
def test_arrays_of_other_types_and_shapes(name, tmp_path_factory, data):
    arrays, read = NPZ[name]
    path = tmp_path_factory.mktemp("swapped") / name
    changed = dict(arrays())
    for _ in range(data.draw(st.integers(1, 2))):
        which = data.draw(st.sampled_from(sorted(changed)))
        odd = data.draw(st.sampled_from((None, *ARRAYS)))
        if odd is None:
            del changed[which]
        else:
            changed[which] = odd
    path.write_bytes(npz(**changed))
    reads_or_says(read, path)


# -- claims, and words ----------------------------------------------------------------------------


@given(data=st.data())
def test_a_damaged_claim_disturbs_nobody(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("work")
    with claims.take(folder, "run") as claim:
        whole = b'{"host": "vm", "boot": "c310", "pid_namespace": 40, "pid": 21, "since": 17.1}'
        tree = data.draw(swapped(json.loads(whole)))
        odd = data.draw(st.sampled_from((data.draw(damaged(whole)), json.dumps(tree).encode())))
        claim.path.write_bytes(odd)
        count("damaged files read")
        assert claims.held(folder).keys() <= {"run"}
        claims.is_alive(claim.path)
        assert Board(folder).folder == folder
