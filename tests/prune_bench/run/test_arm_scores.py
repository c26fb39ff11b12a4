"""Runs on dirty data: what they are called, and what they say of every arm."""

from __future__ import annotations

import csv
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from prune_bench.commands.main import main
from prune_bench.run import checkpoint
from prune_bench.run.arm_scores import area_under_curve
from prune_bench.run.episode import Episode, run
from prune_bench.run.options import Place, RunOptions
from prune_bench.run.result import without_times

from prune_env.data import load, npz

NOISY = RunOptions(agent="epsilon_greedy", epochs=3, limit=300, label_noise=0.2)
PLACE = Place(threads=1)


def test_every_seed_and_every_agent_meets_the_same_wrong_labels():
    runs = [
        run(RunOptions(agent=agent, seed=seed, epochs=1, limit=300, label_noise=0.2), Place())
        for agent, seed in (("ucb", 0), ("random_dynamic", 1))
    ]
    labels = {result["trained"]["labels"] for result in runs}
    assert len(labels) == 1
    assert {result["options"]["label_noise"] for result in runs} == {0.2}


def test_formulas_and_recordings_have_no_labels_to_make_wrong():
    with pytest.raises(
        ValueError, match=r"Synthetic-v0 takes no such option; leave out --label-noise"
    ):
        run(RunOptions(env="prune_env/Synthetic-v0", label_noise=0.2))


def test_dirt_is_refused_by_the_options_of_a_run_as_by_an_environment():
    with pytest.raises(ValueError, match=r"label_noise is 1.0; allowed is 0 <= label_noise < 1"):
        RunOptions(label_noise=1.0)
    with pytest.raises(ValueError, match=r"imbalance is 0.5; allowed is 1 or more"):
        RunOptions(imbalance=0.5)


@pytest.mark.parametrize(
    ("values", "wrong", "area"),
    [
        ([4, 3, 2, 1], [1, 1, 0, 0], 1.0),  # all wrong ones above all right ones
        ([1, 2, 3, 4], [1, 1, 0, 0], 0.0),
        ([7, 7, 7, 7], [1, 0, 0, 1], 0.5),  # ties count half
        ([3, 1, 2, 2], [1, 0, 1, 0], 0.875),  # of 4 pairs 3 in order and a tie
        ([np.inf, 0, -np.inf], [0, 1, 0], 0.5),
    ],
)
def test_area_under_the_curve_by_hand(values, wrong, area):
    assert area_under_curve(np.array(values, float), np.array(wrong, bool)) == area


def test_without_two_kinds_there_is_no_area():
    for wrong in (np.zeros(3, bool), np.ones(3, bool)):
        assert area_under_curve(np.arange(3.0), wrong) is None


def test_a_row_says_what_was_kept_and_found():
    episode = Episode(NOISY, PLACE)
    learner, arms = episode.env.learner, episode.env.rounds.arms
    wrong = learner.labels != learner.true_labels
    assert wrong.sum() == 54  # a fifth of 270 arms
    sums, counts = np.zeros(270), np.zeros(270)
    for _ in range(3):
        before = arms.pulls[0].copy()
        row = episode.step()
        kept = arms.pulls[0] > before
        assert row["wrong_kept"] == pytest.approx(wrong[kept].mean(), abs=1e-4)
        sums[kept] += arms.measured["loss"][0][kept]
        counts += kept
        mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.float32(np.log(10)))
        assert set(row["wrong_auc"]) == {"mean_loss", "pulls", "scores"}
        assert row["wrong_auc"]["mean_loss"] == pytest.approx(_by_pairs(mean, wrong), abs=1e-4)
        assert row["wrong_auc"]["pulls"] == pytest.approx(_by_pairs(counts, wrong), abs=1e-4)
    # greed ranks by its moving average, which the state has as of the round before
    state = episode.agent.predict(episode.observation, episode.agent_state)[1]
    np.testing.assert_array_equal(episode.arm_scores.scores, state["mean"][0])


