"""`prune-env submit` and `prune-env verify`, as they are typed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from prune_bench.board.board import Board
from prune_bench.board.grid import Grid
from prune_bench.board.pins import Pins
from prune_bench.commands.main import main
from prune_bench.run.result import read_results
from prune_bench.run.sources import agent_source

HOSTILE = """
import pathlib
pathlib.Path(__file__).with_name("CODE-RAN").touch()
from prune_agents.policies.controls import RandomDynamic
class Mine(RandomDynamic):
    "Random."
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setattr(sys, "path", [*sys.path])


def refused(capsys, status, *words):
    with pytest.raises(SystemExit) as end:
        main([*map(str, words)])
    assert end.value.code == status
    printed = capsys.readouterr()
    return " ".join((printed.err if status == 2 else printed.out).split())


def test_a_board_is_submitted_and_verified(trained, capsys):
    main(["submit", str(trained)])
    first, digest, *_ = capsys.readouterr().out.splitlines()
    name, _, rest = first.partition(": ")
    assert rest.startswith("30 runs of 6 agents, ")
    assert digest == f"digest {digest[7:]}"
    assert name == f"digits-{digest[7:19]}.zip"
    before = Path(name).read_bytes()
    main(["submit", str(trained)])  # again: the same file
    assert Path(name).read_bytes() == before
    capsys.readouterr()
    main(["verify", name, "--sample", "2", "--seed", "1"])
    out = capsys.readouterr().out
    assert f"{name}: 30 runs, their files are whole" in out
    assert "drawn by --seed 1: 2 runs" in out
    assert out.count("the same bits  holds") == 2
    assert out.count(" again, ") == 2  # said as they begin


def test_a_folder_is_verified_too_and_the_draw_is_said(trained, capsys):
    main(["verify", str(trained), "--sample", "1"])
    drawn = [ln for ln in capsys.readouterr().out.splitlines() if ln.startswith("drawn by --seed")]
    seed = drawn[0].split()[3].rstrip(":")
    assert int(seed) >= 0
    main(["verify", str(trained), "--sample", "0"])
    out = capsys.readouterr().out
    assert "drawn" not in out
    assert "nothing was run again; --sample N does so with N runs\n" in out


def test_a_better_number_than_what_it_comes_to_does_not_hold(folder, change, capsys):
    """Everything in the file was made to fit; only doing it again tells."""
    for seed in range(5):
        last = {"test_accuracy": 0.99, "test_loss": 0.1}
        change(
            folder,
            f"ucb-k0.3-s{seed}",
            ("test_accuracy", {"last": 0.99, "best": 0.99}),
            *(("history", 1, name, value) for name, value in last.items()),
        )
    out = refused(capsys, 1, "verify", folder, "--sample", "99", "--seed", "0")
    assert out.count("other bits on the same machine DOES NOT HOLD") == 5
    assert out.count("the same bits holds") == 25


def test_more_threads_than_there_are_cores_are_said_and_not_taken(trained, monkeypatch, capsys):
    """A board of 2 threads, looked at where there is 1 core."""
    monkeypatch.setattr("prune_bench.submission.again.threads_for", lambda there: 1)
    monkeypatch.setattr("prune_bench.run.result.Result.threads", property(lambda result: 2))
    monkeypatch.setattr("prune_bench.submission.check.counted", lambda folder, pins: everything)
    everything = list(read_results(trained)), []
    main(["verify", str(trained), "--sample", "1", "--seed", "1"])
    out = " ".join(capsys.readouterr().out.split())
    assert "on 1 thread in place of 2, which are more than there are cores here" in out


def test_what_is_not_fit_makes_no_file(folder, capsys):
    next(folder.glob("runs/rs2*")).unlink()
    assert "fit to be submitted or verified: 1 run is missing: rs2" in refused(
        capsys, 2, "submit", folder
    )
    assert list(Path().glob("*.zip")) == []
    assert "bord is no board" in refused(capsys, 2, "submit", "bord")
    path = next(folder.glob("runs/ucb*"))
    path.write_text(path.read_text(encoding="utf-8").replace('"kept": 27', '"kept": 28'), "utf-8")
    assert f"{path} is damaged: its checksum is wrong" in refused(capsys, 2, "submit", folder)


def test_another_file_is_not_written_over(trained, capsys):
    Path("mine.zip").write_bytes(b"something else")
    assert "mine.zip is there already" in refused(capsys, 2, "submit", trained, "--out", "mine.zip")
    assert Path("mine.zip").read_bytes() == b"something else"
    assert "mine.zip is not a submission" in refused(capsys, 2, "verify", "mine.zip")


