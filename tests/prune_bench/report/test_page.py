"""The report in a real browser: Chromium, without a network, from a file:// address.

tests/install_chromium.sh installs it.
"""

from __future__ import annotations

import json
import shutil

import pytest
from prune_bench.report.page import html
from prune_bench.run.options import RunOptions
from prune_bench.run.run_id import run_id
from prune_bench.standings.build import read_standings

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="no playwright; pip install playwright"
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium; tests/install_chromium.sh installs it"
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 120_000
"""Milliseconds; a machine may be busy with other things."""


@pytest.fixture
def page(fake_board, make_result, tmp_path):
    """The report of the made-up board, drawn. Complaints and requests end the test.

    At 30 % are fourteen agents more, the best of them has a name that leaves little of a phone.
    """
    for place in range(14):
        name = f"more{place}" if place else "more_with_a_quite_long_name"
        options = RunOptions(agent=name, keep_ratio=0.3, epochs=10)
        result = make_result(options)
        result["test_accuracy"]["last"] = 0.85 - 0.01 * place
        (fake_board / "runs" / f"{run_id(options)}.json").write_text(json.dumps(result))
    file = tmp_path / "report.html"
    file.write_text(html(read_standings(fake_board), "made-up board"))
    wrong: list[str] = []
    with sync_api.sync_playwright() as playwright:
        # A new, empty profile folder of its own.
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=CHROMIUM,
            args=FLAGS,
            viewport={"width": 1360, "height": 900},
        )
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith(("file:", "data:")) else wrong.append(request.url)
            ),
        )
        page.goto(file.as_uri())
        page.wait_for_selector("body[data-drawn]")
        yield page
        context.close()
    assert wrong == []


def test_the_page_works(page):
    # One browser start for all of it: that is what takes the time.
    assert page.inner_text("h1").startswith("At equal cost fake_winner beats full_short")
    charts = page.locator(".chart")
    assert charts.count() == 3 + 7
    assert page.locator(".chart svg").count() == charts.count()

    check_sorting(page)
    check_keep_ratio(page)
    check_unit(page)
    check_rows(page)
    check_chosen(page)
    check_hover(page)
    check_widths(page)


def agents_in_order(page):
    return [row.inner_text() for row in page.locator("tbody tr:visible > th[data-value]").all()]


def check_sorting(page):
    by_accuracy = agents_in_order(page)
    assert by_accuracy[0] == "fake_winner"
    assert by_accuracy[-1] == "fake_loser"
    accuracy, name = page.locator(".sortable thead th").all()[1::-1]
    accuracy.get_by_role("button").click()
    assert agents_in_order(page) == by_accuracy[::-1]
    assert accuracy.get_attribute("aria-sort") == "ascending"
    name.get_by_role("button").click()
    assert agents_in_order(page) == sorted(by_accuracy)


def check_keep_ratio(page):
    page.get_by_text("50 %", exact=True).click()
    cells = page.locator("tbody tr.unfinished:visible")
    assert cells.count() == 1
    assert "4 of 5, 1 failed" in cells.inner_text()
    assert page.evaluate("views['curves-0'].signal('keep')") == 0.5


def check_unit(page):
    assert "sample passes" in page.text_content("#cost-0 svg")
    page.get_by_text("seconds", exact=True).click()
    page.wait_for_function("document.querySelector('#cost-0 svg').textContent.includes('seconds')")


def texts_of(page, chart):
    return page.locator(f"#{chart} svg text").all_text_contents()


def height_of(page, chart):
    return page.evaluate(f"views['{chart}'].height()")


def settle(page):
    page.mouse.move(0, 0)
    page.wait_for_function("Promise.all(Object.values(views).map((v) => v.runAsync()))")
    page.wait_for_timeout(100)


def check_rows(page):
    """A row is 23 pixels high, however many there are at a keep ratio."""
    page.locator(".toolbar").get_by_text("30 %", exact=True).click()
    settle(page)
    # 12 of 17 agents and three controls
    assert height_of(page, "pulls-0") == 23 * (12 + 3)
    assert "5 agents not shown" in texts_of(page, "pulls-0")
    assert height_of(page, "ahead1-0") == 23 * (12 + 3)
    assert height_of(page, "ahead0-0") == 23 * (3 + 3)
    page.locator(".panel .more:visible").click()
    settle(page)
    assert height_of(page, "ahead1-0") == height_of(page, "pulls-0") == 23 * (17 + 3)
    assert not any("not shown" in text for text in texts_of(page, "pulls-0"))
    page.get_by_text("the best and the chosen", exact=True).click()
    page.locator(".toolbar").get_by_text("10 %", exact=True).click()
    settle(page)
    assert height_of(page, "pulls-0") == 23 * (3 + 3)


def check_chosen(page):
    page.locator(".toolbar").get_by_text("30 %", exact=True).click()
    settle(page)
    button = page.get_by_role("button", name="more13", exact=True)
    assert "11 agents not shown" in texts_of(page, "curves-0")
    assert "more13" not in texts_of(page, "ahead1-0")
    button.click()
    settle(page)
    assert button.get_attribute("aria-pressed") == "true"
    assert page.evaluate("views['cost-0'].signal('chosen')") == ["more13"]
    assert "10 agents not shown" in texts_of(page, "curves-0")
    assert "more13" in texts_of(page, "ahead1-0")
    page.get_by_role("button", name="choose none").click()
    settle(page)
    assert "more13" not in texts_of(page, "ahead1-0")
    assert button.get_attribute("aria-pressed") == "false"
    assert not page.get_by_role("button", name="choose none").is_visible()


def check_hover(page):
    # The marks of the middles are drawn last, and so on top.
    page.locator("#cost-0 .mark-symbol path").last.hover(force=True)
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    assert "agent" in tooltip.inner_text()
    assert "test accuracy, %" in tooltip.inner_text()


CUT = """() => [...document.querySelectorAll(".chart svg")].flatMap((svg) => {
  const room = svg.getBoundingClientRect();
  return [...svg.querySelectorAll("text")].filter((text) => {
    const box = text.getBoundingClientRect();
    return box.width > 0 && (box.left < room.left - 1 || box.right > room.right + 1);
  }).map((text) => text.textContent);
})"""
"""JavaScript: the texts of all charts that do not fit into theirs."""


def check_widths(page):
    for width in (1360, 390, 360):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        assert page.evaluate(CUT) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # a table that is cut says so
        boxes = page.locator(".scroll:visible")
        cut = boxes.evaluate_all("boxes => boxes.map((b) => b.scrollWidth > b.clientWidth + 2)")
        said = page.locator(".wide").evaluate_all(
            """boxes => boxes.map((b) => getComputedStyle(b, "::before").content)"""
        )
        assert said == ['"more columns: scroll →"' if is_cut else "none" for is_cut in cut]
        assert any(cut) or width > 400
