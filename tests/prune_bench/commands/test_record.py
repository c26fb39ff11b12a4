"""The command prune-env record, and what it has written on the replay rung."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from prune_bench.commands.main import main


def record(*arguments):
    main(["record", "--limit", "300", "--epochs", "2", "--threads", "1", *arguments])


def test_a_run_on_digits_plays_back(tmp_path, capsys):
    record("--out", str(tmp_path / "digits.npz"), "--seed", "3")
    out = capsys.readouterr().out
    for text in (
        "270 (100%)",
        "digits.npz: 270 arms, 2 rounds",
        'gym.make("prune_env:prune_env/Replay-v0"',
    ):
        assert text in out
    with np.load(tmp_path / "digits.npz", allow_pickle=False) as file:
        for name in ("loss", "confidence", "margin"):
            assert (file[name].shape, file[name].dtype) == ((270, 2), np.float16)
        assert file["correct"].dtype == np.uint8
        recorded = file["test_accuracy"][-1]
    env = gym.make("prune_env/Replay-v0", trace=str(tmp_path / "digits.npz"))
    env.reset(seed=0)
    for _ in range(2):
        _, _, terminated, _, info = env.step(np.ones(270, np.int8))
    assert terminated
    assert info["test_accuracy"] == pytest.approx(recorded)


def test_the_arms_of_a_trace_are_where_they_lie_in_the_data(tmp_path):
    trace, arms, replayed = (tmp_path / name for name in ("trace.npz", "arms.npz", "again.npz"))
    record("--out", str(trace))
    words = ["run", "--epochs", "1", "--threads", "1", "--scores"]
    main([*words, str(arms), "--limit", "300"])
    main([*words, str(replayed), "--env", "prune_env/Replay-v0", "--env-kwargs", f"trace={trace}"])
    with np.load(arms) as real, np.load(trace) as file, np.load(replayed) as again:
        assert real["position"][-1] > 270  # validation lies between them
        for found in (file["positions"], again["position"]):
            np.testing.assert_array_equal(found, real["position"])


def test_an_agent_that_wants_a_prior_run_has_it(tmp_path):
    record("--out", str(tmp_path / "el2n.npz"), "--agent", "el2n", "--keep-ratio", "0.5")
    with np.load(tmp_path / "el2n.npz") as file:
        pruned = file["loss"][:, 1] == np.float16(np.log(10))
    assert pruned.sum() == 135  # never measured: as at the start


def test_nothing_is_overwritten_by_accident(tmp_path, capsys):
    out = tmp_path / "trace.npz"
    out.write_bytes(b"precious")
    with pytest.raises(SystemExit):
        record("--out", str(out))
    assert "trace.npz is there already; --overwrite" in capsys.readouterr().err
    assert out.read_bytes() == b"precious"
    record("--out", str(out), "--overwrite")
    assert np.load(out)["loss"].shape == (270, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--evaluate-every", "2"], "evaluate_every is 2; expected 1"),
        (["--agent", "fulll"], "unknown agent 'fulll' (did you mean full"),
        (["--env", "prune_env/Synthetic-v0"], "Synthetic-v0 reads no data; leave out --limit"),
    ],
)
def test_bad_input_leaves_no_file(tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit) as end:
        record("--out", str(tmp_path / "trace.npz"), *arguments)
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []
