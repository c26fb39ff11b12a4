"""The table of all boards, in a real browser: it sorts, filters, and keeps what was chosen."""

from __future__ import annotations

import re
import shutil

import pytest
from docsite import boards

sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


def test_every_row_of_every_board_is_there_once():
    text = boards.leaderboard()
    assert text.count("<tr class=") == len(boards.places())
    found = boards.standings()["cifar10-cpu"]
    agents = {row.agent for c in found.comparisons for row in c.rows if row.runs}
    shown = {p.row.agent for p in boards.places() if p.board == "cifar10-cpu"}
    assert shown == agents
    assert len({(p.board, p.setting, p.row.agent, p.keep) for p in boards.places()}) == len(
        boards.places()
    )


def test_families():
    assert boards.family("ucb c=2") == "dynamic"
    assert boards.family("full_short") == "controls"
    assert boards.family("my_module:Mine") == "own"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium, and the file of the table alone."""
    if CHROMIUM is None:
        pytest.skip("no chromium; tests/install_chromium.sh installs it")
    folder = tmp_path_factory.mktemp("leaderboard")
    inner = re.search(r"```\{raw\} html\n(.*?)```", boards.leaderboard(), re.DOTALL)
    file = folder / "leaderboard.html"
    file.write_text(f"<!doctype html><meta charset=utf-8>{inner[1]}", encoding="utf-8")
    with sync_api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder / "profile", executable_path=CHROMIUM, args=FLAGS
        )
        context.set_default_timeout(120_000)
        yield context, file
        context.close()


@pytest.fixture
def page(browser):
    """The table in a page of its own. A complaint ends the test."""
    context, file = browser
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(file.as_uri())
    yield page
    page.close()
    assert wrong == []


def column(page, number):
    """The values of a column in the rows that are seen, in order."""
    return page.eval_on_selector_all(
        "tbody tr:not([hidden])", f"rows => rows.map(r => r.cells[{number}].dataset.value)"
    )


def test_it_filters_and_sorts(page):
    page.select_option("[data-filter=data]", "CIFAR10")
    page.select_option("[data-filter=keep]", "30 %")
    page.select_option("[data-filter=family]", "bandits")
    rows = [p for p in boards.places() if (p.data, p.keep) == ("CIFAR10", "30 %")]
    agents = sorted(p.row.agent for p in rows if boards.family(p.row.agent) == "bandits")
    assert len(set(agents)) > 5
    assert sorted(column(page, 0)) == agents  # one that is on several boards has a row for each
    assert page.inner_text("output") == f"{len(agents)} of {len(boards.places())} rows"
    page.click("thead th:nth-child(5) button")
    accuracies = [float(value) for value in column(page, 4)]
    assert accuracies == sorted(accuracies, reverse=True)
    page.click("thead th:nth-child(5) button")
    assert [float(value) for value in column(page, 4)] == sorted(accuracies)
    page.click("thead th:first-child button")
    assert column(page, 0) == agents


def test_what_was_chosen_is_in_the_address(page):
    page.select_option("[data-filter=data]", "Digits")
    page.fill("[data-filter=agent]", "ucb")
    before = column(page, 0)
    assert page.url.endswith("leaderboard.html#data=Digits&agent=ucb")
    page.reload()
    assert column(page, 0) == before
    assert all("ucb" in agent for agent in before)


def test_what_is_not_known_goes_last(page):
    for _ in range(2):  # whichever way it is sorted
        page.click("thead th:nth-child(6) button")
        values = column(page, 5)
        known = [value for value in values if value]
        assert values[: len(known)] == known
        assert len(known) < len(values)


def test_an_agent_with_options_stands_where_its_name_does():
    """As learned, which has its weights in its label."""
    assert {place.row.agent for place in boards.of_agent("learned")} >= {"learned weights=mixed-1"}
    assert '<a href="policies/learned.html">learned weights=mixed-1</a>' in boards.leaderboard()
