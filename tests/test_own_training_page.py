"""What docs/own_training.md shows works as it stands, from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch

PAGE = Path(__file__).parents[1] / "docs" / "own_training.md"


def test_every_snippet_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    namespace: dict = {}
    printed = []
    for block in blocks:
        exec(block, namespace)
        printed.append(capsys.readouterr().out)
    assert len(blocks) == 12
    assert printed[0].startswith("10 epochs of 1,797 samples: 30.0% of them trained on, 30.0% of")
    model, (inputs, labels) = namespace["model"], namespace["dataset"].tensors
    assert (model(inputs).argmax(1) == labels).float().mean() > 0.95
    assert printed[2].strip() == str(539 - 32)
    for shown in printed[3:6]:  # Lightning, HuggingFace, Accelerate
        assert "\n2 epochs of 1,797 samples: " in f"\n{shown}"
    assert (tmp_path / "samples.csv").read_text(encoding="utf-8").count("\n") == 1 + 1_797
    with np.load(tmp_path / "samples.npz") as arrays:
        assert arrays["kept"].shape == (2, 1_797)
