"""Prior runs of the runner and of boards: what they cost, that they are shared and survive."""

import errno
import json
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial

import pytest
from prune_agents.policies.el2n import EL2N
from prune_agents.prior import Recording
from prune_bench.board import claims
from prune_bench.board.board import Board
from prune_bench.board.work import do_run
from prune_bench.commands.main import main
from prune_bench.run import checkpoint
from prune_bench.run.episode import Episode, run
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.result import Result
from prune_bench.run.run_id import run_id

from prune_env.lookup import path_of

N, K, EPOCHS = 270, 81, 4
OPTIONS = RunOptions(limit=300, epochs=EPOCHS, keep_ratio=0.3, evaluate_every=1)
STATIC = [
    *("aum", "cat", "ccs", "d2", "dual", "dyn_unc", "el2n", "forgetting", "grand", "grand_full"),
    *("kcenter", "moderate", "tdds"),
]


@pytest.fixture
def place(tmp_path):
    return Place(threads=1, priors=tmp_path / "priors")


@pytest.fixture
def rounds_trained(monkeypatch):
    """The rounds of prior runs that are really trained, as they happen."""
    trained = []
    advance = Recording.advance

    def counted(self):
        advance(self)
        trained.append(self.rounds)

    monkeypatch.setattr(Recording, "advance", counted)
    return trained


def without_times(result):
    times = ("seconds", "cpu_seconds", "seconds_evaluate", "cpu_seconds_evaluate")
    history = [{k: v for k, v in row.items() if k not in times} for row in result["history"]]
    return history, result["passes"], result["kept"], result["test_accuracy"]


@pytest.mark.parametrize(
    ("agent", "options", "prior_passes"),
    [
        ("el2n", {}, 3 * N * 2),
        ("el2n", {"prior_rounds": 1, "prior_runs": 3}, 3 * (3 * N * 1)),
        ("grand", {}, (3 + 1) * N * 2),
        ("grand_full", {}, (3 + 3) * N * 2),
        ("forgetting", {}, 3 * N * 4),
        ("dual", {"prior_rounds": 3}, 3 * N * 3),
        ("tdds", {}, (3 + 1) * N * 4),
        ("moderate", {}, 3 * N * 4 + N),
        ("rho_loss", {}, 3 * N * 4 + N),
        ("uncertainty", {}, 0),
    ],
)
def test_all_of_a_prior_run_is_charged(agent, options, prior_passes):
    result = run(replace(OPTIONS, agent=agent, agent_options=options), Place(threads=1))
    train = 3 * K * EPOCHS
    assert result["passes"] == {
        "charged": train + prior_passes,
        "train": train,
        "refresh": 0,
        "evaluate": 30 * EPOCHS,
        "prior": prior_passes,
    }
    assert result["history"][-1]["passes"] == train
    assert (result["prior"] is None) == (prior_passes == 0)
    for clock in ("seconds", "cpu_seconds"):
        assert (result[clock]["prior"] > 0) == (prior_passes > 0)
    json.dumps(result)


def test_comparisons_count_it_and_take_a_missing_one_as_nothing():
    result = run(replace(OPTIONS, agent="el2n"), Place(threads=1))
    full, seconds = 3 * N * EPOCHS, result["cpu_seconds"]
    finished = Result(result)
    assert not finished.pays_evaluation
    assert finished.cost == (3 * K * EPOCHS + 3 * N * 2) / full
    assert finished.curve["passes"][0] == (3 * K + 3 * N * 2) / full
    assert finished.curve["passes"][-1] == finished.cost
    free = seconds["evaluate"] + seconds["test"]
    assert finished.charged_seconds == pytest.approx(sum(seconds.values()) - free)
    assert finished.curve["seconds"][-1] == pytest.approx(finished.charged_seconds)
    assert seconds["test"] > 0
    assert finished.curve["seconds"][0] > seconds["prior"]

    old = run(replace(OPTIONS, agent="uncertainty"), Place(threads=1))
    for part in ("passes", "seconds", "cpu_seconds"):
        del old[part]["prior"]
    finished = Result(old)
    assert not finished.pays_evaluation
    assert finished.curve["passes"][-1] == finished.cost == K / N
    assert finished.phases["prior"] == 0


@pytest.mark.parametrize("agent", STATIC)
def test_digits_end_to_end(agent, place):
    episode = Episode(replace(OPTIONS, agent=agent, epochs=6, limit=500), place)
    while not episode.terminated:
        episode.step()
    result = episode.result()
    assert [row["kept"] for row in result["history"]] == [135] * 6
    assert sum(pulls > 0 for pulls in result["kept"]["arms_by_pulls"]) == 2  # 0 times or 6
    assert result["test_accuracy"]["last"] > 0.25  # 135 hard images, 6 rounds; a guess has 0.1