def _by_pairs(values, wrong):
    above = values[wrong][:, None] - values[~wrong][None]
    return ((above > 0) + 0.5 * (above == 0)).mean()


def test_the_losses_of_an_agent_that_is_shown_none_are_known_all_the_same():
    """And it is shown no more than without: its result says so."""
    options = RunOptions(agent="random_dynamic", epochs=2, limit=300)
    episode = Episode(options, PLACE, scores=True)
    while not episode.terminated:
        episode.step()
    table = episode.arm_scores.table()
    assert "true_label" not in table
    assert "score" not in table  # chance does not rank
    observed = table["observed"] > 0
    assert (np.isfinite(table["mean_loss"]) == observed).all()
    assert 1 < table["mean_loss"][observed].mean() < np.log(10)
    assert set(episode.observation) == {"seen"}
    assert without_times(episode.result()) == without_times(run(options, PLACE))


def test_an_arm_that_is_looked_at_is_observed():
    options = RunOptions(agent="random_dynamic", epochs=2, limit=300, feedback="full")
    episode = Episode(options, PLACE, scores=True)
    episode.step()
    table = episode.arm_scores.table()
    assert (table["observed"].tolist(), table["pulls"].sum()) == ([1] * 270, 81)


def test_what_is_saved_stays_as_it_was():
    episode = Episode(NOISY, PLACE)
    episode.step()
    saved = episode.state_dict()["arm_scores"]
    then = deepcopy(saved)
    episode.step()
    for name, value in then.items():
        np.testing.assert_array_equal(saved[name], value, err_msg=name)


def test_a_result_of_clean_data_says_nothing_of_wrong_labels():
    rows = run(RunOptions(epochs=1, limit=300, imbalance=10.0), PLACE)["history"]
    assert not any("wrong" in name for row in rows for name in row)


@pytest.mark.parametrize("ending", [".csv", ".npz"])
def test_the_file_of_scores(tmp_path, capsys, ending):
    file = tmp_path / f"arms{ending}"
    words = ["--agent", "ucb", "--epochs", "2", "--threads", "1", "--label-noise", "0.2"]
    main(["run", *words, "--scores", str(file)])
    names = ["position", "label", "true_label", "pulls", "observed"]
    names += ["last_loss", "mean_loss", "score"]
    if ending == ".csv":
        first, *rows = csv.reader(file.open(encoding="utf-8"))
        assert first == names
        table = {n: np.array([float(c or "nan") for c in column]) for n, column in zip(
            names, zip(*rows, strict=True), strict=True
        )}  # fmt: skip
    else:
        table = npz.read(file, names)
    assert len(table["position"]) == 1294
    assert (np.diff(table["position"]) > 0).all()
    true = load("digits").train.labels[table["position"].astype(int)]
    np.testing.assert_array_equal(table["true_label"], true)
    assert (table["label"] != true).sum() == 259
    assert table["pulls"].sum() == 2 * 388
    if ending == ".npz":
        kept = npz.read(file, ["kept"])["kept"]
        assert (kept.dtype, kept.shape) == (bool, (2, 1294))
        np.testing.assert_array_equal(kept.sum(axis=0), table["pulls"])
    never = table["observed"] == 0
    assert never.sum() == 1294 - 776  # ucb tries each arm once before any twice
    assert np.isnan(table["last_loss"]).tolist() == never.tolist()
    assert "wrong labels  area under the curve" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["run", *words, "--scores", str(file)])
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("limit", [[], ["--limit", "24"]])
def test_the_scores_of_an_image_folder_name_the_files(tmp_path, limit):
    for shade in range(30):
        for kind, value in (("=dark", shade), ("light", 200 + shade)):
            file = tmp_path / "photos" / kind / f"{shade}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (4, 4), value).save(file)
    words = ["--env", "prune_env/Images-v0", "--data", str(tmp_path / "photos"), *limit]
    for name in ("decoded", "cached"):
        scores = str(tmp_path / f"{name}.csv")
        main(["run", *words, "--epochs", "1", "--agent", "full", "--scores", scores])
        rows = list(csv.DictReader(Path(scores).read_text("utf-8").splitlines()))
        photos = tmp_path / "photos"
        files = sorted(file.relative_to(photos).as_posix() for file in photos.rglob("*.png"))
        assert len({row["file"] for row in rows}) == len(rows) == (22 if limit else 44)
        for row in rows:
            assert row["file"].lstrip("'").startswith(("=dark", "light")[int(row["label"])])
            assert row["file"].startswith("'=") == (row["label"] == "0")  # no formula
            assert row["file"].lstrip("'") == files[int(row["position"])]


