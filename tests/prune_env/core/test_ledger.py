"""What runs cost, and what their budget still pays for, in numbers that the eye can check."""

from __future__ import annotations

import numpy as np
import pytest

from prune_env.core.arm_table import ArmTable
from prune_env.core.ledger import Ledger
from prune_env.core.selection import Selection

N = 10


def ledger(num_runs: int = 1, **options) -> Ledger:
    return Ledger(ArmTable(num_runs, np.zeros(N, np.int64), 2), **({"epochs": 4} | options))


def play(book: Ledger, *counts: int) -> None:
    """A round that keeps so many arms in each run, with its evaluation."""
    kept = [run * N + arm for run, count in enumerate(counts) for arm in range(count)]
    book.train(np.array(counts))
    book.arms.record(Selection(np.array(kept), np.array(counts)), [])
    book.evaluate()


def test_rounds_without_a_budget():
    book = ledger(evaluate_every=2, num_validation=5)
    shown, evaluated = [], []
    for count in (10, 3, 3, 1):
        start, end = book.span(np.array([count]))
        shown.append((start[0], end[0], book.budget_left[0], book.affordable[0]))
        play(book, count)
        evaluated.append(int(book.passes["evaluate"][0]))
    assert evaluated == [0, 5, 5, 10]
    assert shown == [(0, 0.25, 4, 10), (0.25, 0.5, 3, 10), (0.5, 0.75, 2, 10), (0.75, 1, 1, 10)]
    assert (book.affordable[0], book.progress[0]) == (0, 1)
    assert {name: n[0] for name, n in book.passes.items()} == {
        "train": 3 * 17,
        "refresh": 0,
        "evaluate": 2 * 5,
    }
    assert book.charged[0] == 51  # nobody reads the validation split


def test_who_reads_validation_pays_for_it_before_it_is_due():
    book = ledger(budget=1.0, num_validation=6, reads_validation=True)
    assert book.affordable.tolist() == [8]  # (30 - 6) / 3
    play(book, 5)
    assert book.charged.tolist() == [15 + 6]
    assert book.affordable.tolist() == [1]  # (30 - 21 - 6) / 3
    assert book.budget_left.tolist() == [0.1]
    assert book.progress.tolist() == [0.7]


def test_runs_are_paid_for_side_by_side_and_reset_one_by_one():
    book = ledger(num_runs=2, budget=1.0, extra_price=1)
    play(book, 7, 2)
    book.refresh(np.array([0, 3]))
    assert book.charged.tolist() == [7 * 4, 2 * 4 + 3 * 2]
    assert book.affordable.tolist() == [0, 4]  # 2 / 4 and 16 / 4
    book.reset(np.array([True, False]))
    assert book.charged.tolist() == [0, 14]


def test_more_than_is_paid_for_is_refused():
    book = ledger(budget=0.5)
    book.check(np.array([5]))
    with pytest.raises(ValueError, match=r"keeps 6 arms; the budget of 0\.5 epochs allows 5 more"):
        book.check(np.array([6]))


def test_a_look_after_the_last_round_is_for_nobody():
    book = ledger(epochs=1)
    assert book.goes_on_after(np.array([5]), np.array([5])).tolist() == [False]
    book = ledger(budget=2.0)
    assert book.goes_on_after(np.array([10]), np.array([27])).tolist() == [True]  # 3 of 60 are left
    assert book.goes_on_after(np.array([10]), np.array([28])).tolist() == [False]
    assert book.goes_on_after(np.array([11]), np.array([27])).tolist() == [False]


def test_a_budget_that_pays_for_no_arm_is_refused():
    with pytest.raises(ValueError, match=r"budget is 0\.05; one of 10 arms .* cost 0\.1"):
        ledger(budget=0.05)


def test_what_is_saved_goes_on():
    book, other = ledger(budget=1.0), ledger(budget=1.0)
    play(book, 4)
    other.load_state_dict(book.state_dict())
    play(book, 2)
    assert (book.charged[0], other.charged[0]) == (18, 12)


def test_what_is_saved_stays_as_it_was():
    book = ledger(budget=1.0)
    play(book, 4)
    saved = book.state_dict()
    play(book, 2)
    book.load_state_dict(saved)
    assert book.charged[0] == 12


def test_what_is_planned_costs_what_it_will_be_charged():
    """With a reference 4 passes a sample that is trained, and 2 for one that is looked at."""
    book, five = ledger(budget=2.0, extra_price=1), np.array([5])  # of 60 passes
    assert book.span(five)[1] == book.share(five) == [4 * 5 / 60]
    assert book.goes_on_after(np.array([10]), np.array([8])).tolist() == [True]  # 4 are left
    assert book.goes_on_after(np.array([10]), np.array([9])).tolist() == [False]
    assert ledger(epochs=4).share(five).tolist() == [0.25]


def test_what_the_next_round_owes_for_its_evaluation_is_not_spent_before():
    book = ledger(budget=1.0, num_validation=6, reads_validation=True, evaluate_every=2)
    none = np.zeros(1, np.int64)  # looked at; the second round has to leave 6 of 30 passes
    assert book.goes_on_after(np.array([7]), none).tolist() == [True]
    assert book.goes_on_after(np.array([8]), none).tolist() == [False]


@pytest.mark.parametrize(
    ("budget", "kept", "rounds"),
    [
        (3.0, 388, 10),  # of 1,294 arms, keep 30 %: 2 are left, 0.15 %
        (0.05, 6, 11),  # the last has 4, no scrap of a budget of 64
        (1.02, 1294, 2),  # 25 are left, 2 %
        (3.0, 1285, 4),  # 27 are left, 2 % of the arms, if less than that of the budget
    ],
)
def test_what_is_left_of_rounding_is_no_round(budget, kept, rounds):
    """A batch of two or three arms would take a step as large as any other."""
    arms = ArmTable(1, np.zeros(1294, np.int64), 1)
    book, trained = Ledger(arms, epochs=1, budget=budget), []
    while book.affordable[0]:
        count = np.minimum(book.affordable, kept)
        goes_on = book.goes_on_after(count, np.zeros(1, np.int64))
        book.train(count)
        arms.record(Selection(np.arange(count[0]), count), [])
        trained.append(int(count[0]))
        assert goes_on[0] == (book.affordable[0] > 0) == (book.budget_left[0] > 0)
    assert len(trained) == rounds
    assert trained[:-1] == [kept] * (rounds - 1)
    assert book.progress[0] == 1