def test_policies_share_a_prior_run_and_each_pays(place, rounds_trained):
    first = run(replace(OPTIONS, agent="el2n"), place)
    assert rounds_trained == [1, 2]
    whole = run(replace(OPTIONS, agent="forgetting"), place)
    assert rounds_trained == [1, 2, 3, 4]  # it went on where el2n had ended
    again = run(replace(OPTIONS, agent="aum", keep_ratio=0.5), place)
    short = run(replace(OPTIONS, agent="el2n"), place)
    assert rounds_trained == [1, 2, 3, 4]
    assert whole["passes"]["prior"] == again["passes"]["prior"] == 3 * N * 4
    assert whole["seconds"]["prior"] == again["seconds"]["prior"]
    assert without_times(first) == without_times(short)
    assert first["seconds"]["prior"] == short["seconds"]["prior"]
    assert len(list(place.priors.iterdir())) == 1
    shown = run(replace(OPTIONS, agent="kcenter"), place)
    assert rounds_trained == [1, 2, 3, 4]
    assert shown["passes"]["prior"] == 3 * N * 4 + N


def test_shared_or_not_the_run_is_the_same(place):
    options = replace(OPTIONS, agent="dual")
    run(replace(OPTIONS, agent="el2n"), place)
    assert without_times(run(options, place)) == without_times(run(options, Place(threads=1)))


def test_halves_have_recordings_of_their_own(place, rounds_trained):
    run(replace(OPTIONS, agent="forgetting"), place)
    (whole,) = (path.stem.split("-") for path in place.priors.iterdir())
    results = [run(replace(OPTIONS, agent="rho_loss"), place) for _ in range(2)]
    assert rounds_trained == [1, 2, 3, 4] * 3
    assert without_times(results[0]) == without_times(results[1])
    names = sorted(path.stem.split("-") for path in place.priors.iterdir())
    assert names == [whole] + [["s0", f"run{number}", "half", whole[-1]] for number in (0, 1)]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"epochs": 5},
        {"limit": 310},
        {"recipe": {"peak_lr": 0.05}},
        {"label_noise": 0.2},
        {"imbalance": 2.0},
        {"agent": "grand"},
    ],
)
def test_what_determines_a_prior_run_separates_them(place, rounds_trained, change):
    options = replace(OPTIONS, agent="el2n")
    run(options, place)
    rounds_trained.clear()
    run(replace(options, **change), place)
    assert rounds_trained == [1, 2]
    assert len(list(place.priors.iterdir())) == 2


