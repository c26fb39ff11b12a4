"""Checkpoints: used as they were written, of the very same run, or not at all."""

from __future__ import annotations

import errno

import pytest
import torch
from prune_bench.run import checkpoint
from prune_bench.run.checkpoint import Keeper, Unfit
from prune_bench.run.episode import Episode
from prune_bench.run.options import Place, RunOptions

from prune_env.files import Damaged

OF = {"run": "ucb-k0.3-s0", "threads": 1}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "work" / "run.pt"


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.faults
def test_every_flipped_bit_is_noticed(path):
    checkpoint.save(path, {"weights": torch.arange(6.0), "round": 3}, OF)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(Damaged, match=r"run\.pt is damaged"):
            checkpoint.load(path, OF)
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(Damaged, match=r"run\.pt is damaged"):
            checkpoint.load(path, OF)
    path.write_bytes(whole)
    assert checkpoint.load(path, OF)["round"] == 3


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (OF | {"threads": 2}, "run.pt has threads 1; now it is 2"),
        (OF | {"run": "rs2"}, "run.pt has run 'ucb-k0.3-s0'; now it is 'rs2'"),
        (OF | {"code": "9f2c"}, "run.pt has code None; now it is '9f2c'"),
        ({"run": "ucb-k0.3-s0"}, "run.pt has threads 1; now it is None"),
    ],
)
def test_one_of_something_else_is_refused_by_name(path, of, message):
    checkpoint.save(path, {"round": 3}, OF)
    with pytest.raises(Unfit) as refused:
        checkpoint.load(path, of)
    assert message in str(refused.value)
    with pytest.warns(UserWarning, match="beginning anew"):
        assert Keeper(path, of, 60).load() is None


def test_a_save_that_fails_warns_and_leaves_the_last_good_one(path, monkeypatch):
    keeper = Keeper(path, OF, seconds=0)
    keeper.keep({"round": 1})
    with monkeypatch.context() as context:
        context.setattr("pathlib.Path.write_bytes", full)
        with pytest.warns(UserWarning, match=r"run\.pt was not written.*No space left"):
            keeper.keep({"round": 2})
    assert checkpoint.load(path, OF) == {"round": 1}
    assert [file.name for file in path.parent.iterdir()] == ["run.pt"]
    keeper.keep({"round": 3})
    assert keeper.load() == {"round": 3}


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_the_last_round_is_kept_whatever_ends_a_run(path, error):
    def two_rounds():
        with Keeper(path, OF, seconds=3600) as keeper:
            keeper.keep({"round": 1})
            keeper.keep({"round": 2})
            assert not path.exists()
            raise error

    with pytest.raises(error):
        two_rounds()
    assert checkpoint.load(path, OF) == {"round": 2}


def test_between_two_writes_there_is_some_time(path, monkeypatch):
    now, written = [0.0], []
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoint, "save", lambda path, state, of: written.append(state["at"]))
    keeper = Keeper(path, OF, seconds=60)
    for now[0] in (10, 59, 60, 100, 119, 121, 182):
        keeper.keep({"at": now[0]})
    assert written == [60, 121, 182]


def test_a_checkpoint_knows_threads_data_and_sources():
    """A run that is resumed elsewhere would be of two kinds: it begins anew."""
    before = torch.get_num_threads()
    try:
        of = [
            Episode(RunOptions(epochs=1, limit=100), Place(threads=threads)).identity()
            for threads in (1, 2)
        ]
    finally:
        torch.set_num_threads(before)
    assert [each["threads"] for each in of] == [1, 2]
    assert of[0]["run"] != of[1]["run"]  # the name, which has data and sources too
