"""A folder as somebody has it, from the command line: mixed sizes, broken files, odd options."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from prune_bench.commands.main import main
from prune_bench.run.options import RunOptions

from prune_env.notices import DataNotice

ENV = ["--env", "prune_env/Images-v0"]
RUN = ["run", "--agent", "full", "--keep-ratio", "1", "--epochs", "1", "--network", "mlp", "--json"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve images of two classes and two sizes, without splits, two of them broken."""
    rng = np.random.default_rng(0)
    for number in range(12):
        path = tmp_path / "pets" / ("cat", "dog")[number % 2] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (6 + number % 3,) * 2, np.uint8)).save(path)
    for name in ("cat/10.png", "dog/11.png"):
        (tmp_path / "pets" / name).write_bytes(b"no image")
    return tmp_path / "pets"


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as end:
        main([*RUN, *ENV, *words])
    assert end.value.code == 2
    message = capsys.readouterr().err.strip()
    assert message.startswith("prune-env: ")
    assert "\n" not in message
    return message


def test_each_refusal_says_what_to_add_until_it_runs(capsys, folder: Path):
    words = ["--data", str(folder)]
    assert "of different sizes are resized only if" in (said := refused(capsys, *words))
    assert "--image-size" in said
    words += ["--image-size", "8"]
    assert "cat/10.png cannot be decoded" in (said := refused(capsys, *words))
    assert "dog/11.png cannot be decoded" in said
    assert "--skip-broken" in said
    words += ["--skip-broken", "--env-kwargs", "num_validation=3"]
    with pytest.warns(DataNotice) as said:
        main([*RUN, *ENV, *words])
    result = json.loads(capsys.readouterr().out)
    assert result["num_arms"] == 12 - 2 - 2 - 3  # broken, test, validation
    assert {k: result["options"][k] for k in ("image_size", "skip_broken", "env_kwargs")} == {
        "image_size": 8,
        "skip_broken": True,
        "env_kwargs": {"num_validation": 3},
    }
    texts = sorted(str(warning.message).removeprefix(f"{folder}") for warning in said)
    assert [text.split(" (")[0] for text in texts] == [
        " has no test split: 2 of its 10 images, a fifth of each class, were drawn for it, always "
        "the same ones",
        ": 2 of 12",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["colour=red"], "unexpected keyword argument 'colour'"),
        (["label_column=x"], "has no columns; image_column and label_column are parquet's"),
    ],
)
def test_env_kwargs_that_are_not_allowed(capsys, folder: Path, words: list[str], message: str):
    assert message in refused(capsys, "--data", str(folder), "--env-kwargs", *words)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("epochs", ", an option of the run; type --epochs"),
        ("data", ", an option of the run; type --data"),
        ("image_size", ", an option of the run; type --image-size"),
        ("signals", ", which is the agent's to say"),
    ],
)
def test_env_kwargs_leave_alone_what_has_a_word_of_its_own(own: str, said: str):
    with pytest.raises(ValueError, match=f"env_kwargs name {own}{said}"):
        RunOptions(env_kwargs={own: 3})


def test_a_board_takes_them_too_and_says_once_what_was_done(capfd, folder: Path, tmp_path: Path):
    grid = ["--agents", "ucb", "--keep-ratios", "0.5", "--seeds", "1", "--epochs", "1"]
    data = ["--data", str(folder), "--image-size", "8", "--skip-broken", "--network", "mlp"]
    more = ["--env-kwargs", "num_validation=3", "--out", str(tmp_path / "board")]
    with pytest.warns(DataNotice, match="has no test split"):
        main(["board", *ENV, *grid, *data, *more])
    assert "has no test split" not in capfd.readouterr().err  # not from the processes of the runs
    results = [json.loads(path.read_text()) for path in (tmp_path / "board/runs").glob("*.json")]
    assert {result["num_arms"] for result in results} == {5}
    assert "num_validation" in (tmp_path / "board/board.yaml").read_text()