def test_a_strangers_submission_runs_no_code(tmp_path, make_result, capsys):
    (tmp_path / "hostile_submission.py").write_text(HOSTILE, encoding="utf-8")
    agent = "hostile_submission:Mine"
    grid = Grid(agents=(agent,), keep_ratios=(0.3,), epochs=2, limit=100)
    board = Board(tmp_path / "theirs")
    board.write([grid], Pins(sources={agent: agent_source(agent)}))
    for name, options in board.runs().items():
        content = made_to_fit(make_result(options)) | {"sources": {options.agent: None}}
        if options.agent == agent:
            content["sources"] = {agent: agent_source(agent)}
        board.result_path(name).parent.mkdir(exist_ok=True)
        board.result_path(name).write_text(json.dumps(content), encoding="utf-8")
    main(["submit", "theirs", "--out", "theirs.zip"])
    main(["verify", "theirs.zip", "--sample", "0"])
    assert "5 runs need code of their own and are not drawn; see --trust" in capsys.readouterr().out
    assert not (tmp_path / "CODE-RAN").exists()
    assert str(tmp_path) not in sys.path
    refused(capsys, 1, "verify", "theirs.zip", "--sample", "99", "--seed", "0", "--trust")
    assert (tmp_path / "CODE-RAN").exists()
    (tmp_path / "hostile_submission.py").write_text(HOSTILE + "# changed", encoding="utf-8")
    agent_source.cache_clear()
    main(["verify", "theirs.zip", "--sample", "0", "--trust"])
    told = f"5 runs are not drawn: the source of {agent} is another one; it has to lie here as"
    assert told in capsys.readouterr().out


def test_runs_of_an_agent_that_is_not_here_are_not_drawn_and_the_others_are(
    tmp_path, make_result, capsys
):
    """Such as a model of Stable-Baselines3, whose folder no file of a board contains."""
    agent = "./zoo_elsewhere/model"
    board = Board(tmp_path / "theirs")
    board.write(
        [Grid(agents=(agent,), keep_ratios=(0.3,), epochs=2, limit=100)],
        Pins(sources={agent: "0123456789ab"}),
    )
    for name, options in board.runs().items():
        source = "0123456789ab" if options.agent == agent else None
        content = made_to_fit(make_result(options)) | {"sources": {options.agent: source}}
        board.result_path(name).parent.mkdir(exist_ok=True)
        board.result_path(name).write_text(json.dumps(content), encoding="utf-8")
    main(["submit", "theirs", "--out", "theirs.zip"])
    told = f"1 source of one's own, which the file has not, is needed to run it again: {agent}"
    assert told in capsys.readouterr().out
    refused(capsys, 1, "verify", "theirs.zip", "--sample", "99", "--seed", "0")
    main(["verify", "theirs.zip", "--sample", "0"])
    told = "5 runs are not drawn: there is no zoo_elsewhere/model/model.zip; it has to lie"
    assert told in capsys.readouterr().out


def test_what_was_compared_is_said_where_a_later_run_is_refused(trained, monkeypatch, capsys):
    def refuse_the_second(there, place):
        if calls.append(there) or len(calls) > 1:
            raise ValueError("cannot be run again here")
        return there

    calls = []
    monkeypatch.setattr("prune_bench.submission.again.run_again", refuse_the_second)
    with pytest.raises(SystemExit) as end:
        main(["verify", str(trained), "--sample", "3", "--seed", "1"])
    assert end.value.code == 2
    printed = capsys.readouterr()
    assert printed.out.count("the same bits  holds") == 1
    assert printed.err.startswith("prune-env: cannot be run again here")


def test_a_board_of_which_nothing_can_be_run_here_is_not_called_verified(
    tmp_path, make_result, capsys
):
    network = "not_anywhere:make"
    board = Board(tmp_path / "theirs")
    grid = Grid(agents=("ucb",), keep_ratios=(0.3,), epochs=2, limit=100, network=network)
    board.write([grid], Pins(sources={network: "0123456789ab"}))
    for name, options in board.runs().items():
        content = made_to_fit(make_result(options))
        content["sources"] = {options.agent: None, network: "0123456789ab"}
        board.result_path(name).parent.mkdir(exist_ok=True)
        board.result_path(name).write_text(json.dumps(content), encoding="utf-8")
    main(["submit", "theirs", "--out", "theirs.zip"])
    assert "none of 30 runs can be run again here" in refused(capsys, 2, "verify", "theirs.zip")
    main(["verify", "theirs.zip", "--sample", "0"])  # its files are whole


def made_to_fit(content):
    """A made-up result whose numbers fit together."""
    arms = content["num_arms"]
    pulls = sum(row["kept"] for row in content["history"])
    content["kept"] |= {"pulls_by_class": [pulls], "arms_by_class": [arms]}
    content["kept"]["arms_by_pulls"] = [arms - 1, *[0] * (pulls - 1), 1]
    for split in ("test", "val"):
        measured = [row[f"{split}_accuracy"] for row in content["history"]]
        content[f"{split}_accuracy"] = {"last": measured[-1], "best": max(measured)}
    return content
