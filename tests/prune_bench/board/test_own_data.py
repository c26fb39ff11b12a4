"""A board of inputs that are no images beside the digits, with a network of one's own."""

from __future__ import annotations

import numpy as np
import pytest
from prune_bench.board.board import Board
from prune_bench.commands.main import main
from prune_bench.run.result import read_result


@pytest.mark.slow
def test_a_table_lies_on_a_board_beside_the_digits(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 4))
    np.savez(tmp_path / "table.npz", inputs=inputs, labels=(inputs[:, 0] > 0).astype(int))
    (tmp_path / "own_table_network.py").write_text(
        "from torch import nn\n\n\ndef make(example_inputs, num_classes):\n"
        "    return nn.Linear(example_inputs.shape[1], num_classes)\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PRUNE_ENV_DATA", str(tmp_path / "table.npz"))
    words = ["board", "--out", "both", "--agents", "ucb", "--seeds", "1", "--keep-ratios", "0.5"]
    own = ["--env", "prune_env/Arrays-v0", "--network", "own_table_network:make"]
    main([*words, *own, "--epochs", "3", "--recipe", "batch_size=8"])
    main([*words, "--env", "prune_env/Digits-v0", "--epochs", "1", "--limit", "60"])
    board = Board(tmp_path / "both")
    results = [read_result(board.result_path(name)) for name in board.runs()]
    by_env = {r.options["env"]: r for r in results if r.options["agent"] == "ucb"}
    assert sorted(by_env) == ["prune_env/Arrays-v0", "prune_env/Digits-v0"]
    table = by_env["prune_env/Arrays-v0"]
    assert table.content["trained"]["network"] == "own_table_network:make"
    assert len(table.content["sources"]["own_table_network:make"]) == 12
    assert table.last > 0.75


def test_data_that_another_grid_of_the_folder_cannot_take_are_told_with_the_folder(
    tmp_path, monkeypatch, capsys
):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "table.npz", inputs=rng.normal(size=(60, 4)), labels=np.arange(60) % 2)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PRUNE_ENV_DATA", raising=False)
    words = ["board", "--agents", "ucb", "--seeds", "1", "--keep-ratios", "0.5", "--epochs", "1"]
    main([*words, "--env", "prune_env/Digits-v0", "--limit", "60", "--controls", "full_short"])
    before = (tmp_path / "board" / "board.yaml").read_bytes()
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main([*words, "--env", "prune_env/Arrays-v0", "--data", "table.npz"])
    said = (
        "has runs of prune_env/Digits-v0 too, which need other data (--data); name another folder"
    )
    assert f"{tmp_path / 'board'} {said} (--out): data is " in capsys.readouterr().err
    assert (tmp_path / "board" / "board.yaml").read_bytes() == before