def test_no_folder_keeps_nothing(rounds_trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        run(replace(OPTIONS, agent="el2n"), Place(threads=1))
    assert rounds_trained == [1, 2, 1, 2]
    assert not list(tmp_path.iterdir())


def _cut(content):
    return content[: len(content) // 2]


def _overwritten(content):
    half = len(content) // 2
    return content[:half] + bytes(64) + content[half + 64 :]


@pytest.mark.parametrize(
    "damage", [_cut, _overwritten, lambda content: b"", lambda content: b"not a recording"]
)
def test_a_damaged_recording_is_made_again(place, rounds_trained, damage):
    options = replace(OPTIONS, agent="el2n")
    before = run(options, place)
    (path,) = place.priors.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match=f"{path.name} is damaged"):
        after = run(options, place)
    assert rounds_trained == [1, 2, 1, 2]
    assert without_times(before) == without_times(after)
    again = run(options, place)
    assert rounds_trained == [1, 2, 1, 2]
    assert without_times(before) == without_times(again)


def test_a_recording_by_other_code_is_made_again(place, rounds_trained, monkeypatch):
    options = replace(OPTIONS, agent="el2n")
    run(options, place)
    monkeypatch.setattr(checkpoint, "_code", lambda: "9f2c")
    with pytest.warns(UserWarning, match=r"\.pt has code '.*'; now it is '9f2c'"):
        run(options, place)
    assert rounds_trained == [1, 2, 1, 2]


@pytest.mark.faults
def test_a_full_disk_keeps_no_recording_and_stops_no_run(place, rounds_trained, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    options = replace(OPTIONS, agent="el2n")
    expected = run(options, Place(threads=1))
    monkeypatch.setattr(checkpoint, "save", full)
    with pytest.warns(UserWarning, match="No space left"):
        result = run(options, place)
    assert without_times(result) == without_times(expected)


@pytest.mark.faults
@pytest.mark.parametrize(("agent", "runs"), [("forgetting", 1), ("rho_loss", 2)])
def test_a_prior_run_that_was_killed_goes_on(agent, runs, place, rounds_trained, monkeypatch):
    """With a copy after every round, what was trained is not trained again."""
    monkeypatch.setattr("prune_bench.run.priors.CHECKPOINT_SECONDS", 0.0)
    options = replace(OPTIONS, agent=agent)
    expected = run(options, Place(threads=1))
    rounds_trained.clear()
    advance = Recording.advance

    def killed_in_round_3(self):
        if self.rounds == 2:
            raise KeyboardInterrupt
        advance(self)

    with monkeypatch.context() as patch:
        patch.setattr(Recording, "advance", killed_in_round_3)
        with pytest.raises(KeyboardInterrupt):
            run(options, place)
    result = run(options, place)
    assert rounds_trained == [1, 2, 3, 4] * runs
    assert without_times(result) == without_times(expected)


def test_a_run_goes_on_without_its_prior_run(place, rounds_trained):
    options = replace(OPTIONS, agent="forgetting")
    whole = Episode(options, place)
    whole.step()
    saved = whole.state_dict()
    for path in place.priors.iterdir():
        path.unlink()
    other = Episode(options, place)
    other.load_state_dict(saved)
    for episode in (whole, other):
        while not episode.terminated:
            episode.step()
    assert rounds_trained == [1, 2, 3, 4]
    assert without_times(whole.result()) == without_times(other.result())
    assert whole.result()["seconds"]["prior"] == other.result()["seconds"]["prior"]


def test_on_a_board_one_records_and_the_others_do_something_else(tmp_path):
    board, place = Board(tmp_path), Place(threads=1)
    options = replace(OPTIONS, agent="el2n")
    assert do_run(options, tmp_path, place).kind == "done"
    (recording,) = board.priors.iterdir()
    content = json.loads(board.result_path(run_id(options)).read_text())
    assert content["passes"]["prior"] == 3 * N * 2

    other = replace(OPTIONS, agent="forgetting")
    claim = board.priors / f"{recording.stem}.0.claim"
    claim.write_text(json.dumps({"host": "elsewhere", "pid": 7, "since": 0}))
    with pytest.raises(claims.Held, match="another process is recording"):
        Episode(other, replace(place, priors=board.priors)).step()
    assert do_run(other, tmp_path, place).kind == "held"
    assert board.is_open(run_id(other))
    claim.unlink()
    assert do_run(other, tmp_path, place).kind == "done"
    assert [path.name for path in board.priors.iterdir()] == [recording.name]


def test_a_prior_run_longer_than_the_run_is_refused_before_anything_is_trained():
    options = replace(OPTIONS, agent="el2n", agent_options={"prior_rounds": 9})
    with pytest.raises(ValueError, match="prior_rounds is 9; allowed is 1 to 4"):
        Episode(options, Place(threads=1))


@pytest.mark.parametrize("prior_rounds", [1, 2])
def test_a_prior_run_that_diverges_is_an_error_by_name(place, prior_rounds, capsys):
    """Also in the last round that is wanted; the same for whoever shares the recording."""
    words = ["run", "--limit", "300", "--epochs", "4", "--recipe", "peak_lr=1e30", "--json"]
    words += ["--agent", f"el2n:prior_rounds={prior_rounds}", "--priors", str(place.priors)]
    for _ in range(2):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("prune-env: the prior run has diverged in round 1: its loss is not")


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        ("kcenter", "SyntheticLearner has no features to show"),
        ("grand", "a prior run was to record gradient_norm; SyntheticLearner cannot"),
        ("rho_loss", "two prior runs are to keep one half of the arms each; there is only 1 arm"),
    ],
)
def test_a_prior_run_that_cannot_be_is_refused_before_it(agent, message, rounds_trained):
    options = RunOptions(env="prune_env/Synthetic-v0", agent=agent, epochs=4)
    episode = Episode(options, Place(threads=1), num_arms=1)
    with pytest.raises(ValueError, match=message):
        episode.step()
    assert rounds_trained == []


ONE_OF_FOUR = """
import json, sys
from pathlib import Path
from prune_agents.prior import Recording
from prune_bench.commands.main import main
advance = Recording.advance
def counted(self):
    advance(self)
    with open("advanced.txt", "a") as file:
        file.write(f"{self.rounds} ")
Recording.advance = counted
main()
"""


@pytest.mark.slow
def test_four_processes_at_one_recording_make_it_once(tmp_path):
    """Of which the first was damaged: one heals it, the others wait and read."""
    words = ["run", "--limit", "300", "--epochs", "4", "--agent", "el2n", "--priors", "priors"]
    begin = partial(
        subprocess.Popen,
        [sys.executable, "-c", ONE_OF_FOUR, *words, "--threads", "1", "--json"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    run(replace(OPTIONS, agent="el2n"), Place(threads=1, priors=tmp_path / "priors"))
    (path,) = (tmp_path / "priors").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    processes = [begin() for _ in range(4)]
    answers = [process.communicate(timeout=200) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert (tmp_path / "advanced.txt").read_text(encoding="utf-8") == "1 2 "
    results = [without_times(json.loads(out)) for out, _ in answers]
    assert results == [results[0]] * 4
    assert sum("is damaged" in err for _, err in answers) >= 1
    assert list((tmp_path / "priors").iterdir()) == [path]


@dataclass(frozen=True, kw_only=True)
class Slow(EL2N):
    """el2n in a training of another rate."""

    def env_options(self, epochs):
        return {"recipe": {"peak_lr": 0.001}}


def test_a_prior_run_of_another_recipe_is_another_one(place):
    """What an agent wishes of the environment is in no option of the run."""
    alone = run(replace(OPTIONS, agent="el2n"), replace(place, priors=None))
    Episode(replace(OPTIONS, agent=path_of(Slow)), place).prepare()
    shared = run(replace(OPTIONS, agent="el2n"), place)
    assert without_times(shared) == without_times(alone)
    assert len(list(place.priors.glob("*.pt"))) == 2
