"""What may be submitted, and what is said of it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from prune_bench.board.board import Board
from prune_bench.run.result import Result, read_result, read_results
from prune_bench.submission.check import Unfit, check, contradiction, copied, of_copies

PASSES = ("passes", "passes_train", "passes_refresh", "passes_evaluate")
RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


def test_a_whole_board_is_fit(trained):
    found = check(trained)
    assert len(found.results) == 30
    assert found.failures == {}
    assert [note for note in found.notes if "commit" not in note] == []


def test_all_that_was_ever_measured_agrees_with_itself():
    results = [r for path in RESULTS.glob("*/runs") for r in read_results(path.parent)]
    assert len(results) >= 648
    assert [r.id for r in results if contradiction(r)] == []


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([("test_accuracy", "last", 0.99)], r"test accuracy: \[0.99, 0.\d+\] is not \[0"),
        ([("test_accuracy", "best", 1.0)], r"test accuracy: "),
        ([("val_accuracy", "last", 1.0)], r"val accuracy: "),
        ([("history", 0, "diverged", True)], "diverged: False is not True"),
        ([("diverged", True)], "diverged: True is not False"),
        ([("history", 1, "round", 3)], r"rounds: \[1, 3\] is not \[1, 2\]"),
        ([("passes", "charged", 7)], r"passes charged: 7 is not 162"),
        ([("passes", "train", 7)], r"passes train: 7 is not 162"),
        (  # cheaper than it was, and all entries say so
            [
                *[("passes", name, 54) for name in ("train", "charged")],
                *[("history", 1, name, 54) for name in ("passes_train", "passes")],
            ],
            "passes of the arms kept: 54 is not 162",
        ),
        (
            [("passes", "charged", 150), ("history", 1, "passes", 150)],
            "passes owed: 150 is not 162",
        ),
        (
            [("passes", "charged", 170), ("history", 1, "passes", 170)],
            r"passes owed: 170 is not \d{3}",
        ),
        ([("kept", "arms_by_pulls", [90])], "pulls by class: 54 is not 0"),
        ([("num_arms", 91)], "arms by class: 90 is not 91"),
        ([("history", 0, "kept", 28)], "arms kept in all rounds: 55 is not 54"),
        (
            [("prior", {"rounds": 2, "runs": 1})],
            "passes of the prior run: 0 is not 540",
        ),
        (
            [("history", 0, name, 10**6) for name in ("passes_train", "passes")],
            r"passes in round 1: \[1000000, 1000000\] is not \[81, 81\]",
        ),
        ([("history", 0, "passes", 80)], r"passes in round 1: \[81, 80\] is not \[81, 81\]"),
        (
            [("history", 0, "passes_evaluate", 10**6)],
            r"passes evaluate in round 2: \d+ is not 1000000",
        ),
        ([("history", 0, "seconds", 10**6)], r"seconds in round 2: \d.* is not 1000000"),
        ([("prior", {"rounds": "two"})], "prior run: rounds is 'two'; expected int"),
        (
            [("passes", "prior", 540), ("passes", "charged", 702)],
            "passes of the prior run: 540 is not 0",
        ),
        (  # one arm a round more than K, and all entries say so
            [
                *[("history", place, "kept", 28) for place in (0, 1)],
                *[("history", 0, name, 84) for name in ("passes_train", "passes")],
                *[("history", 1, name, 168) for name in ("passes_train", "passes")],
                *[("passes", name, 168) for name in ("train", "charged")],
                ("kept", "pulls_by_class", [56, *[0] * 9]),
                ("kept", "arms_by_pulls", [62, 0, 28]),
            ],
            "arms kept in round 1: 28 is not 27",
        ),
        (  # the same in the last round alone
            [
                ("history", 1, "kept", 28),
                *[("history", 1, name, 165) for name in ("passes_train", "passes")],
                *[("passes", name, 165) for name in ("train", "charged")],
                ("kept", "pulls_by_class", [55, *[0] * 9]),
                ("kept", "arms_by_pulls", [62, 1, 27]),
            ],
            "arms kept in round 2: 28 is not 27",
        ),
    ],
)
def test_a_result_that_contradicts_itself_is_refused(folder, change, steps, said):
    name = change(folder, "ucb-k0.3-s2", *steps)
    with pytest.raises(Unfit, match=rf"1 result contradicts itself: {name} \({said}"):
        check(folder)


@pytest.mark.parametrize(
    ("env", "diverged", "refused", "said"),
    [
        ("prune_env/Digits-v0", False, True, False),
        ("prune_env/Digits-v0", True, False, False),  # a loss that is no number is always the same
        ("prune_env/Synthetic-v0", False, False, True),
        ("own_table:own_table/Table-v0", False, False, True),
    ],
)
def test_one_lucky_run_under_several_seeds_is_refused(trained, env, diverged, refused, said):
    (one, other, *_) = (read_result(p) for p in sorted(trained.glob("runs/ucb-*")))

    def made(result, seed, **changed):
        history = [row | {"diverged": diverged} for row in result.content["history"]]
        content = {"options": result.options | {"env": env, "seed": seed}, "history": history}
        content |= {"diverged": diverged}
        return Result(dict(result.content) | content | changed, f"ucb-s{seed}")

    runs = [made(one, 0), made(other, 1), made(one, 2), made(one, 3)]
    of_another = made(one, 4, options=one.options | {"env": env, "seed": 4, "epochs": 3})
    done = {result.id: result for result in (*runs, of_another)}
    assert list(copied(done)) == ([] if diverged else ["ucb-s2", "ucb-s3"])
    problems, notes = of_copies(done)
    assert problems == ["2 runs have the losses of other seeds: ucb-s2, ucb-s3"] * refused
    assert notes == ["2 runs have the losses of other seeds: ucb-s2, ucb-s3"] * said


def test_a_lucky_run_is_not_five(folder, change):
    lucky = read_result(next(folder.glob("runs/ucb-k0.3-s2*"))).content
    parts = [(name, lucky[name]) for name in lucky if name not in ("options", "agent_options")]
    for seed in (0, 4):
        name = change(folder, f"ucb-k0.3-s{seed}", *parts)
    with pytest.raises(Unfit, match=rf"2 runs have the losses of other seeds: .*, {name}$"):
        check(folder)


def test_a_run_has_all_of_its_rounds(trained):
    """The first of two rounds, with the accuracies of the second."""
    content = dict(read_result(next(trained.glob("runs/ucb-k0.3-s2*"))).content)
    first, last = content["history"]
    first = last | {name: first[name] for name in ("round", "kept", *PASSES)}
    content["history"] = [first]
    for split in ("test", "val"):
        content[f"{split}_accuracy"] = dict.fromkeys(("last", "best"), last[f"{split}_accuracy"])
    pulls = {"arms_by_pulls": [63, 27], "pulls_by_class": [27, *[0] * 9]}
    content["kept"] = content["kept"] | pulls
    parts = {name: first[f"passes_{name}"] for name in ("train", "refresh", "evaluate")}
    content["passes"] = content["passes"] | parts | {"charged": 81}
    assert contradiction(Result(content)) == "rounds: 1 is not 2"
    diverged = {"history": [first | {"diverged": True}], "diverged": True}
    assert contradiction(Result(content | diverged)) == ""


def test_the_last_round_of_a_budget_keeps_what_is_left(folder, change):
    """0.3 of two epochs of 90 arms are 54, of which a forger trains half."""
    name = change(
        folder,
        "full_short-k0.3-s2",
        ("history", 0, "kept", 27),
        *[("history", 0, name, 81) for name in ("passes_train", "passes")],
        *[("passes", name, 81) for name in ("train", "charged")],
        ("kept", "pulls_by_class", [27, *[0] * 9]),
        ("kept", "arms_by_pulls", [63, 27]),
    )
    with pytest.raises(Unfit, match=rf"{name} \(arms kept in round 1: 27 is not 54\)"):
        check(folder)


def test_what_is_missing_is_named(folder):
    for name in ("rs2-k0.3-s4", "ucb-k0.3-s1"):
        next(folder.glob(f"runs/{name}*")).unlink()
    with pytest.raises(Unfit, match=r"2 runs are missing: rs2-k0.3-s4-\w+, ucb-k0.3-s1-\w+$"):
        check(folder)


def test_controls_that_were_not_run_are_said(folder):
    path = folder / "board.yaml"
    board = path.read_text(encoding="utf-8")
    controls = "controls: [full_short, random_dynamic, full]"
    path.write_text(board.replace("agents: [ucb]", f"agents: [ucb]\n  {controls}"), "utf-8")
    assert "2 controls were not run: rs2, static_random" in check(folder).notes


def test_few_seeds_and_no_board_are_refused(folder, tmp_path):
    path = folder / "board.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("seeds: 5", "seeds: 2"), "utf-8")
    with pytest.raises(
        Unfit, match=r"the grid .*--agents ucb.* has 2 seeds; allowed are 5 or more"
    ):
        check(folder)
    path.unlink()
    with pytest.raises(Unfit, match=r"has no board\.yaml with runs"):
        check(folder)


def test_a_board_that_was_tried_with_few_seeds_first_is_fit(folder):
    """Its first grid stays beside the one of 5 seeds, which has all of its runs."""
    grids, pins = Board(folder).read()
    Board(folder).write([replace(grids[0], agents=("ucb",), seeds=3), *grids], pins)
    assert len(check(folder).results) == 30
    few = replace(grids[0], agents=("exp3m",), seeds=3)
    Board(folder).write([*grids, few], pins)
    with pytest.raises(Unfit, match=r"the grid .*--agents exp3m.* has 3 seeds; allowed are 5 or"):
        check(folder)


@pytest.mark.parametrize("agent", ["rs2", "ucb"])
def test_a_control_must_not_have_failed_and_others_are_said(folder, agent):
    board = Board(folder)
    name, options = next((n, o) for n, o in board.runs().items() if o.agent == agent)
    board.result_path(name).unlink()
    board.failure_path(name).parent.mkdir()
    failure = {"options": asdict(options), "error": "MemoryError"}
    board.failure_path(name).write_text(json.dumps(failure), encoding="utf-8")
    if agent == "rs2":
        with pytest.raises(Unfit, match=f"1 control failed: {name}"):
            check(folder)
    else:
        assert f"1 run failed: {name}" in check(folder).notes


def test_a_run_that_failed_and_was_done_again_has_not_failed(folder):
    board = Board(folder)
    name, options = next((n, o) for n, o in board.runs().items() if o.agent == "rs2")
    failure = {"options": asdict(options), "error": "MemoryError"}
    board.failure_path(name).parent.mkdir()
    board.failure_path(name).write_text(json.dumps(failure), encoding="utf-8")
    assert check(folder).failures == {}


def test_what_diverged_is_said(folder, change):
    name = change(folder, "ucb-k0.3-s2", ("diverged", True), ("history", 1, "diverged", True))
    assert f"1 run diverged: {name}" in check(folder).notes


def test_a_result_under_the_name_of_another_run_does_not_count(folder, change):
    """Options are part of the name: another learning rate cannot pass for the board's."""
    name = change(folder, "ucb-k0.3-s2", ("options", "recipe", {"peak_lr": 0.3}))
    assert read_result(folder / "runs" / f"{name}.json").options["recipe"] == {"peak_lr": 0.3}
    with pytest.raises(Unfit, match=f"1 run is missing: {name}"):
        check(folder)


def test_what_was_written_without_a_checksum_or_from_changed_code_is_said(folder, change):
    name = change(folder, "ucb-k0.3-s2", ("place", "commit", "1234567890ab+"))
    path = folder / "runs" / f"{name}.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["checksum"]
    path.write_text(json.dumps(content), encoding="utf-8")
    notes = check(folder).notes
    assert f"1 result is older than checksums: {name}" in notes
    assert any("had uncommitted changes" in n and "1234567890ab+" in n for n in notes)