def test_a_position_is_the_row_of_the_undivided_folder_where_photos_are_broken_too(tmp_path):
    for number in range(60):
        file = tmp_path / "photos" / "ab"[number % 2] / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), number).save(file)
    for name in ("a/00.png", "b/31.png"):
        (tmp_path / "photos" / name).write_bytes(b"no image")
    files = sorted(str(file) for file in (tmp_path / "photos").rglob("*.png"))
    table = _table(tmp_path / "photos", env="prune_env/Images-v0", skip_broken=True)
    assert len(table["position"]) == 43  # of 58, without 11 for the test split and 4 to validate
    for position, file in zip(table["position"], table["file"], strict=True):
        assert files[position].endswith(file)


@pytest.mark.parametrize("dirt", [{}, {"limit": 100}, {"imbalance": 5.0}])
@pytest.mark.parametrize("parts", [("",), ("train_", "test_")])
def test_a_position_is_the_row_of_the_own_arrays(tmp_path, parts, dirt):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    inputs = rng.normal(size=(400, 3))
    arrays = {p + name: a for p in parts for name, a in (("inputs", inputs), ("labels", labels))}
    np.savez(tmp_path / "own.npz", **arrays)
    table = _table(tmp_path / "own.npz", env="prune_env/Arrays-v0", **dirt)
    assert table["position"].max() > 320  # a fifth of the whole is the test split
    np.testing.assert_array_equal(table["label"], labels[table["position"]])


def _table(data: Path, **options) -> dict[str, np.ndarray]:
    """The scores of a run of one round on all arms."""
    options = RunOptions(agent="full", epochs=1, **options)
    episode = Episode(options, Place(data=str(data), threads=1), scores=True)
    episode.step()
    return episode.arm_scores.table()


def test_scores_go_into_files_of_two_kinds(capsys):
    with pytest.raises(SystemExit):
        main(["run", "--scores", "arms.txt"])
    assert "allowed is a name in .csv or .npz" in " ".join(capsys.readouterr().err.split())


def test_a_noisy_run_goes_on_from_a_checkpoint_as_if_nothing_had_happened(tmp_path):
    cut_off = Episode(NOISY, PLACE)
    cut_off.step()
    checkpoint.save(tmp_path / "a.pt", cut_off.state_dict(), cut_off.identity())
    cut_off.step()  # what was kept is not changed by going on
    resumed = Episode(NOISY, PLACE)
    resumed.load_state_dict(checkpoint.load(tmp_path / "a.pt", resumed.identity()))
    for each in (cut_off, resumed):
        while not each.terminated:
            each.step()
        each.arm_scores.write(tmp_path / f"{each is resumed}.npz", ".npz")
    names = npz.names(tmp_path / "True.npz")
    assert "kept" in names
    one, other = (npz.read(tmp_path / f"{resumes}.npz", names) for resumes in (False, True))
    for name in names:
        np.testing.assert_array_equal(one[name], other[name])
    assert without_times(resumed.result()) == without_times(run(NOISY, PLACE))


def test_a_run_without_scores_does_not_go_on_with_them(tmp_path):
    options = RunOptions(epochs=2, limit=300)
    without, having = Episode(options, PLACE), Episode(options, PLACE, scores=True)
    checkpoint.save(tmp_path / "a.pt", without.state_dict(), without.identity())
    with pytest.raises(checkpoint.Unfit, match="arm_scores"):
        checkpoint.load(tmp_path / "a.pt", having.identity())
