"""The wheel: what is in it, and that it works alone, from another folder, without any extra."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import prune_env

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = (
    *("altair", "vl_convert", "datasets", "pyarrow", "timm", "sb3_contrib", "tensorboard", "ray"),
    *("matplotlib", "lightning", "transformers", "accelerate", "pytest", "hypothesis"),
)
"""What only an extra brings; jinja2 comes with what is always needed."""

ALONE = """
import re, sys
from pathlib import Path

sys.modules.update(dict.fromkeys(sys.argv[3].split()))  # not to be imported
site, readme = sys.argv[1:3]
exec(re.findall(r"```python\\n(.*?)```", Path(readme).read_text(encoding="utf-8"), re.DOTALL)[0])
import prune_env, prune_agents, prune_bench
assert all(p.__file__.startswith(site) for p in (prune_env, prune_agents, prune_bench))
from prune_bench.commands.main import main
main(["agents", "controls"])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built as `pip install .` builds it, in this environment."""
    pytest.importorskip("hatchling", reason="hatchling, to build the wheel")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--wheel-dir", str(out), str(ROOT)]
    subprocess.run(command, check=True, timeout=120)
    (path,) = out.glob("*.whl")
    return path


def test_it_holds_the_three_packages_and_says_what_they_need(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        about = f"prune_env-{prune_env.__version__}.dist-info"
        metadata = Parser().parsestr(archive.read(f"{about}/METADATA").decode())
        entry_points = archive.read(f"{about}/entry_points.txt").decode()
    assert {n.partition("/")[0] for n in names} == {
        "prune_env",
        "prune_agents",
        "prune_bench",
        about,
    }
    for package in ("prune_env", "prune_agents", "prune_bench"):
        assert f"{package}/py.typed" in names
    assert "prune_bench/board/presets/demo.yaml" in names
    assert "prune_env/learners/replay/assets/digits_trace.npz" in names
    assert not [n for n in names if n.endswith((".pyc", ".pt")) or "/test_" in n]
    assert wheel.stat().st_size < 6_000_000
    needed = [n for n in metadata.get_all("Requires-Dist") if "extra ==" not in n]
    assert sorted(needed) == sorted(PROJECT["dependencies"])
    assert metadata["Version"] == prune_env.__version__
    assert "prune-env = prune_bench.__main__:main" in entry_points


def test_it_works_alone_from_another_folder_without_extras(wheel, tmp_path):
    site = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", str(site), str(wheel)], check=True, timeout=120)
    (tmp_path / "elsewhere").mkdir()
    words = [str(site), str(ROOT / "README.md"), " ".join(EXTRAS)]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *words],
        env=os.environ | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
        cwd=tmp_path / "elsewhere",
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [int(line.split()[0]) for line in lines[:10]] == list(range(1, 11))
    accuracy, passes = lines[10].split()
    assert float(accuracy) > 0.9
    assert re.fullmatch(r"\d+", passes)
    assert lines[11] == "full            All data, every round; keep_ratio plays no part."
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_lowest_versions_are_those_that_are_declared():
    """`tests/lowest.txt` was resolved from the bounds of today."""
    lines = (ROOT / "tests" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    lowest = dict(line.split("==") for line in lines if not line.startswith("#"))
    extras = PROJECT["optional-dependencies"]
    installed = [needed for extra in ("plots", "report", "test") for needed in extras[extra]]
    for needed in (*PROJECT["dependencies"], *installed):
        name, bound = needed.split(">=")
        assert f"{lowest[name]}.".startswith(f"{bound}."), needed
